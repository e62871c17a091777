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
        let end = ClusterEnd(mapped, relay(builder.host))
        for (near, far) in zip(nearTraffic, traffic) {
            let family = near.family
            guard !near.destinations.isEmpty, builder.host.host.address(family) != nil else { continue }
            let own = mapped.ownAddress(family)
            let sources = (keepsSource ? far.sources.prefixes : []) + [IPPrefix(only: own)]
            guard let turned = PathTraffic(family, sources: sources, to: cluster, targets: path.targets)
            else { continue }
            // Of a near end with a map as they come out of its own namespace.
            let coming = nearMapped == nil ? near : near.from(far.sources)
            lead(mapped, coming, into: &builder, because: because)
            forwardMapped(mapped, coming, in: &builder, because: because)
            let masked = PathTraffic(
                family, sources: [IPPrefix(only: own)], to: cluster, targets: path.targets)
            if let masked { translate(masked, translation, in: &builder, because: because) }
            if isOwnNode(builder.host) { builder.refuseUnusedServices(turned, because: because) }
            for traffic in [coming, turned] {
                builder.accept(traffic, because: because)
                builder.clamp(traffic, because: because)
            }
            if !isOwnNode(builder.host) {
                if path.targets.pods, cluster.cni != .vpc, end.gateways(family).isEmpty {
                    notePods(far, in: &builder, because: because)
                }
                routeInside(end, far, in: &builder, because: because)
            }
            if keepsSource { leadBack(end, family, far.sources, in: &builder, because: because) }
        }
        ProbeReturn(self).pass(in: &builder, because: because)
        leadOut(of: builder.host, in: &builder, because: because)
        builder.noteLiterals(of: cluster, because: because)
        warnRelay(&builder, because: because)
    }

    /// What this host cannot carry; nil if it can.
    private func mappingRefusal(_ host: LocatedHost) -> String? {
        if let refusal = nearRefusal(host: host) { return refusal }
        if keepsSource, isOwnNode(host) {
            return "\"source: \(settings.source == .map ? "map" : "keep")\" needs a relay that is no node of"
                + " \(cluster.key), whose addresses are mapped: use another host, or \"source: snat\""
        }
        let uncovered = nearMapped != nil || settings.source == .map ? uncoveredSources : []
        if let first = uncovered.first {
            return "the path needs outer addresses for \(first): add it to the map of \(from)"
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
        builder.leadInto(mapped, near.destinations, because: because)
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
        // Those of a near end with a map come out of its namespace.
        for prefix in nearMapped == nil ? near.sources.prefixes : [] {
            builder.forwarding(family, .toward(prefix), because: because)
        }
        if isOwnNode(builder.host) {
            for prefix in cluster.pods.of(family) {
                builder.forwarding(family, .toward(prefix), because: because)
            }
        } else {
            for device in uplinks(into: ClusterEnd(mapped, relay(builder.host)), family) {
                builder.forwarding(family, device, because: because)
            }
        }
    }

    // MARK: Out of it

    /// Where the cluster's inner addresses are, for packets out of its namespace alone: other clusters and
    /// the host's own networks may have the same.
    private func routeInside(
        _ end: ClusterEnd, _ far: PathTraffic, in builder: inout PlanBuilder, because: String
    ) {
        let (family, cluster, table) = (far.family, end.mapped.cluster, end.mapped.innerTable)
        var rule = PolicyRule(
            family: family, priority: MappedCluster.rulePriority, action: .lookup(table: table))
        rule.inDevice = end.mapped.device
        builder.rule(rule, because: because)
        let given = end.gateways(family)
        func route(_ prefix: IPPrefix, _ hosts: [Host]) {
            let gateways = given.isEmpty ? hosts.compactMap { $0.address(family) } : given
            guard !gateways.isEmpty else { return }
            let hops = gateways.map { NextHop(gateway: $0, device: end.uplink, isOnLink: end.uplink != nil) }
            builder.noteOtherAddresses(of: hosts, family)
            builder.route(Route(destination: prefix, table: table, nextHops: hops), because: because)
        }
        let nodes = cluster.nodes.filter { $0.host.address(family) != nil }
        if !far.pods.isEmpty, cluster.cni != .vpc {
            if given.isEmpty {
                for node in nodes { for prefix in node.pods.of(family) { route(prefix, [node.host]) } }
                builder.noteRoutes(to: cluster.nodes, of: cluster, because: because)
            } else {
                for prefix in far.pods.prefixes { route(prefix, []) }
            }
        }
        let entries = planner.entries(of: cluster, family).map(\.host)
        for prefix in far.services.prefixes { route(prefix, entries) }
        if entries.isEmpty, given.isEmpty, !far.services.isEmpty {
            builder.note(
                .warning,
                "\(because): \(builder.host.host.name) is no node of \(cluster.key), and no node is known"
                    + " that knows its services")
        }
        if let uplink = end.uplink {
            for node in nodes {
                guard let address = node.host.address(family) else { continue }
                let hop = NextHop(gateway: nil, device: uplink)
                builder.route(
                    Route(destination: IPPrefix(only: address), table: table, nextHops: [hop]),
                    because: because)
            }
        }
        for prefix in (cluster.cni == .vpc ? [] : far.pods.prefixes) + far.services.prefixes {
            builder.route(
                Route(
                    destination: prefix, kind: .blackhole, table: table,
                    metric: MappedCluster.lastMetric, nextHops: []), because: because)
        }
    }

    /// Packets from the cluster to `clients` go through the namespace again, whose sources it keeps, and so
    /// do the relay's own ICMP errors, which tell of inner addresses.
    private func leadBack(
        _ end: ClusterEnd, _ family: AddressFamily, _ clients: PrefixSet, in builder: inout PlanBuilder,
        because: String
    ) {
        guard let all = IPPrefix(around: IPAddress(family: family, bits: 0), length: 0) else { return }
        let mapped = end.mapped
        let hop = NextHop(gateway: mapped.ownAddress(family), device: mapped.device)
        builder.route(
            Route(
                destination: all, table: mapped.returnTable, nextHops: [hop],
                source: builder.host.host.address(family)), because: because)
        for client in clients.prefixes {
            let rule = PolicyRule(
                family: family, priority: MappedCluster.rulePriority, destination: client,
                action: .lookup(table: mapped.returnTable))
            for device in uplinks(into: end, family) {
                builder.rule(DeviceRule(device: device, rule: rule), because: because)
            }
            builder.tell(client, of: mapped, because: because)
        }
        guard family == .v4 else { return }
        let device = DeviceReference.named(mapped.device)
        builder.setting(.reversePathFilter, .v4, of: device, to: 2, because: because)
        builder.setting(.acceptLocal, .v4, of: device, to: 1, because: because)
        for device in uplinks(into: end, family) {
            builder.setting(.reversePathFilter, .v4, of: device, to: 2, because: because)
        }
    }

    // MARK: A near end with outer addresses

    /// What a relay cannot carry for a near end with outer addresses; nil if it can.
    func nearRefusal(host: LocatedHost) -> String? {
        guard nearMapped != nil else { return nil }
        if settings.source == .keep {
            return "\"source: keep\" would show addresses of \(from) that others have, too: use"
                + " \"source: map\""
        }
        if host.isNode, host.place == from {
            return "\(host.host.name) is a node of \(from), whose addresses are mapped: use a host that is no"
                + " node of it as relay, or \"via: vxlan\""
        }
        return nil
    }

    /// Pods of a near end with outer addresses come through its own namespace first, answers to them last.
    ///
    /// ```
    /// node -> host -> nb-FROM: inner source becomes outer -> host -> the way to outer addresses
    /// ```
    func leadOut(of host: LocatedHost, in builder: inout PlanBuilder, because: String) {
        guard let nearMapped else { return }
        let near = nearMapped.cluster
        let end = ClusterEnd(nearMapped, nearEntry(of: host))
        for (traffic, far) in zip(nearTraffic, traffic) {
            let family = traffic.family
            let destinations = PrefixSet(traffic.destinations)
            let nodes = near.nodes.compactMap { $0.host.address(family) }.map { IPPrefix(only: $0) }
            guard !destinations.isEmpty, host.host.address(family) != nil,
                let pods = PathTraffic(
                    family, sources: destinations.prefixes, to: near,
                    targets: PathTargets(pods: true, services: false))
            else { continue }
            builder.namespace(of: nearMapped, family, because: because) { namespace in
                namespace.open(
                    to: destinations, pods: pods.pods.prefixes, nodes: nodes,
                    mask: nearMapped.ownAddress(family), because: because)
            }
            builder.leadInto(nearMapped, far.sources.prefixes, because: because)
            builder.forwarding(family, .named(nearMapped.device), because: because)
            for device in uplinks(into: end, family) {
                builder.forwarding(family, device, because: because)
            }
            let own = IPPrefix(only: nearMapped.ownAddress(family))
            builder.translate(
                traffic.from(PrefixSet([own])), .masquerade(isFullyRandom: true), because: because)
            for coming in [traffic, traffic.from(far.sources), traffic.from(PrefixSet(nodes + [own]))] {
                builder.accept(coming, because: because)
                builder.clamp(coming, because: because)
            }
            routeInside(end, pods, in: &builder, because: because)
            leadBack(end, family, destinations, in: &builder, because: because)
        }
        builder.noteLiterals(of: near, because: because)
        if near.cni == .cilium {
            builder.note(
                .advice,
                "\(because): Cilium gives pods their node's address toward others, so that the far end"
                    + " sees the relay: with the ranges of \(cluster.key) in nonMasqueradeCIDRs (ConfigMap"
                    + " kube-system/ip-masq-agent) each pod keeps its outer address")
        }
    }

    /// What another path, or this one, says of how `host` reaches the near end.
    private func nearEntry(of host: LocatedHost) -> Relay? {
        let entry = planner.inventory.relayEntry(into: from, at: host)
        guard let device = relay(host)?.nearUplink else { return entry }
        return Relay(
            host: host.host.name, uplink: device,
            gateways: entry?.uplink == device ? entry?.gateways ?? [] : [])
    }

    /// The settings that the path has for `host` as a relay.
    func relay(_ host: LocatedHost) -> Relay? {
        settings.relays.first { relay in
            planner.inventory.host(relay.host, in: [cluster.key, from])?.isSame(as: host) == true
        }
    }

    /// The devices that lead into a cluster.
    private func uplinks(into end: ClusterEnd, _ family: AddressFamily) -> [DeviceReference] {
        if let uplink = end.uplink { return [.named(uplink)] }
        if let gateway = end.gateways(family).first { return [.toward(IPPrefix(only: gateway))] }
        return planner.entries(of: end.mapped.cluster, family).compactMap { node in
            node.host.address(family).map { .toward(IPPrefix(only: $0)) }
        }
    }
}

/// A cluster with outer addresses, and how a relay reaches it.
private struct ClusterEnd {
    let mapped: MappedCluster

    /// The device that leads there; nil: that with a way to its nodes.
    let uplink: String?
    private let gateways: [IPAddress]

    init(_ mapped: MappedCluster, _ relay: Relay?) {
        self.mapped = mapped
        uplink = relay?.uplink
        gateways = relay?.gateways ?? []
    }

    /// The next hops there; empty: the nodes.
    func gateways(_ family: AddressFamily) -> [IPAddress] { gateways.filter { $0.family == family } }
}

extension PathTraffic {
    /// The same from other sources.
    func from(_ sources: PrefixSet) -> PathTraffic {
        PathTraffic(sources, of: self, pods: pods.prefixes, services: services.prefixes)
    }
}

extension PlanBuilder {
    /// Leads packets to outer addresses into the namespace of their cluster.
    mutating func leadInto(_ mapped: MappedCluster, _ outer: [IPPrefix], because: String) {
        for prefix in outer {
            let hop = NextHop(gateway: mapped.ownAddress(prefix.family), device: mapped.device)
            route(Route(destination: prefix, nextHops: [hop]), because: because)
            // Without the device, packets would go back to the router that they come from.
            route(
                Route(
                    destination: prefix, kind: .blackhole, metric: MappedCluster.lastMetric, nextHops: []),
                because: because)
        }
    }
}
