import IPAddressing
import Inventory
import NetworkModel
import PathHealth

/// Leads packets to the relays that work.
extension RelayPlanning {
    /// Adds the routes of the near end to the far end through those of `hops` that carry.
    func lead(through hops: [LocatedHost], in builder: inout PlanBuilder) {
        switch settings.failover {
        case .agent, .dns: break
        case .bgp:
            return builder.note(
                .advice,
                "\(path.label): this host learns its routes from the relays: \"net render --format bird\" or"
                    + " \"frr\" writes the configuration")
        case .vrrp:
            guard let address = settings.vrrp?.address else { return }
            for prefix in nearTraffic.flatMap(\.destinations) where prefix.family == address.family {
                builder.route(
                    Route(destination: prefix, nextHops: [NextHop(gateway: address)]), because: path.label)
            }
            return
        }
        let shares = shares(of: hops, .there, in: &builder)
        for traffic in nearTraffic {
            for prefix in traffic.destinations {
                builder.route(to: prefix, through: shares.hosts, of: shares.group, because: path.label)
            }
        }
    }

    /// From which end packets are led to a relay.
    enum Direction { case there, back }

    /// The relays that routes lead through.
    struct Shares {
        /// Those that carry, each with its share.
        var hosts: [RouteShare]
        /// The name of the group of next hops, if relays may carry together and come and go; nil if not.
        var group: String?
    }

    /// Those of `hops` that carry; all of them if nothing shows which of them work.
    func shares(
        of hops: [LocatedHost], _ direction: Direction, in builder: inout PlanBuilder
    ) -> Shares {
        guard let group = relayGroup(of: hops, direction, in: &builder) else {
            if hops.count > 1 { warnSeveral(&builder) }
            return Shares(hosts: hops.map { RouteShare(host: $0.host, weight: relay($0)?.weight ?? 1) })
        }
        for family in AddressFamily.allCases { builder.noteOtherAddresses(of: hops.map(\.host), family) }
        builder.choose(group, because: path.label)
        let carrying = planner.carrying(of: group)
        noteGroup(group, carrying, in: &builder)
        if direction == .there, let name = planner.choices.staying[group.name] {
            keepConnections(with: name, of: group, carrying, in: &builder)
        }
        let chosen = zip(hops, group.members).filter { carrying.contains($1.name) }
            .map { RouteShare(host: $0.host, weight: $1.weight) }
        return Shares(hosts: chosen, group: group.isShared ? builder.nextHopGroup(of: group) : nil)
    }

    /// Connections that began before the relay `name` was drained go on through it; later ones are marked.
    private func keepConnections(
        with name: String, of group: RelayGroup, _ carrying: [String], in builder: inout PlanBuilder
    ) {
        guard !carrying.contains(name), let member = group.members.first(where: { $0.name == name }) else {
            return
        }
        let comment = FilterRule.comment(path.label)
        for traffic in nearTraffic where member.gateways.contains(where: { $0.family == traffic.family }) {
            let there: [FilterMatch] = [
                .source(traffic.sources), .destination(PrefixSet(traffic.destinations)),
            ]
            // What is new to conntrack may be older than its first rule: a TCP connection begins with SYN.
            let icmp = traffic.family == .v4 ? "icmp" : "ipv6-icmp"
            for beginning in [FilterMatch.synchronize, .transport("udp"), .transport(icmp)] {
                builder.stay(
                    FilterRule(
                        there + [.connectionState(["new"]), beginning],
                        .setConnectionMark(bits: ProbeWay.laterBit), comment: comment))
            }
            builder.stay(
                FilterRule(
                    there + [.originalDirection, .connectionMark(value: 0, mask: ProbeWay.laterBit)],
                    .setMark(Int(member.probed.origin.mark)), comment: comment))
        }
    }

    /// The choice between `hops`; nil if there is none, or if nothing shows which of them work.
    private func relayGroup(
        of hops: [LocatedHost], _ direction: Direction, in builder: inout PlanBuilder
    ) -> RelayGroup? {
        guard hops.count > 1, isProbed, direction == .back || settings.failover == .agent else { return nil }
        let ways = hops.compactMap { builder.probeWay(to: $0) }
        guard ways.count == hops.count else { return nil }
        let members = zip(hops, ways).map { hop, way in
            RelayGroup.Member(
                name: hop.host.name, host: hop.reference,
                gateways: AddressFamily.allCases.compactMap { hop.host.address($0) },
                weight: relay(hop)?.weight ?? 1,
                probed: probed(hop, by: way, direction: direction, from: builder.host.host))
        }
        let hold = (path.health.probe ?? ProbeSettings()).hold
        let election = RelayElection(
            zip(hops, members).map { .init(name: $1.name, priority: relay($0)?.priority ?? 100) },
            preference: settings.preference, hold: Int(hold / .milliseconds(1)), carrying: [])
        let ends = direction == .there ? "\(from) -> \(cluster.key)" : "\(cluster.key) -> \(from)"
        let name = "\(ends) via \(members.map(\.name).joined(separator: ", "))".plain
        return RelayGroup(name: name, members: members, election: election)
    }

    /// What `host` probes through the relay `hop`.
    private func probed(
        _ hop: LocatedHost, by way: ProbeWay, direction: Direction, from host: Host
    ) -> ProbedPath {
        let settings = path.health.probe ?? ProbeSettings()
        switch direction {
        case .there:
            // With another source the relay might not translate, and the probe would show less; where relays
            // keep sources, they translate that of a router (`ProbeReturn.pass`).
            let near = nearTraffic.flatMap(\.sources.prefixes)
            let sources = AddressFamily.allCases.compactMap { family in
                ProbeReturn(self).askingRouters(family).first { host.addresses.contains($0) }
                    ?? host.addresses.first { address in
                        address.family == family && near.contains { $0.contains(address) }
                    }
            }
            return ProbedPath(
                from: from, to: cluster.key, relays: [hop.host.name], targets: path.probeTargets(of: cluster),
                settings: settings, origin: ProbeOrigin(mark: way.mark, sources: sources))
        case .back:
            // The relay's own refusal shows that it lives, that of the router behind it that it reaches the
            // near end as well. A router that drops what it refuses shows nothing.
            let targets =
                hop.host.addresses.map {
                    ProbeTarget(Endpoint(address: $0, port: Self.discard), mayRefuse: true)
                }
                + AddressFamily.allCases.flatMap { family in
                    ProbeReturn(self).routers(family).map {
                        ProbeTarget(
                            Endpoint(address: $0, port: Self.discard), mayRefuse: true, isBehindOthers: true)
                    }
                }
            return ProbedPath(
                from: cluster.key, to: from, relays: [hop.host.name], targets: targets, settings: settings,
                origin: ProbeOrigin(mark: way.mark))
        }
    }

    /// A port where no host listens (RFC 863), and few firewalls drop.
    static let discard: UInt16 = 9

    /// True if something shows whether a relay works.
    var isProbed: Bool {
        path.health.probe?.isOn != false && !path.probeTargets(of: cluster).isEmpty
    }

    /// True if packets come only to relays that work.
    var isWatched: Bool {
        guard settings.failover == .agent else { return true }
        return isProbed && endpoint == nil && !planner.routers(of: from).isEmpty
    }

    private func noteGroup(_ group: RelayGroup, _ carrying: [String], in builder: inout PlanBuilder) {
        builder.note(
            .advice,
            "\(path.label): \"net agent\" on this host probes \(group.members.map(\.name).list) and leads"
                + " packets to those that work; while no agent runs they stay with \(carrying.list)")
    }
}

extension NetworkPlanner {
    /// The relays of `group` that carry.
    func carrying(of group: RelayGroup) -> [String] {
        let chosen = choices.carrying[group.name] ?? []
        let known = group.members.map(\.name).filter(chosen.contains)
        return known.isEmpty ? group.election.carrying : known
    }
}

extension PlanBuilder {
    /// All destinations.
    private static func everything(_ family: AddressFamily) -> IPPrefix {
        IPPrefix(around: IPAddress(family: family, bits: 0), length: 0)
            ?? IPPrefix(only: IPAddress(family: family, bits: 0))
    }

    /// The name of the group of next hops for the relays of `group`, which stays the same when the file gets
    /// another relay: connections then stay where they are.
    fileprivate func nextHopGroup(of group: RelayGroup) -> String {
        func ends(_ group: RelayGroup) -> [String] {
            group.members.prefix(1).flatMap { [$0.probed.from, $0.probed.to] }
        }
        let alike = plan.relayGroups.filter { ends($0) == ends(group) }
        let index = alike.firstIndex { $0.name == group.name } ?? 0
        return (ends(group) + [String(index)]).joined(separator: " ")
    }

    /// Adds what the choice among the relays of `group` needs.
    mutating func choose(_ group: RelayGroup, because: String) {
        guard !plan.relayGroups.contains(where: { $0.name == group.name }) else { return }
        add(group)
        for (member, gateway) in group.members.flatMap({ member in member.gateways.map { (member, $0) } }) {
            let way = ProbeWay(slot: Int(member.probed.origin.mark - ProbeWay(slot: 0).mark))
            let all = Self.everything(gateway.family)
            route(
                Route(destination: all, table: way.table, nextHops: [NextHop(gateway: gateway)]),
                because: because)
            // Without the device, probes would go where other packets go, and show the wrong relay.
            route(
                Route(
                    destination: all, kind: .unreachable, table: way.table, metric: MappedCluster.lastMetric,
                    nextHops: []),
                because: because)
            rule(
                PolicyRule(
                    family: gateway.family, priority: ProbeWay.rulePriority,
                    mark: PolicyRule.Mark(value: way.mark), action: .lookup(table: way.table)),
                because: because)
        }
    }
}

extension [String] {
    /// As in `relay1, relay2`.
    fileprivate var list: String { joined(separator: ", ") }
}
