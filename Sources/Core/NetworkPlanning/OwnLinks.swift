import Inventory
import NetworkModel

/// Our links on a host, and which of them must go before the wanted ones can be made.
///
/// The kernel takes neither two devices with one VXLAN number and port, nor another number, port or underlay
/// for a device that is there. And it takes a device's routes away with its last address, and all addresses
/// of a network with the first one of that network: a device whose addresses change is made anew, too.
struct OwnLinks {
    let wanted: [Link]
    let wantedAddresses: [InterfaceAddress]
    let present: HostState

    /// The links that go first, in the order of the host.
    var inTheWay: [Link] {
        let byName = Dictionary(wanted.map { ($0.name, $0) }) { first, _ in first }
        return present.links.filter(\.isOurs).filter { link in
            if let desired = byName[link.name] { return mustBeMadeAnew(link, as: desired) }
            return wanted.contains { $0.hasNumber(of: link) }
        }
    }

    private func mustBeMadeAnew(_ link: Link, as desired: Link) -> Bool {
        if link.kind != desired.kind { return true }
        let here = present.addresses.filter { $0.device == link.name && !$0.isLinkLocal }
        let wanted = wantedAddresses.filter { $0.device == link.name }
        guard let first = here.first, here.contains(where: { !wanted.contains($0) }) else { return false }
        return !wanted.contains(first) || wanted.contains { !here.contains($0) }
    }

    /// The changes that take `link` away with all of ours that is on it, what refers to others first.
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
        // The first address of a network would take the others along.
        for address in present.addresses.reversed()
        where address.device == link.name && !address.isLinkLocal {
            changes.append(.remove(.address(address)))
        }
        changes.append(.remove(.link(link)))
        return changes
    }
}

/// What is replaced together in a forwarding table.
struct ForwardingKey: Hashable {
    let device: String
    let mac: MACAddress

    init(_ entry: ForwardingEntry) {
        device = entry.device
        mac = entry.mac
    }

    /// Entries as they can be added one after the other: the first for each Ethernet address replaces what
    /// there is, further ones stand beside it.
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
    /// True if the kernel does not take both links on one host.
    func hasNumber(of other: Link) -> Bool {
        guard case .vxlan(let mesh) = kind, case .vxlan(let present) = other.kind else { return false }
        return mesh.id == present.id && mesh.port == present.port
    }
}
