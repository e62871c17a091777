package import IPAddressing
package import Inventory
package import NetworkModel
package import NetworkPlanning
package import PacketPath

/// Builds the machines that packets may pass from a file: hosts as planned, clouds' route tables and routers
/// as their owners are told to fill them, and what joins them.
package struct NetworkBuilder {
    /// The file, with a router for each site.
    let inventory: Inventory
    /// The planner of that file.
    let planner: NetworkPlanner
    /// What owners of other devices enter.
    let instructions: [OwnerInstruction]
    /// Observed hosts by place and name, as in `prod/relay1`.
    let observed: [String: HostState]
    /// Whether hosts are as their plan makes them.
    let isApplied: Bool

    /// The nodes of each cluster that are told apart, by the cluster's key.
    private var chosen: [String: Cluster] = [:]
    /// The network so far.
    private(set) var map = NetworkMap()
    /// The hosts' own addresses, by which others reach them, and their places.
    private var hostAddresses: [(place: String, address: IPAddress)] = []

    /// The nodes of one cluster that are told apart besides those with a part in a path.
    private static let mostNodes = 3
    /// In a cluster with fewer nodes, all of them are planned for, if the file has few hosts as well.
    private static let manyNodes = 32
    /// A file with more hosts counts as large: of its clusters only nodes that are told apart are planned.
    private static let manyHosts = 128

    /// - Parameters:
    ///   - observed: The states of hosts by place and name.
    ///   - isApplied: True if the plan of each host counts as applied.
    ///   - addresses: A cluster of many nodes counts as one of few, among them those with these addresses, or
    ///     with pods that have them; nil: no cluster does.
    ///   - choices: Which relays carry, as an agent has chosen.
    package init(
        _ inventory: Inventory, observed: [String: HostState] = [:], isApplied: Bool = true,
        condensedTo addresses: [IPAddress]? = nil, choices: RelayChoices = RelayChoices()
    ) {
        var whole = inventory
        if let addresses {
            let isSmall = inventory.hosts.count <= Self.manyHosts
            whole.clusters = inventory.clusters.map { cluster in
                isSmall && cluster.nodes.count < Self.manyNodes
                    ? cluster : Self.narrowed(cluster, of: inventory, to: addresses, observed: observed)
            }
            if whole.clusters != inventory.clusters {
                whole.paths = NetworkPlanner(inventory).inventoryWithEndpoints.paths
            }
        }
        for index in whole.sites.indices where whole.sites[index].routers.isEmpty {
            whole.sites[index].routers = Self.routers(of: whole.sites[index])
        }
        self.inventory = whole
        planner = NetworkPlanner(whole, choices: choices)
        instructions = planner.instructions()
        self.observed = observed
        self.isApplied = isApplied
    }

    /// The first address of each family of a site: where its router is, if the file does not say.
    private static func routers(of site: Site) -> [IPAddress] {
        AddressFamily.allCases.compactMap { family in
            guard let network = site.networks.first(where: { $0.family == family }) else { return nil }
            let taken = Set(site.hosts.flatMap(\.addresses))
            return (1...20).lazy.map { IPAddress(family: family, bits: network.address.bits + $0) }
                .first { !taken.contains($0) && network.contains($0) }
        }
    }

    /// The network, with the nodes that have `addresses` or pods with them.
    package mutating func network(with addresses: [IPAddress] = []) -> NetworkMap {
        map = NetworkMap()
        hostAddresses = []
        for cluster in inventory.clusters {
            chosen[cluster.key] = Self.narrowed(
                cluster, of: inventory, to: addresses, observed: observed)
        }
        for host in relevantHosts(addresses) { add(host) }
        for cluster in inventory.clusters { addOtherNode(of: cluster) }
        for site in inventory.sites { addRouter(of: site) }
        for cluster in inventory.clusters { addTables(of: cluster) }
        addUnderlay()
        return map
    }

    // MARK: - Hosts

    /// The cluster with the nodes that matter alone: a thousand equal nodes show nothing that three do not.
    private static func narrowed(
        _ cluster: Cluster, of inventory: Inventory, to addresses: [IPAddress], observed: [String: HostState]
    ) -> Cluster {
        var named: Set<String> = []
        for path in inventory.paths {
            guard case .relay(let settings) = path.carrier else { continue }
            for reference in settings.relays.map(\.host) + (settings.endpoint.map { [$0] } ?? []) {
                if let host = inventory.host(reference, in: path.ends.keys.reversed()),
                    host.place == cluster.key
                {
                    named.insert(host.host.name)
                }
            }
        }
        var narrow = cluster
        var others = 0
        narrow.nodes = cluster.nodes.filter { node in
            let isAsked = addresses.contains { address in
                node.addresses.contains(address) || node.pods.contains { $0.contains(address) }
            }
            if named.contains(node.name) || isAsked || observed["\(cluster.key)/\(node.name)"] != nil {
                return true
            }
            others += 1
            return others <= mostNodes
        }
        return narrow
    }

    /// The hosts that packets may pass.
    private func relevantHosts(_ addresses: [IPAddress]) -> [LocatedHost] {
        inventory.hosts.filter { host in
            guard host.isNode else { return true }
            return chosen[host.place]?.nodes.contains { $0.name == host.host.name } == true
        }
    }

    /// Adds a host and its namespaces.
    private mutating func add(_ located: LocatedHost) {
        let cluster = located.isNode ? chosen[located.place] : nil
        let seen = observed["\(located.place)/\(located.host.name)"]
        let plan = planner.plan(for: located)
        var state = HostState()
        if let seen, seen.unread.isEmpty {
            state = seen
        } else {
            state = planned(located, plan, cluster)
            if let seen { state.takeRead(from: seen) }
        }
        let evidence: PacketTrace.Evidence = seen == nil ? .planned : .read
        let role = plan.roles.first?.rawValue ?? (located.isNode ? "node" : "host")
        let machine = Machine(
            name: located.host.name, role: role, state: state, evidence: evidence,
            knowledge: seen.map { observedKnowledge(of: located, cluster, $0) }
                ?? knowledge(of: located, cluster))
        let index = map.add(machine, place: located.place)
        let moving = state.addresses.map(\.address).filter(isVirtual)
        hostAddresses += (located.host.addresses + moving).map { (located.place, $0) }
        if let cluster, cluster.cni == .vpc {
            for prefix in located.podPrefixes {
                map.attach(prefix, behind: NetworkMap.Port(machine: index, device: cluster.podDevice))
            }
        }
        for namespace in state.namespaces {
            guard let inside = namespace.state else { continue }
            var knowledge = Machine.Knowledge()
            knowledge.forwards = false
            let inner = map.add(
                Machine(
                    name: namespace.name, role: "namespace on \(located.host.name)", state: inside,
                    evidence: evidence, knowledge: knowledge), place: located.place, owns: false)
            // Other nodes of a segment reach it by its address there.
            let meshes = Set(inside.links.filter(\.isMesh).map(\.name))
            map.give(inside.addresses.filter { meshes.contains($0.device) }, to: inner)
            let link = state.links.first { $0.kind == .veth(VethLink(namespace: namespace.name)) }
            guard let link else { continue }
            map.join(
                NetworkMap.Port(machine: index, device: link.name),
                NetworkMap.Port(machine: inner, device: VethLink.peer))
        }
    }

    /// The state of a host as planned.
    private func planned(_ located: LocatedHost, _ plan: HostPlan, _ cluster: Cluster?) -> HostState {
        let host = PlannedHost(located: located, inventory: inventory, cluster: cluster)
        var state = host.base()
        for step in isApplied ? difference(from: state, to: plan).steps : [] { state.apply(step.change) }
        if plan.roles.contains(.endpoint) { addTunnel(to: &state) }
        host.addPods(to: &state)
        if isApplied { addFailover(of: located, to: &state) }
        return state
    }

    /// The end of a VPN reaches sites through it.
    private func addTunnel(to state: inout HostState) {
        for site in inventory.sites {
            for network in site.networks {
                guard let router = site.routers.first(where: { $0.family == network.family }) else {
                    continue
                }
                state.routes.append(
                    Route(
                        destination: network, routeProtocol: Machine.assumedProtocol, metric: 4_000,
                        nextHops: [NextHop(gateway: router, device: "vpn")]))
            }
        }
    }

    /// What other programs give a host while all relays work: routes by BGP, and the address of VRRP.
    private func addFailover(of located: LocatedHost, to state: inout HostState) {
        for advice in planner.learnedRoutes(in: located.place, on: located) {
            let hops = advice.nextHops.map { hop in
                NextHop(gateway: hop.address, device: state.device(near: hop.address))
            }
            state.routes.append(learned(advice.destination, hops))
        }
        for path in inventory.paths {
            guard case .relay(let settings) = path.carrier, let virtual = settings.vrrp,
                let holder = virtualHolder(of: path, virtual.address),
                holder.place == located.place, holder.host.name == located.host.name
            else { continue }
            let named = virtual.interface.flatMap { state.link($0)?.name }
            guard let device = named ?? state.device(near: virtual.address) else { continue }
            state.addresses.append(
                InterfaceAddress(
                    device: device, address: virtual.address, length: virtual.address.family.bitWidth))
        }
    }

    /// The host that is taken to have a virtual address: of those that were not observed the preferred one,
    /// unless one that was observed has it; nil if none can have it.
    private func virtualHolder(of path: Path, _ address: IPAddress) -> LocatedHost? {
        guard !observed.values.contains(where: { $0.addresses.contains { $0.address == address } }) else {
            return nil
        }
        return planner.virtualHolder(of: path) { observed["\($0.place)/\($0.host.name)"] == nil }
    }

    /// True for an address that moves between relays.
    private func isVirtual(_ address: IPAddress) -> Bool {
        inventory.paths.contains { path in
            guard case .relay(let settings) = path.carrier else { return false }
            return settings.vrrp?.address == address
        }
    }

    /// A route by BGP.
    private func learned(_ destination: IPPrefix, _ hops: [NextHop]) -> Route {
        Route(
            destination: destination, routeProtocol: Machine.borderGatewayProtocol, metric: 32, nextHops: hops
        )
    }

    /// The routes by BGP of a device that is not ours.
    private func learned(in place: String) -> [Route] {
        guard isApplied else { return [] }
        return planner.learnedRoutes(in: place).map { advice in
            learned(advice.destination, advice.nextHops.map { NextHop(gateway: $0.address) })
        }
    }

    /// What is known of a host besides its state.
    private func knowledge(of located: LocatedHost, _ cluster: Cluster?) -> Machine.Knowledge {
        var knowledge = Machine.Knowledge()
        knowledge.forwards = located.isNode
        guard let cluster else { return knowledge }
        knowledge.edgeDevices = [cluster.podDevice]
        knowledge.tunnels = Set([cluster.tunnel?.device].compactMap(\.self))
        let services = ClusterServices(cluster, whole: inventory.cluster(cluster.key) ?? cluster)
        knowledge.proxies = services.proxies
        knowledge.dropsInvalid = cluster.kubeProxy.mode == .iptables
        knowledge.masquerades = services.masquerades(instructions)
        return knowledge
    }

    /// What is known of an observed host besides its state.
    private func observedKnowledge(
        of located: LocatedHost, _ cluster: Cluster?, _ state: HostState
    ) -> Machine.Knowledge {
        let services = cluster.map { ClusterServices($0, whole: inventory.cluster($0.key) ?? $0) }
        let read = ObservedHost(located: located, cluster: cluster, state: state).knowledge(services)
        guard !state.unread.isEmpty else { return read }
        var knowledge = knowledge(of: located, cluster)
        knowledge.unread = state.unread
        if !state.unread.contains(.routes) {
            knowledge.edgeDevices = read.edgeDevices
            knowledge.tunnels.formUnion(read.tunnels)
        }
        return knowledge
    }

    /// A node that the file does not tell of: where pods are that are on no known node.
    private mutating func addOtherNode(of cluster: Cluster) {
        let isWhole = !cluster.nodes.isEmpty && cluster.nodes.allSatisfy { !$0.pods.isEmpty }
        guard !cluster.pods.isEmpty, !isWhole, let narrow = chosen[cluster.key] else { return }
        let located = LocatedHost(
            place: cluster.key, host: Host(name: Self.otherNode, addresses: []), podPrefixes: cluster.pods,
            isNode: true)
        let planned = PlannedHost(located: located, inventory: inventory, cluster: narrow)
        var state = planned.base()
        planned.addPods(to: &state)
        for family in AddressFamily.allCases {
            state.routes.append(
                Route(
                    destination: .all(family), routeProtocol: Machine.assumedProtocol, metric: 4_000,
                    nextHops: [NextHop(gateway: nil, device: "eth0")]))
        }
        let knowledge = knowledge(of: located, narrow)
        let index = map.add(
            Machine(
                name: Self.otherNode, role: "node", state: state, evidence: .assumed, knowledge: knowledge),
            place: cluster.key)
        for prefix in cluster.pods {
            map.attach(prefix, behind: NetworkMap.Port(machine: index, device: cluster.podDevice))
        }
    }

    /// The name of a node that the file does not tell of.
    static let otherNode = "another node"
    /// What carries packets between hosts: no plan is applied there.
    static let underlayRole = "network"
}

// MARK: - What others own

extension NetworkBuilder {
    /// The router of a site, unless it is one of the hosts.
    private mutating func addRouter(of site: Site) {
        guard !site.routers.contains(where: { map.owner(of: $0, near: site.key) != nil }) else { return }
        var state = HostState(links: [Link(name: "lan", kind: .other(""), mtu: 1500)])
        for router in site.routers {
            let network = site.networks.first { $0.contains(router) } ?? IPPrefix(only: router)
            let address = InterfaceAddress(device: "lan", address: router, length: network.length)
            state.addresses.append(address)
        }
        for network in site.networks {
            state.routes.append(route(network, [NextHop(gateway: nil, device: "lan")], isAdvice: false))
        }
        for instruction in instructions {
            guard case .router(site.key, _) = instruction.subject else { continue }
            state.routes += advice(instruction)
        }
        state.routes += learned(in: site.key)
        state.routes += underlayRoutes(without: site.key, withSubnets: false)
        var knowledge = Machine.Knowledge()
        knowledge.isFabric = true
        knowledge.edgeDevices = ["lan"]
        map.add(
            Machine(
                name: "\(site.key)-router", role: "router", state: state, evidence: .planned,
                knowledge: knowledge), place: site.key)
    }

    /// The route tables of a cluster's subnets.
    private mutating func addTables(of cluster: Cluster) {
        for (name, subnets) in Dictionary(grouping: cluster.subnets, by: \.routeTable).sorted(by: {
            $0.key < $1.key
        }) {
            var state = HostState()
            for subnet in cluster.subnets {
                for network in subnet.networks {
                    state.routes.append(
                        route(network, [NextHop(gateway: nil, device: "local")], isAdvice: false))
                }
            }
            for instruction in instructions {
                guard case .routeTable(cluster.key, name) = instruction.subject else { continue }
                state.routes += advice(instruction)
            }
            state.routes += learned(in: cluster.key)
            state.routes += underlayRoutes(without: "")
            var knowledge = Machine.Knowledge()
            knowledge.isFabric = true
            let index = map.add(
                Machine(
                    name: name, role: "cloud route table", state: state, evidence: .planned,
                    knowledge: knowledge), place: cluster.key)
            map.addTable(index, of: cluster.key, for: PrefixSet(subnets.flatMap(\.networks)))
        }
    }

    /// What carries packets between hosts.
    private mutating func addUnderlay() {
        var knowledge = Machine.Knowledge()
        knowledge.isFabric = true
        let state = HostState(routes: underlayRoutes(without: ""))
        map.underlay = map.add(
            Machine(
                name: "the network", role: Self.underlayRole, state: state, evidence: .assumed,
                knowledge: knowledge), place: "")
    }

    /// The routes that an owner is told to enter.
    private func advice(_ instruction: OwnerInstruction) -> [Route] {
        guard isApplied else { return [] }
        return instruction.routes.map { advice in
            route(advice.destination, advice.nextHops.map { NextHop(gateway: $0.address) }, isAdvice: true)
        }
    }

    /// A route of a table that is not ours.
    private func route(_ prefix: IPPrefix, _ hops: [NextHop], isAdvice: Bool) -> Route {
        Route(
            destination: prefix, routeProtocol: isAdvice ? Machine.adviceProtocol : Machine.assumedProtocol,
            metric: isAdvice ? 0 : 4_000, nextHops: hops)
    }

    /// The addresses that networks between hosts carry by themselves: those of hosts, sites and subnets.
    ///
    /// - Parameter withSubnets: False for a router of a site, which no cloud has told of its subnets.
    private func underlayRoutes(without place: String, withSubnets: Bool = true) -> [Route] {
        var routes: [Route] = []
        for host in hostAddresses where host.place != place {
            routes.append(
                route(IPPrefix(only: host.address), [NextHop(gateway: nil, device: "out")], isAdvice: false))
        }
        for site in inventory.sites where site.key != place {
            for network in site.networks {
                guard let router = site.routers.first(where: { $0.family == network.family }) else {
                    continue
                }
                routes.append(route(network, [NextHop(gateway: router, device: "out")], isAdvice: false))
            }
        }
        for network in withSubnets ? inventory.clusters.flatMap(\.subnets).flatMap(\.networks) : [] {
            routes.append(route(network, [NextHop(gateway: nil, device: "out")], isAdvice: false))
        }
        return routes
    }
}

extension HostState {
    /// Replaces what is planned by what was read of the same host.
    fileprivate mutating func takeRead(from seen: HostState) {
        settings = seen.settings
        connections = seen.connections
        guard !seen.unread.contains(.routes) else { return }
        (links, addresses, routes, policyRules) = (seen.links, seen.addresses, seen.routes, seen.policyRules)
        (neighbours, forwardingEntries) = (seen.neighbours, seen.forwardingEntries)
        (unresolvedNeighbours, livingNeighbours) = (seen.unresolvedNeighbours, seen.livingNeighbours)
    }

    /// The device whose network has an address, else the one of the first address of its family.
    fileprivate func device(near address: IPAddress) -> String? {
        let own = addresses.filter { $0.address.family == address.family && !$0.address.isLoopback }
        return (own.first { $0.network.contains(address) } ?? own.first)?.device
    }
}
