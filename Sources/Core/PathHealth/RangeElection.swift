package import Inventory
package import Time

/// Which relays of one path get new connections, where each has a range of outer addresses of its own
/// (`failover: dns`).
package struct RangeElection: Sendable {
    /// Key of the near end.
    package let from: String

    /// Key of the cluster that is reached.
    package let to: String

    /// For each relay, in the order of the file, its name there and its host, as in `prod/relay1`.
    package let relays: [(name: String, host: String)]

    /// Decides.
    package private(set) var election: RelayElection

    /// The elections of all paths of a file whose relays have a range each, as they begin.
    package static func all(in inventory: Inventory) -> [RangeElection] {
        inventory.paths.compactMap { RangeElection($0, inventory) }
    }

    /// Nil for paths of other kinds.
    private init?(_ path: Path, _ inventory: Inventory) {
        guard case .relay(let settings) = path.carrier, settings.failover == .dns,
            case .oneWay(let from, let to) = path.ends
        else { return nil }
        self.from = from
        self.to = to
        relays = settings.relays.map { relay in
            let host = inventory.host(relay.host, in: [to, from])
            return (relay.host, host.map { "\($0.place)/\($0.host.name)" } ?? relay.host)
        }
        let hold = (path.health.probe ?? ProbeSettings()).hold
        election = RelayElection(
            settings.relays.map { .init(name: $0.host, priority: $0.priority) },
            preference: settings.preference, hold: Int(hold / .milliseconds(1)), carrying: [])
    }

    /// As in `office -> prod via relay1, relay2`.
    package var name: String { "\(from) -> \(to) via " + relays.map(\.name).joined(separator: ", ") }

    /// What probes through each relay show.
    ///
    /// - Parameter verdicts: Of all paths.
    package func observations(
        _ verdicts: some Collection<PathVerdict>, at now: MonotonicTime
    ) -> [RelayElection.Observation] {
        relays.map { relay in
            let verdict = verdicts.first {
                $0.path.from == from && $0.path.to == to && $0.path.relays == [relay.name]
            }
            return RelayElection.Observation(verdict, at: now)
        }
    }

    /// Decides anew.
    ///
    /// - Parameter drained: The hosts of relays that get nothing new if another one works.
    /// - Returns: Nil if everything stays.
    package mutating func update(
        _ observed: [RelayElection.Observation], drained: Set<String>, at now: MonotonicTime
    ) -> RelayElection.Move? {
        let names = relays.filter { drained.contains($0.host) }.map(\.name)
        return election.update(observed, drained: Set(names), at: now)
    }

    /// Goes on from the choice of `old`.
    package mutating func take(over old: RangeElection) {
        election = RelayElection(
            election.members, preference: election.preference, hold: election.hold,
            carrying: old.election.carrying)
    }
}
