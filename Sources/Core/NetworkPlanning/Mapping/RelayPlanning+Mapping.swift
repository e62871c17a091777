import IPAddressing
import Inventory
import NetworkModel

/// Relays of clusters with outer addresses: packets take a turn through the cluster's own namespace.
///
/// ```
/// office -> host -> nb-KEY: outer becomes inner -> host, table of the cluster -> node
/// ```
extension RelayPlanning {
    /// The far end with its names and numbers; nil if the path uses inner addresses.
    var mapped: MappedCluster? {
        guard path.isMapped, let mapped = planner.mapped[cluster.key] else { return nil }
        return MappedCluster(cluster: cluster, slot: mapped.slot)
    }

    func contributeMappedRelay(_ mapped: MappedCluster, to builder: inout PlanBuilder) {
        let because = "path \(from) -> \(cluster.key) via \(builder.host.host.name)".plain
        builder.take(role: .relay)
        builder.protect(relays.filter { !$0.isSame(as: builder.host) }.flatMap(\.host.addresses))
        if let refusal = mappingRefusal(builder.host) {
            return builder.note(.refusal, "\(because): \(refusal)")
        }
        for (near, far) in zip(nearTraffic, traffic) {
            let family = near.family
            guard !near.destinations.isEmpty, builder.host.host.address(family) != nil else { continue }
            let own = mapped.ownAddress(family)
            let sources = (keepsSource ? far.sources.prefixes : []) + [IPPrefix(only: own)]
            guard let turned = PathTraffic(family, sources: sources, to: cluster, targets: path.targets)
            else { continue }
            lead(mapped, near, into: &builder, because: because)
            forwardMapped(mapped, near, in: &builder, because: because)
            let masked = PathTraffic(
                family, sources: [IPPrefix(only: own)], to: cluster, targets: path.targets)
            if let masked { translate(masked, translation, in: &builder, because: because) }
            if isOwnNode(builder.host) { builder.refuseUnusedServices(turned, because: because) }
            for traffic in [near, turned] {
                builder.accept(traffic, because: because)
                builder.clamp(traffic, because: because)
            }
            if !isOwnNode(builder.host) { routeInside(mapped, far, in: &builder, because: because) }
            if keepsSource { leadBack(mapped, far, in: &builder, because: because) }
        }
        builder.noteLiterals(of: cluster, because: because)
        warnRelay(&builder, because: because)
    }

    /// What this host cannot carry; nil if it can.
    private func mappingRefusal(_ host: LocatedHost) -> String? {
        if keepsSource, isOwnNode(host) {
            return "\"source: \(settings.source == .map ? "map" : "keep")\" needs a relay that is no node of"
                + " \(cluster.key), whose addresses are mapped: use another host, or \"source: snat\""
        }
        if planner.clusters[from]?.isMapped == true {
            return "a cluster with a map cannot open connections to others through a relay yet: use names of"
                + " \(cluster.key) without a path, or give \(from) addresses that nothing else has"
        }
        let uncovered = settings.source == .map ? uncoveredSources : []
        if let first = uncovered.first {
            return "\"source: map\" needs outer addresses for \(first): add it to the map of \(from)"
        }
        return nil
    }

    /// The address that the relay puts in for itself, and for others if sources are not kept.
    private var translation: SourceTranslation {
        if case .snat(let translation) = settings.source { translation } else { .masquerade }
    }

    // MARK: Into the namespace

    private func lead(
        _ mapped: MappedCluster, _ near: PathTraffic, into builder: inout PlanBuilder, because: String
    ) {
        let family = near.family
        let inner = near.destinations.flatMap { cluster.addressMap.inner(of: $0) }
        let own = builder.host.host.addresses
        builder.namespace(of: mapped, family, because: because) { namespace in
            namespace.pass(
                near, inner: inner, own: own,
                sources: keepsSource ? .kept(map: sourceMap(family)) : .masked, because: because)
        }
        for prefix in near.destinations {
            let hop = NextHop(gateway: mapped.ownAddress(family), device: mapped.device)
            builder.route(Route(destination: prefix, nextHops: [hop]), because: because)
            // Without the device, packets would go back to the router that they come from.
            builder.route(
                Route(
                    destination: prefix, kind: .blackhole, metric: MappedCluster.lastMetric, nextHops: []),
                because: because)
        }
    }

    private func forwardMapped(
        _ mapped: MappedCluster, _ near: PathTraffic, in builder: inout PlanBuilder, because: String
    ) {
        let family = near.family
        builder.forwarding(family, .named(mapped.device), because: because)
        if let uplink = builder.host.host.uplink(family) {
            builder.forwarding(family, uplink, because: because)
            if isOwnNode(builder.host) { loosenUplink(uplink, family, in: &builder, because: because) }
        }
        for prefix in near.sources.prefixes { builder.forwarding(family, .toward(prefix), because: because) }
        if isOwnNode(builder.host) {
            for prefix in cluster.pods.of(family) {
                builder.forwarding(family, .toward(prefix), because: because)
            }
        } else {
            for device in uplinks(of: builder.host, family) {
                builder.forwarding(family, device, because: because)
            }
        }
    }

    // MARK: Out of it

    /// Where the cluster's inner addresses are, for packets out of its namespace alone: other clusters and
    /// the host's own networks may have the same.
    private func routeInside(
        _ mapped: MappedCluster, _ far: PathTraffic, in builder: inout PlanBuilder, because: String
    ) {
        let (family, relay) = (far.family, relay(builder.host))
        var rule = PolicyRule(
            family: family, priority: MappedCluster.rulePriority,
            action: .lookup(table: mapped.innerTable))
        rule.inDevice = mapped.device
        builder.rule(rule, because: because)
        func route(_ prefix: IPPrefix, _ hosts: [Host]) {
            let gateway = relay?.gateways.first { $0.family == family }
            let gateways = gateway.map { [$0] } ?? hosts.compactMap { $0.address(family) }
            guard !gateways.isEmpty else { return }
            let hops = gateways.map {
                NextHop(gateway: $0, device: relay?.uplink, isOnLink: relay?.uplink != nil)
            }
            if relay?.uplink == nil, gateway == nil { builder.noteOtherAddresses(of: hosts, family) }
            builder.route(
                Route(destination: prefix, table: mapped.innerTable, nextHops: hops), because: because)
        }
        let nodes = cluster.nodes.filter { $0.host.address(family) != nil }
        let hasGateway = relay?.gateways.contains { $0.family == family } == true
        if path.targets.pods, cluster.cni != .vpc {
            if hasGateway {
                for prefix in far.pods.prefixes { route(prefix, []) }
            } else {
                for node in nodes { for prefix in node.pods.of(family) { route(prefix, [node.host]) } }
                builder.noteRoutes(to: cluster.nodes, of: cluster, because: because)
                notePods(far, in: &builder, because: because)
            }
        }
        let entries = planner.entries(of: cluster, family).map(\.host)
        for prefix in far.services.prefixes { route(prefix, entries) }
        if entries.isEmpty, !hasGateway, !far.services.isEmpty {
            builder.note(
                .warning,
                "\(because): \(builder.host.host.name) is no node of \(cluster.key), and no node is known"
                    + " that knows its services")
        }
        if let uplink = relay?.uplink {
            for node in nodes {
                guard let address = node.host.address(family) else { continue }
                let hop = NextHop(gateway: nil, device: uplink)
                builder.route(
                    Route(destination: IPPrefix(only: address), table: mapped.innerTable, nextHops: [hop]),
                    because: because)
            }
        }
        for prefix in (cluster.cni == .vpc ? [] : far.pods.prefixes) + far.services.prefixes {
            builder.route(
                Route(
                    destination: prefix, kind: .blackhole, table: mapped.innerTable,
                    metric: MappedCluster.lastMetric, nextHops: []), because: because)
        }
    }

    /// Answers to clients whose source was kept go through the namespace again, and so do the relay's own
    /// ICMP errors, which tell of inner addresses.
    private func leadBack(
        _ mapped: MappedCluster, _ far: PathTraffic, in builder: inout PlanBuilder, because: String
    ) {
        let family = far.family
        guard let all = IPPrefix(around: IPAddress(family: family, bits: 0), length: 0) else { return }
        let hop = NextHop(gateway: mapped.ownAddress(family), device: mapped.device)
        builder.route(
            Route(
                destination: all, table: mapped.returnTable, nextHops: [hop],
                source: builder.host.host.address(family)), because: because)
        for client in far.sources.prefixes {
            var rule = PolicyRule(
                family: family, priority: MappedCluster.rulePriority, destination: client,
                action: .lookup(table: mapped.returnTable))
            for device in uplinks(of: builder.host, family) {
                builder.rule(DeviceRule(device: device, rule: rule), because: because)
            }
            rule.inDevice = "lo"
            rule.transport = family == .v4 ? "icmp" : "ipv6-icmp"
            builder.rule(rule, because: because)
        }
        guard family == .v4 else { return }
        let device = DeviceReference.named(mapped.device)
        builder.setting(.reversePathFilter, .v4, device, 2, because: because)
        builder.setting(.acceptLocal, .v4, device, 1, because: because)
        for device in uplinks(of: builder.host, family) {
            builder.setting(.reversePathFilter, .v4, device, 2, because: because)
        }
    }

    /// The settings that the path has for `host` as a relay.
    func relay(_ host: LocatedHost) -> Relay? {
        settings.relays.first { relay in
            planner.inventory.host(relay.host, in: [cluster.key, from])?.isSame(as: host) == true
        }
    }

    /// The devices that lead into the cluster.
    private func uplinks(of host: LocatedHost, _ family: AddressFamily) -> [DeviceReference] {
        let relay = relay(host)
        if let uplink = relay?.uplink { return [.named(uplink)] }
        if let gateway = relay?.gateways.first(where: { $0.family == family }) {
            return [.toward(IPPrefix(only: gateway))]
        }
        return planner.entries(of: cluster, family).compactMap { node in
            node.host.address(family).map { .toward(IPPrefix(only: $0)) }
        }
    }
}
