package import IPAddressing
package import Inventory
import NetworkModel

/// The plan of one host: everything it shall have for the paths of `inventory`.
///
/// For many hosts make one `NetworkPlanner`: what the hosts of a mesh share is then worked out once.
package func desiredState(inventory: Inventory, host: LocatedHost) -> HostPlan {
    NetworkPlanner(inventory).plan(for: host)
}

/// Derives from an inventory what each host shall have, and what the owners of other devices must enter.
package struct NetworkPlanner: Sendable {
    package let inventory: Inventory

    /// What all hosts of a path share, in the order of the paths.
    let segments: [Int: VXLANSegment]
    let clusters: [String: Cluster]
    let sites: [String: Site]

    package init(_ inventory: Inventory) {
        self.inventory = inventory
        clusters = Dictionary(inventory.clusters.map { ($0.key, $0) }) { first, _ in first }
        sites = Dictionary(inventory.sites.map { ($0.key, $0) }) { first, _ in first }
        var segments: [Int: VXLANSegment] = [:]
        for (index, path) in inventory.paths.enumerated() {
            guard case .vxlan(let settings) = path.carrier else { continue }
            let members = path.ends.keys.compactMap { key in inventory.clusters.first { $0.key == key } }
            segments[index] = VXLANSegment(settings, members: members, path: path)
        }
        self.segments = segments
    }

    /// Every host of the inventory, in its order, whether or not it has a part.
    package var hosts: [LocatedHost] {
        inventory.clusters.flatMap { cluster in
            cluster.nodes.map {
                LocatedHost(place: cluster.key, host: $0.host, podPrefixes: $0.pods, isNode: true)
            }
                + cluster.hosts.map {
                    LocatedHost(place: cluster.key, host: $0, podPrefixes: [], isNode: false)
                }
        }
            + inventory.sites.flatMap { site in
                site.hosts.map { LocatedHost(place: site.key, host: $0, podPrefixes: [], isNode: false) }
            }
    }

    /// The host that `name` (`NAME` or `CLUSTER-OR-SITE/NAME`) means; nil where there is none.
    package func host(named name: String) -> LocatedHost? {
        inventory.host(name, in: inventory.clusters.map(\.key) + inventory.sites.map(\.key))
    }

    /// The hosts that carry one of `addresses`: one for a sane inventory.
    package func hosts(carrying addresses: [IPAddress]) -> [LocatedHost] {
        let own = Set(addresses)
        return hosts.filter { !own.isDisjoint(with: $0.host.addresses) }
    }

    package func plan(for host: LocatedHost) -> HostPlan {
        var builder = PlanBuilder(host: host)
        for index in inventory.paths.indices { contribute(index, to: &builder) }
        return builder.finished
    }

    /// What each path needs of `host`, as if it were the only one; paths that need nothing are left out.
    package func pathPlans(for host: LocatedHost) -> [PathPlan] {
        inventory.paths.indices.compactMap { index in
            var builder = PlanBuilder(host: host)
            contribute(index, to: &builder)
            let plan = builder.finished
            return plan.isEmpty ? nil : PathPlan(path: inventory.paths[index], plan: plan)
        }
    }

    /// - Parameter index: Of the path.
    private func contribute(_ index: Int, to builder: inout PlanBuilder) {
        let path = inventory.paths[index]
        switch path.carrier {
        case .relay(let settings):
            RelayPlanning(planner: self, path: path, settings: settings)?.contribute(to: &builder)
        case .routed: RoutedPlanning(planner: self, path: path).contribute(to: &builder)
        case .vxlan:
            guard let segment = segments[index] else { return }
            VXLANPlanning(planner: self, path: path, segment: segment).contribute(to: &builder)
        }
    }

    /// The plans of all hosts that have a part, in the order of the inventory.
    package func plans() -> [HostPlan] {
        hosts.map { plan(for: $0) }.filter(\.hasPart)
    }

    /// What must be entered in devices that are not ours, in the order of the paths.
    package func instructions() -> [OwnerInstruction] {
        var list = InstructionList()
        for path in inventory.paths {
            switch path.carrier {
            case .relay(let settings):
                RelayPlanning(planner: self, path: path, settings: settings)?.instruct(&list)
            case .routed: RoutedPlanning(planner: self, path: path).instruct(&list)
            case .vxlan: break
            }
            addPools(of: path, to: &list)
        }
        return list.instructions
    }

    /// Calico leaves the sources of packets alone only toward prefixes that it has a pool for.
    private func addPools(of path: Path, to list: inout InstructionList) {
        let pairs: [(near: String, far: String)] =
            switch path.ends {
            case .oneWay(let from, let to): [(from, to)]
            case .mutual(let members):
                members.flatMap { near in members.filter { $0 != near }.map { (near, $0) } }
            }
        for (near, far) in pairs {
            guard let cluster = clusters[near], cluster.cni?.isCalico == true, let peer = clusters[far] else {
                continue
            }
            for (kind, prefixes) in [("pod", peer.pods), ("svc", peer.services)] {
                for (index, prefix) in prefixes.enumerated() {
                    let name = "namebridge-\(kind)-\(far)" + (index == 0 ? "" : "-\(index + 1)")
                    list.add(
                        AddressPool(name: name, prefix: prefix, because: path.label),
                        to: .calico(cluster: near))
                }
            }
        }
    }
}

/// Collects instructions, one for each subject, without saying anything twice.
struct InstructionList {
    private(set) var instructions: [OwnerInstruction] = []
    private var position: [OwnerInstruction.Subject: Int] = [:]

    mutating func add(_ route: RouteAdvice, to subject: OwnerInstruction.Subject) {
        let index = index(of: subject)
        if !instructions[index].routes.contains(where: { $0.destination == route.destination }) {
            instructions[index].routes.append(route)
        }
    }

    mutating func add(_ pool: AddressPool, to subject: OwnerInstruction.Subject) {
        let index = index(of: subject)
        if !instructions[index].pools.contains(where: { $0.prefix == pool.prefix }) {
            instructions[index].pools.append(pool)
        }
    }

    mutating func mention(_ subject: OwnerInstruction.Subject) { _ = index(of: subject) }

    private mutating func index(of subject: OwnerInstruction.Subject) -> Int {
        if let index = position[subject] { return index }
        position[subject] = instructions.count
        instructions.append(OwnerInstruction(subject: subject))
        return instructions.count - 1
    }
}

extension Path {
    /// `path office -> prod via relay`: what each thing made for it is there for.
    package var label: String { text.plain }

    private var text: String {
        switch (ends, carrier) {
        case (.oneWay(let from, let to), .relay(let settings)):
            "path \(from) -> \(to) via \(settings.relays.map(\.host).joined(separator: ", "))"
        case (.oneWay(let from, let to), .routed): "path \(from) -> \(to) routed"
        case (.oneWay(let from, let to), .vxlan(let mesh)): "path \(from) -> \(to) via vxlan \(mesh.id)"
        case (.mutual(let members), .relay): "path \(members.joined(separator: " <-> ")) via relay"
        case (.mutual(let members), .routed): "path \(members.joined(separator: " <-> ")) routed"
        case (.mutual(let members), .vxlan(let mesh)):
            "path \(members.joined(separator: " <-> ")) via vxlan \(mesh.id)"
        }
    }
}

extension String {
    /// The text without what means something to a shell or to nft: names from the file go into both.
    var plain: String {
        String(map { $0.isLetter || $0.isNumber || " ->,./_<:@+".contains($0) ? $0 : "_" })
    }
}

extension CNI {
    /// The device that carries pod packets to other nodes inside others; nil where none does.
    package var tunnelDevice: String? {
        switch self {
        case .calicoIPIP: "tunl0"
        case .calicoVXLAN: "vxlan.calico"
        case .flannelVXLAN: "flannel.1"
        default: nil
        }
    }

    /// True where packets of pods to addresses outside of the cluster leave with the node's address, unless
    /// something is done about it that we do not do.
    var masqueradesAlways: Bool {
        switch self {
        case .flannelVXLAN, .flannelHostGateway, .cilium, .other: true
        case .calicoIPIP, .calicoVXLAN, .calicoBGP, .vpc: false
        }
    }
}
