package import IPAddressing
package import Inventory
import NetworkModel

/// Derives from an inventory the plan of each host, and what the owners of other devices must configure.
package struct NetworkPlanner: Sendable {
    /// The inventory.
    package let inventory: Inventory

    /// What all hosts of a path share, in the order of the paths.
    let segments: [Int: VXLANSegment]
    /// The clusters by their keys.
    let clusters: [String: Cluster]
    /// The sites by their keys.
    let sites: [String: Site]

    /// The clusters with outer addresses.
    let mapped: [String: MappedCluster]

    /// Which relays carry on this host.
    let choices: RelayChoices

    /// A planner for a checked inventory.
    ///
    /// - Parameter choices: As the agent of the host has made them.
    package init(_ inventory: Inventory, choices: RelayChoices = RelayChoices()) {
        self.inventory = inventory
        self.choices = choices
        clusters = Dictionary(inventory.clusters.map { ($0.key, $0) }) { first, _ in first }
        sites = Dictionary(inventory.sites.map { ($0.key, $0) }) { first, _ in first }
        mapped = MappedCluster.all(in: inventory.clusters)
        var segments: [Int: VXLANSegment] = [:]
        for (index, path) in inventory.paths.enumerated() {
            guard case .vxlan(let settings) = path.carrier else { continue }
            let members = path.ends.keys.compactMap { key in inventory.clusters.first { $0.key == key } }
            segments[index] = VXLANSegment(settings, members: members, path: path)
        }
        self.segments = segments
    }

    /// Every host of the inventory, in its order, with or without a role.
    package var hosts: [LocatedHost] { inventory.hosts }

    /// The host that `name` (`NAME` or `CLUSTER-OR-SITE/NAME`) means; nil if there is none.
    package func host(named name: String) -> LocatedHost? {
        inventory.host(name, in: inventory.clusters.map(\.key) + inventory.sites.map(\.key))
    }

    /// The hosts with one of `addresses`; see `Inventory`.
    package func hosts(carrying addresses: [IPAddress]) -> [LocatedHost] {
        inventory.hosts(carrying: addresses)
    }

    /// The plan of `host`.
    package func plan(for host: LocatedHost) -> HostPlan {
        var builder = PlanBuilder(host: host)
        for index in inventory.paths.indices { contribute(index, to: &builder) }
        announceService(in: &builder)
        return builder.finished
    }

    /// The plan of `host`, as if these paths were the only ones.
    func plan(for host: LocatedHost, paths: some Sequence<Int>) -> HostPlan {
        var builder = PlanBuilder(host: host)
        for index in paths { contribute(index, to: &builder) }
        return builder.finished
    }

    /// What each path needs on `host`, as if it were the only path; paths that need nothing are omitted.
    package func pathPlans(for host: LocatedHost) -> [PathPlan] {
        inventory.paths.indices.compactMap { index in
            let plan = plan(for: host, paths: CollectionOfOne(index))
            return plan.isEmpty ? nil : PathPlan(path: inventory.paths[index], plan: plan)
        }
    }

    /// - Parameter index: Of the path.
    private func contribute(_ index: Int, to builder: inout PlanBuilder) {
        let path = inventory.paths[index]
        switch path.carrier {
        case .relay:
            for planning in RelayPlanning.all(of: path, self) { planning.contribute(to: &builder) }
        case .routed:
            refuseMaps(of: path, in: &builder)
            RoutedPlanning(planner: self, path: path).contribute(to: &builder)
        case .vxlan:
            guard let segment = segments[index] else { return }
            VXLANPlanning(planner: self, path: path, segment: segment).contribute(to: &builder)
        }
    }

    /// Relays and segments translate: with plain routes a host of a cluster with a map would send inner
    /// addresses.
    private func refuseMaps(of path: Path, in builder: inout PlanBuilder) {
        let ends = path.ends.keys.filter { mapped[$0] != nil }
        guard path.isMapped, let key = ends.first, path.ends.keys.contains(builder.host.place) else { return }
        builder.note(
            .refusal,
            "\(path.label): the addresses of \(key) are mapped, and plain routes lead to no outer"
                + " addresses: use \"via: relay\" or \"via: vxlan\", or say \"map: false\" if the inner"
                + " addresses of all ends differ")
    }

    /// Which outer addresses stand for those of a cluster or site; empty if it has none.
    func addressMap(of key: String) -> PrefixMap {
        clusters[key]?.addressMap ?? sites[key]?.addressMap ?? PrefixMap()
    }

    /// The plans of all hosts with a role, in the order of the inventory.
    package func plans() -> [HostPlan] {
        hosts.map { plan(for: $0) }.filter(\.hasPart)
    }

    /// What must be configured in devices that are not ours, in the order of the paths.
    package func instructions() -> [OwnerInstruction] {
        var list = InstructionList()
        for path in inventory.paths {
            switch path.carrier {
            case .relay:
                for planning in RelayPlanning.all(of: path, self) { planning.instruct(&list) }
            case .routed: RoutedPlanning(planner: self, path: path).instruct(&list)
            case .vxlan: break
            }
            addPools(of: path, to: &list)
        }
        return list.instructions
    }

    /// Calico preserves source addresses only towards prefixes for which it has a pool.
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
            let pods = path.targets.pods ? path.seen(peer.pods, of: peer) : []
            let services = path.targets.services ? path.seen(peer.services, of: peer) : []
            for (kind, prefixes) in [("pod", pods), ("svc", services)] {
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

/// Collects instructions, one for each subject, without duplicates.
struct InstructionList {
    /// The instructions so far.
    private(set) var instructions: [OwnerInstruction] = []
    /// The place of each subject's instruction.
    private var position: [OwnerInstruction.Subject: Int] = [:]
    /// The destinations that have a route, by the place of the instruction.
    private var routed: [Int: Set<IPPrefix>] = [:]

    /// Adds a route to the instruction of `subject`.
    mutating func add(_ route: RouteAdvice, to subject: OwnerInstruction.Subject) {
        let index = index(of: subject)
        if routed[index, default: []].insert(route.destination).inserted {
            instructions[index].routes.append(route)
        }
    }

    /// Adds a pool to the instruction of `subject`.
    mutating func add(_ pool: AddressPool, to subject: OwnerInstruction.Subject) {
        let index = index(of: subject)
        if !instructions[index].pools.contains(where: { $0.prefix == pool.prefix }) {
            instructions[index].pools.append(pool)
        }
    }

    /// Adds an empty instruction for `subject`, if there is none.
    mutating func mention(_ subject: OwnerInstruction.Subject) { _ = index(of: subject) }

    /// The place of the instruction of `subject`, which is added if needed.
    private mutating func index(of subject: OwnerInstruction.Subject) -> Int {
        if let index = position[subject] { return index }
        position[subject] = instructions.count
        instructions.append(OwnerInstruction(subject: subject))
        return instructions.count - 1
    }
}

extension Path {
    /// `path office -> prod via relay`: the reason of each object made for it.
    package var label: String { text.plain }

    /// The ends and the carrier of the path, as text.
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

extension Inventory {
    /// The hosts with one of `addresses`; of several, the one that alone has one of them, because two
    /// clusters may use the same node addresses.
    package func hosts(carrying addresses: [IPAddress]) -> [LocatedHost] {
        let own = Set(addresses)
        let found = hosts.filter { !own.isDisjoint(with: $0.host.addresses) }
        var holders: [IPAddress: Int] = [:]
        for address in found.flatMap(\.host.addresses) { holders[address, default: 0] += 1 }
        let certain = found.filter { $0.host.addresses.contains { own.contains($0) && holders[$0] == 1 } }
        return certain.count == 1 ? certain : found
    }
}

extension String {
    /// The text without characters that are special to a shell or to nft: names from the file are passed
    /// to both.
    var plain: String {
        String(map { $0.isLetter || $0.isNumber || " ->,./_<:@+".contains($0) ? $0 : "_" })
    }
}

extension CNI {
    /// The device that encapsulates pod packets to other nodes; nil if there is none.
    package var tunnelDevice: String? {
        switch self {
        case .calicoIPIP: "tunl0"
        case .calicoVXLAN: "vxlan.calico"
        case .flannelVXLAN: "flannel.1"
        default: nil
        }
    }

    /// True if packets of pods to addresses outside of the cluster leave with the node's address unless the
    /// cluster's owner changes that.
    var masqueradesAlways: Bool {
        switch self {
        case .flannelVXLAN, .flannelHostGateway, .cilium, .other: true
        case .calicoIPIP, .calicoVXLAN, .calicoBGP, .vpc: false
        }
    }
}
