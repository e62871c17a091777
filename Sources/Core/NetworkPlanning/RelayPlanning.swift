import IPAddressing
import Inventory
import NetworkModel

/// What hosts need for a path whose packets are forwarded by relays.
struct RelayPlanning {
    /// The planner with the inventory.
    let planner: NetworkPlanner
    /// The path.
    let path: Path
    /// The path's relays and translation.
    let settings: RelaySettings

    /// The key of the near end, whose machines open the connections.
    let from: String

    /// The far end.
    let cluster: Cluster

    /// In the order of the file.
    let relays: [LocatedHost]
    /// The VPN's end; nil if the path has none.
    let endpoint: LocatedHost?

    /// By family: what the path carries, as the far end sees it.
    let traffic: [PathTraffic]

    /// The same as the near end sees it: with outer addresses of a far end that has a map, and its own.
    let nearTraffic: [PathTraffic]

    /// The near end with its names and numbers, if the path shows its outer addresses to the far end.
    let nearMapped: MappedCluster?

    /// Nil if the path's ends or relays do not exist, which `Inventory.check` reports.
    init?(planner: NetworkPlanner, path: Path, settings: RelaySettings) {
        guard case .oneWay(let from, let to) = path.ends, var cluster = planner.clusters[to] else {
            return nil
        }
        // A relay with a range of its own knows no others.
        if let map = path.addressMaps(of: cluster).first { cluster.addressMap = map }
        self.planner = planner
        self.path = path
        self.settings = settings
        self.from = from
        self.cluster = cluster
        relays = settings.relays.compactMap { planner.inventory.host($0.host, in: [to, from]) }
        endpoint = settings.endpoint.flatMap { planner.inventory.host($0, in: [to, from]) }
        guard !relays.isEmpty else { return nil }
        let isFarMapped = path.isMapped && cluster.isMapped
        nearMapped = path.isMapped && (isFarMapped || settings.source == .map) ? planner.mapped[from] : nil
        // Pods of a cluster with a map leave it with their own addresses: `leaveUntranslated`.
        let sources = nearMapped?.cluster.pods ?? planner.sources(of: from)
        let seen =
            nearMapped != nil || settings.source == .map
            ? sources.flatMap { planner.addressMap(of: from).outer(of: $0) } : sources
        let traffic = AddressFamily.allCases.compactMap {
            PathTraffic($0, sources: seen, to: cluster, targets: path.targets)
        }
        self.traffic = traffic
        nearTraffic = traffic.map { far in
            PathTraffic(
                PrefixSet(sources.of(far.family)), of: far,
                pods: path.seen(far.pods.prefixes, of: cluster),
                services: path.seen(far.services.prefixes, of: cluster))
        }
    }

    /// What the hosts of a path by relays need: where each relay has a range of its own, for each alone.
    static func all(of path: Path, _ planner: NetworkPlanner) -> [RelayPlanning] {
        path.throughEachRelay.compactMap { path in
            guard case .relay(let settings) = path.carrier else { return nil }
            return RelayPlanning(planner: planner, path: path, settings: settings)
        }
    }

    /// True if the far end sees an address for each client, its own or one that stands for it.
    var keepsSource: Bool { settings.source == .keep || settings.source == .map }

    /// Sources of `source: map` that no outer prefix stands for.
    var uncoveredSources: [IPPrefix] {
        let inner = PrefixSet(planner.addressMap(of: from).pairs.map(\.inner))
        let sources = nearMapped?.cluster.pods ?? planner.sources(of: from)
        return sources.filter { !inner.contains(PrefixSet([$0])) }
    }

    /// What stands for which source of one family on paths with `source: map`; else empty.
    func sourceMap(_ family: AddressFamily) -> [PrefixTranslation] {
        // A cluster's own namespace does it.
        guard settings.source == .map, nearMapped == nil else { return [] }
        let sources = planner.sources(of: from)
        return planner.addressMap(of: from).pairs.compactMap { pair in
            guard pair.inner.family == family, sources.contains(where: { $0.overlaps(pair.inner) }) else {
                return nil
            }
            return PrefixTranslation(from: pair.inner, to: pair.outer)
        }
    }

    /// The host through which the far end sends answers to the near end.
    var returnHosts: [LocatedHost] { endpoint.map { [$0] } ?? relays }

    /// The hosts to which the near end sends packets for the far end.
    var firstHops: [LocatedHost] { endpoint.map { [$0] } ?? relays }

    /// True if the relays send packets for services to a node, because they are not nodes themselves.
    var needsEntry: Bool {
        !relays.allSatisfy(isOwnNode) && path.targets.services && !cluster.services.isEmpty
    }

    /// True if the host is a node of the far cluster.
    func isOwnNode(_ host: LocatedHost) -> Bool { host.isNode && host.place == cluster.key }

    /// True if kube-proxy hides the path's clients behind the node of entry, with each family that
    /// has services.
    var kubeProxyMasquerades: Bool {
        traffic.allSatisfy { $0.services.isEmpty || cluster.hides($0.sources) }
    }

    /// The tunnel through which packets reach pods on other nodes.
    var tunnel: DeviceReference? { cluster.cni?.tunnelDevice.map { .named($0) } }

    /// True if requests reach the pods through the tunnel, but answers do not return through it: strict
    /// reverse path filters drop such packets on both sides.
    var isAsymmetric: Bool {
        guard tunnel != nil else { return false }
        switch settings.source {
        case .keep, .map, .snat(.nodeAddress), .snat(.addresses): return true
        case .snat(.masquerade): return false
        }
    }

    /// True if the cloud routes between the VPN's end and the pods without the relays: only requests to
    /// services pass a relay, and the clients of pods keep their addresses, on whichever node the pod is.
    var podsBypassRelays: Bool {
        guard mapped == nil, let endpoint, !relays.contains(where: { $0.isSame(as: endpoint) }) else {
            return false
        }
        return planner.isReachedByFabric(from: endpoint, to: relays, in: cluster)
            && PrefixSet.overlap(cluster.subnets.flatMap(\.networks), cluster.pods)
    }

    /// Adds what the path needs on the builder's host.
    func contribute(to builder: inout PlanBuilder) {
        let host = builder.host
        if relays.contains(where: { $0.isSame(as: host) }) { contributeRelay(to: &builder) }
        if let endpoint, endpoint.isSame(as: host) { contributeEndpoint(to: &builder) }
        if isRouter(host) { contributeRouter(to: &builder) }
        if host.isNode, host.place == cluster.key { contributeNode(to: &builder) }
        if isNearNode(host) { contributeNearNode(to: &builder) }
    }

    /// True if the host sends packets of the near end to the relays.
    func isLed(_ host: LocatedHost) -> Bool { isRouter(host) || isNearNode(host) }

    /// True for a router of the near end that is not itself the first machine of the path.
    private func isRouter(_ host: LocatedHost) -> Bool {
        planner.routers(of: from).contains { $0.isSame(as: host) }
            && !firstHops.contains { $0.isSame(as: host) }
    }

    /// True for a node of a near cluster without route tables of its own: it reaches the relays directly.
    private func isNearNode(_ host: LocatedHost) -> Bool {
        guard host.isNode, host.place == from, let near = planner.clusters[from] else { return false }
        return near.subnets.isEmpty && near.cni != .vpc && !relays.contains { $0.isSame(as: host) }
    }

    // MARK: The relay

    /// Adds what a relay needs.
    private func contributeRelay(to builder: inout PlanBuilder) {
        announce(in: &builder)
        if let mapped { return contributeMappedRelay(mapped, to: &builder) }
        let because = "path \(from) -> \(cluster.key) via \(builder.host.host.name)".plain
        builder.take(role: .relay)
        if let refusal = nearRefusal(host: builder.host) {
            return builder.note(.refusal, "\(because): \(refusal)")
        }
        if settings.source == .map, nearMapped == nil {
            builder.note(
                .refusal,
                "\(because): \"source: map\" needs a far end with outer addresses of its own: add"
                    + " clusters.\(cluster.key).map, or use \"source: snat\"")
        }
        builder.protect(relays.filter { !$0.isSame(as: builder.host) }.flatMap(\.host.addresses))
        for traffic in traffic {
            guard builder.host.host.address(traffic.family) != nil else {
                builder.note(
                    .warning,
                    "\(because): \(builder.host.host.name) has no IP\(traffic.family) address, so that"
                        + " nothing of IP\(traffic.family) is carried")
                continue
            }
            forward(traffic, in: &builder, because: because)
            if case .snat(let translation) = settings.source {
                translate(traffic, translation, in: &builder, because: because)
            } else {
                builder.filter(
                    FilterRule(
                        [.source(traffic.sources), .destination(PrefixSet(traffic.destinations))], .count,
                        comment: FilterRule.comment(because)))
            }
            if isOwnNode(builder.host) { builder.refuseUnusedServices(traffic, because: because) }
            builder.accept(traffic, because: because)
            builder.clamp(traffic, because: because)
            routeFromRelay(traffic, in: &builder, because: because)
        }
        leadOut(of: builder.host, in: &builder, because: because)
        warnRelay(&builder, because: because)
    }

    /// Forwarding of both directions, only on the devices concerned. The device at which a packet arrives
    /// decides: for requests the one towards the near end, for answers the one towards the far end.
    private func forward(_ traffic: PathTraffic, in builder: inout PlanBuilder, because: String) {
        let family = traffic.family
        if let uplink = builder.host.host.uplink(family) {
            builder.forwarding(family, uplink, because: because)
            loosenUplink(uplink, family, in: &builder, because: because)
        }
        let sources = nearMapped == nil ? traffic.sources.prefixes : []
        for prefix in traffic.pods.prefixes + sources {
            builder.forwarding(family, .toward(prefix), because: because)
        }
        guard !isOwnNode(builder.host) else { return }
        // Its routes to pods and services lead to nodes, and are added later.
        for node in planner.entries(of: cluster, family) {
            guard let address = node.host.address(family) else { continue }
            builder.forwarding(family, .toward(IPPrefix(only: address)), because: because)
        }
    }

    /// Answers may come in by another device than the one that leads to their source.
    func loosenUplink(
        _ uplink: DeviceReference, _ family: AddressFamily, in builder: inout PlanBuilder, because: String
    ) {
        guard family == .v4 else { return }
        if isAsymmetric {
            builder.setting(.reversePathFilter, .v4, of: uplink, to: 2, because: because)
        } else if let device = cluster.cni?.tunnelDevice {
            builder.loosen(uplink, whereBare: device, because: because)
        }
    }

    /// Adds the translation of one family's traffic.
    func translate(
        _ traffic: PathTraffic, _ translation: SourceTranslation, in builder: inout PlanBuilder,
        because: String
    ) {
        let action: FilterAction
        switch translation {
        case .masquerade: action = .masquerade(isFullyRandom: true)
        case .nodeAddress:
            guard let address = builder.host.host.address(traffic.family) else { return }
            action = .sourceTranslation(to: address, isFullyRandom: true)
        case .addresses(let addresses):
            if let address = addresses.first(where: { $0.family == traffic.family }) {
                action = .sourceTranslation(to: address, isFullyRandom: true)
            } else {
                builder.note(
                    .advice,
                    "\(because): snat names no IP\(traffic.family) address, so that IP\(traffic.family) is"
                        + " masqueraded")
                action = .masquerade(isFullyRandom: true)
            }
        }
        if podsBypassRelays {
            builder.translateServices(traffic, action, because: because)
        } else {
            builder.translate(traffic, action, because: because)
        }
    }

    /// A relay outside of the cluster has no routes to pods, unless its network has.
    private func routeFromRelay(_ traffic: PathTraffic, in builder: inout PlanBuilder, because: String) {
        if let endpoint, !endpoint.isSame(as: builder.host), cluster.subnets.isEmpty {
            for source in traffic.sources.prefixes {
                builder.route(to: source, through: [endpoint.host], because: because)
            }
        }
        guard !isOwnNode(builder.host) else { return }
        let nodes = cluster.nodes.filter { $0.host.address(traffic.family) != nil }
        if cluster.cni != .vpc {
            for node in nodes where path.targets.pods {
                for prefix in joined(node.pods.of(traffic.family)) {
                    builder.route(to: prefix, through: [node.host], because: because)
                }
            }
            if path.targets.pods {
                builder.noteRoutes(to: cluster.nodes, of: cluster, because: because)
            }
            notePods(traffic, in: &builder, because: because)
        }
        let entries = planner.entries(of: cluster, traffic.family)
        for prefix in traffic.services.prefixes {
            builder.route(to: prefix, through: entries.map(\.host), because: because)
        }
        if entries.isEmpty, !traffic.services.isEmpty {
            builder.note(
                .warning,
                "\(because): \(builder.host.host.name) is no node of \(cluster.key), and no node is known"
                    + " that knows its services")
        }
    }

    /// Says that a relay which is no node knows no way to pods.
    func notePods(_ traffic: PathTraffic, in builder: inout PlanBuilder, because: String) {
        guard path.targets.pods, !traffic.pods.isEmpty, cluster.nodes.allSatisfy({ $0.pods.isEmpty }) else {
            return
        }
        builder.note(
            .warning,
            "\(because): \(builder.host.host.name) is no node of \(cluster.key), and no node's pods are"
                + " known: give clusters.\(cluster.key).nodes their pods, or use a node as relay")
    }

    // MARK: The VPN's end

    /// Adds what the VPN's end needs.
    private func contributeEndpoint(to builder: inout PlanBuilder) {
        let because = path.label
        let host = builder.host
        builder.take(role: .endpoint)
        builder.protect(relays.flatMap(\.host.addresses))
        for traffic in nearTraffic {
            if let uplink = host.host.uplink(traffic.family) {
                builder.forwarding(traffic.family, uplink, because: because)
            }
            for source in traffic.sources.prefixes {
                builder.forwarding(traffic.family, .toward(source), because: because)
            }
            builder.accept(traffic, because: because)
            builder.clamp(traffic, because: because)
        }
        guard !relays.contains(where: { $0.isSame(as: host) }) else { return }
        guard !planner.isReachedByFabric(from: host, to: relays, in: cluster) else { return }
        lead(through: relays, in: &builder)
    }

    // MARK: The near end

    /// Adds what a host that is a site's router needs.
    private func contributeRouter(to builder: inout PlanBuilder) {
        let host = builder.host
        builder.take(role: .router)
        builder.protect(relays.flatMap(\.host.addresses))
        builder.allowResolvers(cluster.dns.map(\.address))
        for traffic in nearTraffic {
            if let uplink = host.host.uplink(traffic.family) {
                builder.forwarding(traffic.family, uplink, because: path.label)
            }
            for source in traffic.sources.prefixes {
                builder.forwarding(traffic.family, .toward(source), because: path.label)
            }
            for hop in firstHops {
                if let address = hop.host.address(traffic.family) {
                    builder.forwarding(
                        traffic.family, .toward(IPPrefix(only: address)), because: path.label)
                }
            }
            builder.accept(traffic, because: path.label)
        }
        lead(through: firstHops, in: &builder)
    }

    /// Nodes of a near cluster without route tables of its own reach the relays directly.
    private func contributeNearNode(to builder: inout PlanBuilder) {
        builder.take(role: .node)
        builder.protect(relays.flatMap(\.host.addresses))
        for traffic in nearTraffic {
            builder.accept(traffic, because: path.label)
            if let nearMapped {
                builder.leaveUntranslated(traffic, of: nearMapped.cluster, because: path.label)
            }
        }
        lead(through: firstHops, in: &builder)
    }
}

extension LocatedHost {
    /// True if both are the same host of the inventory.
    func isSame(as other: LocatedHost) -> Bool { place == other.place && host.name == other.host.name }

    /// Its place and its name, as in `prod/relay1`; unique in an inventory.
    package var reference: String { "\(place)/\(host.name)" }
}

extension NetworkPlanner {
    /// The addresses that connections from `key` come from: a site's networks, a cluster's pods, and its
    /// nodes if pods hide behind them.
    func sources(of key: String) -> [IPPrefix] {
        if let site = sites[key] { return site.networks }
        guard let cluster = clusters[key] else { return [] }
        guard cluster.cni?.masqueradesAlways ?? true else { return cluster.pods }
        return cluster.pods + cluster.nodes.flatMap { $0.addresses.map { IPPrefix(only: $0) } }
    }

    /// The hosts of a site that carry one of its router's addresses.
    func routers(of key: String) -> [LocatedHost] {
        guard let site = sites[key] else { return [] }
        return site.hosts.filter { !Set($0.addresses).isDisjoint(with: site.routers) }.map {
            LocatedHost(place: key, host: $0, podPrefixes: [], isNode: false)
        }
    }

    /// The nodes that accept packets to services from outside, at most four: each further one makes a failure
    /// more likely without reducing its effect.
    func entries(of cluster: Cluster, _ family: AddressFamily) -> [Node] {
        Array(cluster.nodes.filter { $0.host.address(family) != nil }.prefix(4))
    }

    /// True if the cloud's route tables, not the host's, lead from `host` to one of `others`.
    func isReachedByFabric(from host: LocatedHost, to others: [LocatedHost], in cluster: Cluster) -> Bool {
        guard !cluster.subnets.isEmpty else { return false }
        let own = subnet(of: host.host, in: cluster)
        return own == nil || !others.contains { subnet(of: $0.host, in: cluster) == own }
    }

    /// The subnet of `host`; nil if none is known.
    func subnet(of host: Host, in cluster: Cluster) -> Subnet? {
        cluster.subnets.first { subnet in
            host.addresses.contains { address in subnet.networks.contains { $0.contains(address) } }
        }
    }
}
