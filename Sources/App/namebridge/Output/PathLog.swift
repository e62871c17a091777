import LinuxSystem
import PathHealth
import Synchronization
import Time

/// Writes one line for each path whose state changes, and for targets of it that fall silent.
final class PathLog: Sendable {
    private let known = Mutex<[String: Known]>([:])

    /// What was last written of a path.
    private struct Known {
        var state: PathState?
        var silentTargets: [String] = []
        var since = MonotonicTime(nanoseconds: 0)
    }

    func write(_ verdict: PathVerdict) {
        let name = verdict.path.name
        let silent = verdict.silentTargets.map { "\($0)" }
        let old = known.withLock { known in
            let old = known[name] ?? Known()
            known[name] = Known(state: verdict.state, silentTargets: silent, since: verdict.since)
            return old
        }
        if verdict.state != old.state { writeState(verdict, after: old) }
        guard silent != old.silentTargets, verdict.state == .up else { return }
        if silent.isEmpty {
            Log.notice("path targets answer again", [("path", name)])
        } else {
            Log.warning(
                "path targets silent", [("path", name), ("targets", silent.joined(separator: ", "))])
        }
    }

    /// Writes that packets of a path take other relays.
    static func write(_ move: RelayElection.Move, of path: String) {
        var fields = [
            ("path", path), ("carries", move.after.joined(separator: ",")),
            ("before", move.before.joined(separator: ",")), ("reason", move.reason),
        ]
        if move.gap > 0 { fields.append(("lost", "\(move.gap / 1_000_000)ms")) }
        Log.notice("relay moved", fields)
    }

    private func writeState(_ verdict: PathVerdict, after old: Known) {
        let name = verdict.path.name
        switch verdict.state {
        case .up:
            var fields = [("path", name)]
            if old.state == .down {
                let seconds = verdict.since.seconds(since: old.since)
                fields.append(("down", "\(seconds)s"))
            }
            Log.notice("path up", fields)
        case .down: Log.failure("path down", [("path", name), ("reason", verdict.cause)])
        case .unknown:
            // Before the first verdict there is no news.
            guard old.state != nil else { return }
            Log.warning("path unknown", [("path", name), ("reason", verdict.cause)])
        }
    }
}
