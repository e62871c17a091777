import AdminServer
import DNSWire
import Forwarding
import Inventory
import LinuxSystem
import PathHealth
import Synchronization
import Time

/// Shuts and opens the gates of the policies in use as paths die and come back, and chooses the relays whose
/// ranges are given out.
final class PathGatekeeper: Sendable {
    private let state = Mutex(State())

    private struct State {
        /// The last verdict on each path, by its name.
        var verdicts: [String: PathVerdict] = [:]
        /// Of the policy that is served by, and of one that is about to be.
        var gates: [PathGates] = []
        /// Of paths whose relays have a range each.
        var elections: [RangeElection] = []
        /// What the status says of them.
        var reports: [String: ServerStatus.RelayGroup] = [:]
    }

    /// Takes a verdict that is news.
    func take(_ verdict: PathVerdict) {
        state.withLock { state in
            state.verdicts[verdict.path.name] = verdict
            Self.set(state, from: verdict.path.from, to: verdict.path.to)
        }
    }

    /// Keeps these gates from now on; they are set before it returns.
    func keep(_ gates: [PathGates]) {
        state.withLock { state in
            state.gates = gates
            for verdict in state.verdicts.values {
                Self.set(state, from: verdict.path.from, to: verdict.path.to)
            }
            for election in state.elections { Self.carry(state, election) }
        }
    }

    /// Just these paths are probed from now on; gates of others open.
    ///
    /// - Parameter elections: As they begin; those that stay go on.
    func follow(_ paths: [ProbedPath], _ elections: [RangeElection]) {
        let names = Set(paths.map(\.name))
        state.withLock { state in
            for (name, verdict) in state.verdicts where !names.contains(name) {
                state.verdicts[name] = nil
                Self.set(state, from: verdict.path.from, to: verdict.path.to)
            }
            state.elections = elections.map { election in
                var election = election
                if let old = state.elections.first(where: { $0.name == election.name }) {
                    election.take(over: old)
                }
                return election
            }
            for election in state.elections { Self.carry(state, election) }
        }
    }

    /// Chooses anew between relays that have a range each; to be called with each verdict, and once a second.
    ///
    /// - Parameter drained: When each relay was drained, in seconds since 1970, by its host.
    func elect(drained: [String: Int]) {
        let now = MonotonicClock.now
        let moves = state.withLock { state in
            state.elections.indices.compactMap { index -> (String, RelayElection.Move)? in
                let observed = state.elections[index].observations(state.verdicts.values, at: now)
                let move = state.elections[index].update(observed, drained: Set(drained.keys), at: now)
                let election = state.elections[index]
                if move != nil { Self.carry(state, election) }
                let old = state.reports[election.name]
                state.reports[election.name] = ServerStatus.RelayGroup(
                    election, observed, drained: drained, after: move, old)
                return move.map { (election.name, $0) }
            }
        }
        for (name, move) in moves { PathLog.write(move, of: name) }
    }

    /// What the status says of paths whose relays have a range each.
    var reports: [ServerStatus.RelayGroup] {
        state.withLock { state in state.elections.compactMap { state.reports[$0.name] } }
    }

    private static func carry(_ state: State, _ election: RangeElection) {
        for gates in state.gates {
            gates.carry(from: election.from, to: election.to, by: election.election.carrying)
        }
    }

    private static func set(_ state: State, from: String, to: String) {
        let verdicts = state.verdicts.values.filter { $0.path.from == from && $0.path.to == to }
        let position: PathGates.Position =
            switch PathConsequence(verdicts) {
            case .none: .open
            case .changing: .changing
            case .down(let verdict):
                verdict.path.onDown == .next ? .skipped(reason(verdict)) : .closed(reason(verdict))
            }
        for gates in state.gates { gates.set(from: from, to: to, position) }
    }

    /// What clients are told. The cause comes last, since it may be cut.
    private static func reason(_ verdict: PathVerdict) -> ExtendedError {
        let age = MonotonicClock.now.seconds(since: verdict.since)
        let since = WallClock.text(max(0, WallClock.seconds - age))
        return ExtendedError(
            .networkError, "path \(verdict.path.name) is down since \(since): \(verdict.cause)")
    }
}
