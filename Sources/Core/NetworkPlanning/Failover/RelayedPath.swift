import IPAddressing
package import Inventory
package import NetworkModel
package import PathHealth

/// A path that this host carries as a relay and that others are led to it for, as long as it works: by BGP or
/// VRRP.
package struct RelayedPath: Hashable, Sendable {
    /// As in `office -> prod via relay1`; unique in a plan.
    package let name: String

    /// How others are led to this host.
    package let failover: Failover

    /// This host, as in `prod/relay1`.
    package let host: String

    /// What the agent probes from this host, without a relay.
    package let probed: ProbedPath

    /// Takes all announcements back, whatever they are.
    package static let withdrawal: [Command] = AddressFamily.allCases.map { family in
        Command(
            .ip,
            [
                "route", "flush", "table", "\(AnnouncementTable.number)", "proto",
                "\(Ownership.routeProtocol)",
            ], options: ["-\(family.digit)"])
    }
}

/// The routing table that BIRD or FRR announces: no packet is routed by it.
enum AnnouncementTable {
    /// FRR imports tables up to 252 only.
    static let number = 78
}

extension RelayPlanning {
    /// Adds what the agent of a relay needs so that others are led to it while it works.
    func announce(in builder: inout PlanBuilder) {
        guard settings.failover == .bgp || settings.failover == .vrrp else { return }
        let host = builder.host
        let targets = path.probeTargets(of: cluster)
        guard path.health.probe?.isOn != false, !targets.isEmpty else {
            builder.note(
                .refusal,
                "\(path.label): \"failover: \(settings.failover.rawValue)\" needs to know whether"
                    + " \(cluster.key) is reached: add \"probe: { targets: [ADDRESS:PORT] }\"")
            return
        }
        let relayed = RelayedPath(
            name: "\(from) -> \(cluster.key) via \(host.host.name)".plain, failover: settings.failover,
            host: host.reference,
            probed: ProbedPath(
                from: from, to: cluster.key, relays: [host.host.name], targets: targets,
                settings: path.health.probe ?? ProbeSettings()))
        builder.add(relayed)
        guard settings.failover == .bgp else { return }
        builder.note(
            .advice,
            "\(path.label): \"net agent\" puts the prefixes of \(cluster.key) into routing table"
                + " \(AnnouncementTable.number) while it works, and BIRD or FRR announces them from there:"
                + " \"net render --format bird\" or \"frr\" writes the configuration of both ends")
        builder.announce(nearTraffic.flatMap(\.destinations))
        guard planner.choices.announced.contains(relayed.name) else { return }
        for prefix in nearTraffic.flatMap(\.destinations) {
            builder.route(
                Route(
                    destination: prefix, kind: .blackhole, table: AnnouncementTable.number, nextHops: []),
                because: path.label)
        }
    }
}
