import IPAddressing
import Inventory
import NetworkModel

/// What hosts need for a path whose ends are on one link: routes to the nodes of the pods.
struct RoutedPlanning {
    /// The planner with the inventory.
    let planner: NetworkPlanner
    /// The path.
    let path: Path

    /// The pairs of near and far end; a mutual path has each cluster as both.
    var directions: [(near: String, far: Cluster)] {
        switch path.ends {
        case .oneWay(let from, let to): planner.clusters[to].map { [(from, $0)] } ?? []
        case .mutual(let members):
            members.flatMap { near in
                members.filter { $0 != near }.compactMap { planner.clusters[$0] }.map { (near, $0) }
            }
        }
    }

    /// Adds what the path needs on the builder's host.
    func contribute(to builder: inout PlanBuilder) {
        let host = builder.host
        for (near, far) in directions {
            for family in AddressFamily.allCases {
                guard
                    let traffic = PathTraffic(
                        family, sources: planner.routedSources(of: near), to: far, targets: path.targets)
                else { continue }
                if host.isNode && host.place == near
                    || planner.routers(of: near).contains(where: { $0.isSame(as: host) })
                {
                    approach(traffic, near: near, far, in: &builder)
                }
                if host.isNode, host.place == far.key { receive(traffic, near: near, far, in: &builder) }
            }
        }
    }

    /// The near side: routes to each node's pods, and to the services through nodes.
    private func approach(
        _ traffic: PathTraffic, near: String, _ far: Cluster, in builder: inout PlanBuilder
    ) {
        builder.take(role: builder.host.isNode ? .node : .router)
        let because = path.label
        if let uplink = builder.host.host.uplink(traffic.family) {
            builder.forwarding(traffic.family, uplink, because: because)
        }
        if path.targets.pods {
            for node in far.nodes {
                for prefix in joined(node.pods.of(traffic.family)) {
                    builder.route(to: prefix, through: [node.host], because: because)
                }
            }
            builder.noteBlocks(of: far.nodes.map { ($0.name, $0.pods) }, in: far, because: because)
        }
        let entries = planner.entries(of: far, traffic.family, for: builder.host)
        for prefix in traffic.services.prefixes {
            builder.route(to: prefix, through: entries.map(\.host), because: because)
        }
        if !builder.host.isNode { builder.allowResolvers(far.dns.map(\.address)) }
        builder.accept(traffic, because: because)
    }

    /// The far side: answers to a site's clients go to its router, and requests to services are translated.
    private func receive(
        _ traffic: PathTraffic, near: String, _ far: Cluster, in builder: inout PlanBuilder
    ) {
        let because = path.label
        builder.take(role: .node)
        if let uplink = builder.host.host.uplink(traffic.family) {
            builder.forwarding(traffic.family, uplink, because: because)
        }
        if let site = planner.sites[near],
            let router = site.routers.first(where: { $0.family == traffic.family })
        {
            let own = builder.host.host.addresses
            for source in traffic.sources.prefixes where !own.contains(where: { source.contains($0) }) {
                builder.route(
                    Route(destination: source, nextHops: [NextHop(gateway: router)]), because: because)
            }
        }
        planner.enterServices(traffic, of: far, &builder, because: because)
        builder.accept(traffic, because: because)
    }

    /// The routes to enter in the router of a site.
    func instruct(_ list: inout InstructionList) {
        guard case .oneWay(let from, let to) = path.ends, let site = planner.sites[from],
            !site.routers.isEmpty,
            let cluster = planner.clusters[to]
        else { return }
        let subject = OwnerInstruction.Subject.router(site: from, addresses: site.routers)
        for node in cluster.nodes where path.targets.pods {
            for prefix in node.pods {
                guard let gateway = node.host.address(prefix.family) else { continue }
                let hop = NamedAddress(name: node.name, address: gateway)
                list.add(RouteAdvice(destination: prefix, nextHops: [hop], because: path.label), to: subject)
            }
        }
        for prefix in path.targets.services ? cluster.services : [] {
            let hops = planner.entries(of: cluster, prefix.family).compactMap { node in
                node.host.address(prefix.family).map { NamedAddress(name: node.name, address: $0) }
            }
            guard !hops.isEmpty else { continue }
            list.add(RouteAdvice(destination: prefix, nextHops: hops, because: path.label), to: subject)
        }
    }
}

extension NetworkPlanner {
    /// On one link nodes ask with their own addresses, besides their pods.
    func routedSources(of key: String) -> [IPPrefix] {
        guard let cluster = clusters[key] else { return sources(of: key) }
        return cluster.pods + cluster.nodes.flatMap { $0.addresses.map { IPPrefix(only: $0) } }
    }

    /// The node of `cluster` that `host` uses for services: neighbours in the list use different ones.
    func entries(of cluster: Cluster, _ family: AddressFamily, for host: LocatedHost) -> [Node] {
        let nodes = cluster.nodes.filter { $0.host.address(family) != nil }
        guard host.isNode, !nodes.isEmpty else { return entries(of: cluster, family) }
        let position = clusters[host.place]?.nodes.firstIndex { $0.name == host.host.name } ?? 0
        return [nodes[position % nodes.count]]
    }

    /// A node that takes requests to its cluster's services from outside hides their sources behind itself,
    /// unless the cluster leads answers back by itself: else a pod on another node would answer past it.
    ///
    /// - Parameter device: A device of ours that the requests come in by; nil for one of the host.
    func enterServices(
        _ traffic: PathTraffic, of cluster: Cluster, by device: String? = nil, _ builder: inout PlanBuilder,
        because: String
    ) {
        guard !traffic.services.isEmpty else { return }
        builder.take(role: .entry)
        builder.noteServices(of: cluster, cameInBy: device, because: because)
        if !cluster.hides(traffic.sources) {
            builder.translateServices(traffic, .masquerade(isFullyRandom: true), because: because)
        }
        builder.refuseUnusedServices(traffic, because: because)
    }
}
