import IPAddressing
import Inventory
package import NetworkModel

/// Which of the kernel's events may concern our objects; the others, of which a busy node has many,
/// are ignored.
package struct Watchlist: Hashable, Sendable {
    /// The devices of the plan's objects and packets, by the kernel's index.
    private var devices: Set<String> = []
    /// The indices of the devices.
    private var deviceIndices: Set<Int> = [KernelEvent.allDevices]

    /// Our own devices.
    private var ownIndices: Set<Int> = []
    /// The destinations of our routes.
    private var prefixes: Set<IPPrefix> = []

    /// True if namespaces of ours are planned.
    private var hasNamespaces = false
    /// Our addresses in them.
    private var addressesInside: Set<IPAddress> = []
    /// Our devices in them.
    private var linksInside: Set<String> = []
    /// What our neighbours and forwarding entries in them lead to.
    private var peersInside: Set<IPAddress> = []

    /// True if rules of ours are, or may have to be, in foreign chains.
    private var hasAccepts = false
    /// True if the plan is empty.
    private var isEmpty = true

    /// Concerns nothing.
    package init() {}

    /// - Parameter index: The kernel's number of a device; nil if there is no device of that name.
    package init(of plan: HostPlan, on observed: HostState, index: (String) -> Int?) {
        guard !plan.isEmpty else { return }
        let resolved = plan.resolved(on: observed)
        isEmpty = false
        hasAccepts = !plan.accepts.isEmpty
        prefixes = Set(resolved.routes.map(\.value.destination))
        hasNamespaces = !resolved.namespaces.isEmpty
        let inside = resolved.namespaces.map(\.value.content)
        addressesInside = Set(inside.flatMap { $0.addresses.map(\.value.address) })
        linksInside = Set(inside.flatMap { $0.links.map(\.value.name) })
        peersInside = Set(inside.flatMap { $0.neighbours.map(\.value.address) })
        peersInside.formUnion(inside.flatMap { $0.forwardingEntries.map(\.value.destination) })
        let own = resolved.links.map(\.value.name)
        devices.formUnion(own)
        for link in resolved.links {
            guard case .vxlan(let mesh) = link.value.kind, let underlay = mesh.underlay else {
                continue
            }
            devices.insert(underlay)
        }
        devices.formUnion(resolved.settings.map(\.value.setting.device))
        for route in observed.routes where route.isOurs {
            devices.formUnion(route.nextHops.compactMap(\.device))
        }
        devices.formUnion(plan.host.host.addresses.compactMap(observed.device))
        deviceIndices.formUnion(devices.compactMap(index))
        ownIndices = Set(own.compactMap(index))
    }

    /// True if `event` may have removed or changed an object of ours.
    package func concerns(_ event: KernelEvent) -> Bool {
        guard !isEmpty else { return false }
        if event.isElsewhere { return hasNamespaces && concernsNamespaces(event) }
        switch event.subject {
        case .link(let name, let index, _): return devices.contains(name) || deviceIndices.contains(index)
        case .address(_, let device), .setting(let device): return deviceIndices.contains(device)
        case .route(let prefix, let routeProtocol):
            return routeProtocol == Ownership.routeProtocol || prefixes.contains(prefix)
        case .policyRule(let madeBy), .nextHop(let madeBy): return madeBy == Ownership.routeProtocol
        case .neighbour(let device, _): return ownIndices.contains(device)
        case .table(let name):
            return name == Ownership.table || hasAccepts && name == "filter" && event.isGone
        case .chain(let chain, let table), .filterRule(let chain, let table):
            return table == Ownership.table
                || hasAccepts && table == "filter" && ["FORWARD", "DOCKER-USER"].contains(chain)
        case .transaction: return false
        }
    }

    /// True if `event` may be of a namespace of ours: containers have others, in which the same things happen
    /// at each start. What is not recognised by our marks is found by the next check of the whole host.
    private func concernsNamespaces(_ event: KernelEvent) -> Bool {
        switch event.subject {
        case .link(let name, _, _): linksInside.contains(name)
        case .address(let address, _): address.map(addressesInside.contains) ?? false
        case .route(_, let routeProtocol): routeProtocol == Ownership.routeProtocol
        case .setting(let device): device == KernelEvent.allDevices
        case .table(let name), .chain(_, let name), .filterRule(_, let name): name == Ownership.table
        case .neighbour(_, let address): address.map(peersInside.contains) ?? false
        case .policyRule, .nextHop, .transaction: false
        }
    }
}
