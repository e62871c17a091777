import Inventory
import NetworkModel

/// Our links on a host, and which of them must be deleted before the planned ones can be made.
///
/// The kernel accepts neither two devices with one VXLAN number and port, nor another number, port or
/// underlay for an existing device. It also deletes a device's routes with its last address, and all
/// addresses of a network with the first one: a device whose addresses change is made again, too.
struct OwnLinks {
    /// The planned links.
    let wanted: [Link]
    /// The planned addresses.
    let wantedAddresses: [InterfaceAddress]
    /// The host as observed.
    let present: HostState
    /// Planned links in its namespaces: the numbers of VXLAN devices are the host's there, too.
    var elsewhere: [Link] = []

    /// The links that are deleted first, in the order of the host.
    var inTheWay: [Link] {
        let byName = Dictionary(wanted.map { ($0.name, $0) }) { first, _ in first }
        return present.links.filter(\.isOurs).filter { link in
            if let desired = byName[link.name] { return mustBeMadeAnew(link, as: desired) }
            return (wanted + elsewhere).contains { $0.hasNumber(of: link) }
        }
    }

    /// True if `link` cannot be changed into `desired`.
    private func mustBeMadeAnew(_ link: Link, as desired: Link) -> Bool {
        if link.kind != desired.kind { return true }
        if case .veth(let pair) = link.kind {
            // The other end is gone, or has another name.
            let inside = present.namespace(pair.namespace)?.state
            if inside?.link(VethLink.peer) == nil { return true }
        }
        // In a namespace, this end goes and comes with that on the host.
        if link.name == VethLink.peer { return false }
        let here = present.addresses.filter { $0.device == link.name && !$0.isLinkLocal }
        let wanted = wantedAddresses.filter { $0.device == link.name }
        guard let first = here.first, here.contains(where: { !wanted.contains($0) }) else { return false }
        return !wanted.contains(first) || wanted.contains { !here.contains($0) }
    }

    /// The changes that delete `link` with all our objects on it, referring objects first.
    func dismantling(_ link: Link) -> [Change] {
        var changes: [Change] = []
        for route in present.routes where route.isOurs && route.uses(link.name) {
            changes.append(.remove(.route(route)))
        }
        let entries = present.forwardingEntries.filter { $0.device == link.name }
        for object in ForwardingKey.objects(for: entries).reversed() { changes.append(.remove(object)) }
        for neighbour in present.neighbours where neighbour.device == link.name {
            changes.append(.remove(.neighbour(neighbour)))
        }
        // Deleting the first address of a network would delete the others.
        for address in present.addresses.reversed()
        where address.device == link.name && !address.isLinkLocal {
            changes.append(.remove(.address(address)))
        }
        changes.append(.remove(.link(link)))
        return changes
    }
}

extension HostState {
    /// The changes that delete devices of segments in our namespaces: the host has one device for each
    /// number, in whichever namespace that is.
    ///
    /// - Parameters:
    ///   - wanted: Links of the host that shall be made.
    ///   - inside: Those of its namespaces, by their names.
    func segmentsInTheWay(of wanted: [Link], inside: [(name: String, links: [Link])]) -> [Change] {
        var changes: [Change] = []
        for namespace in namespaces where namespace.isOurs {
            let others = wanted + inside.filter { $0.name != namespace.name }.flatMap { $0.links }
            for link in namespace.state?.links ?? [] where others.contains(where: { link.hasNumber(of: $0) })
            {
                changes.append(.inside(namespace.name, .remove(.link(link))))
            }
        }
        return changes
    }
}

/// The key of what is replaced together in a forwarding table.
struct ForwardingKey: Hashable {
    /// The device.
    let device: String
    /// The Ethernet address.
    let mac: MACAddress

    /// The key of `entry`.
    init(_ entry: ForwardingEntry) {
        device = entry.device
        mac = entry.mac
    }

    /// Entries in a form to be added in sequence: the first for each Ethernet address replaces existing ones,
    /// further ones are appended.
    static func objects(
        for entries: [ForwardingEntry], beside others: Set<ForwardingKey> = []
    ) -> [NetworkObject] {
        var seen = others
        return entries.map {
            seen.insert(ForwardingKey($0)).inserted ? .forwardingEntry($0) : .extraForwardingEntry($0)
        }
    }
}

extension Route {
    /// True if one of its next hops is on `device`.
    func uses(_ device: String) -> Bool { nextHops.contains { $0.device == device } }
}

extension Link {
    /// True if the kernel does not accept both links on one host.
    func hasNumber(of other: Link) -> Bool {
        guard case .vxlan(let mesh) = kind, case .vxlan(let present) = other.kind else { return false }
        return mesh.id == present.id && mesh.port == present.port
    }

    /// True if the kernel does not take this link beside `other`, which may take every number (id 0).
    func isKept(outBy other: Link) -> Bool {
        if hasNumber(of: other) { return true }
        guard case .vxlan(let mesh) = kind, case .vxlan(let present) = other.kind else { return false }
        return present.id == 0 && mesh.port == present.port
    }
}
