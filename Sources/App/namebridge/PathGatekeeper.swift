import DNSWire
import Forwarding
import Inventory
import LinuxSystem
import PathHealth
import Synchronization
import Time

/// Shuts and opens the gates of the policies in use as paths die and come back.
final class PathGatekeeper: Sendable {
    private let state = Mutex(State())

    private struct State {
        /// The last verdict on each path, by its name.
        var verdicts: [String: PathVerdict] = [:]
        /// Of the policy that is served by, and of one that is about to be.
        var gates: [PathGates] = []
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
        }
    }

    /// Just these paths are probed from now on; gates of others open.
    func follow(_ paths: [ProbedPath]) {
        let names = Set(paths.map(\.name))
        state.withLock { state in
            for (name, verdict) in state.verdicts where !names.contains(name) {
                state.verdicts[name] = nil
                Self.set(state, from: verdict.path.from, to: verdict.path.to)
            }
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
