import IPAddressing
import Inventory
import NetworkKernel
import NetworkPlanning

/// Writes an agent's events as lines of the log.
enum AgentLog {
    /// Beyond this number the lines of one loss are only counted.
    private static let mostLines = 20

    /// Writes the lines of one event.
    static func write(_ news: AgentNews) {
        switch news {
        case .keeping(let plan, let path): Log.notice("keeping", [("host", name(plan)), ("file", path)])
        case .idle(let reason): Log.notice("idle", [("reason", reason)])
        case .lost(let drift): write(drift)
        case .repaired(let objects, let milliseconds, let suspicion):
            var fields = [("objects", "\(objects)")]
            // Without an event the time of the change is unknown.
            if let milliseconds { fields.append(("after", "\(milliseconds)ms")) }
            if let suspicion { fields.append(("likely", suspicion)) }
            Log.notice("put back", fields)
        case .moved(let milliseconds): Log.notice("routes moved", [("after", "\(milliseconds)ms")])
        case .silent(let hops):
            for hop in hops { Log.warning("next hop silent", fields(hop)) }
        case .answering(let hops):
            for hop in hops { Log.notice("next hop answers", fields(hop)) }
        case .obstructed(let obstacles):
            for obstacle in obstacles { Log.warning("packets do not pass", [("because", obstacle)]) }
        case .cleared(let obstacles):
            for obstacle in obstacles { Log.notice("packets pass again", [("because", obstacle)]) }
        case .contested(let contested, let suspicion):
            var fields = [
                ("object", contested.object), ("times", "\(contested.times)"),
                ("next", "\(contested.hold / 1000)s, then twice as long, up to 60s"),
            ]
            if let suspicion { fields.append(("likely", suspicion)) }
            Log.failure("taken away again and again", fields)
        case .failed(let reason): Log.failure("not as planned", [("reason", reason)])
        case .recovered: Log.notice("as planned again")
        case .followed(let plan, let steps, let path):
            Log.notice("file applied", [("host", name(plan)), ("file", path), ("steps", "\(steps)")])
        case .left(let path, let reason):
            Log.notice("removed everything", [("file", path), ("reason", reason)])
        case .notFollowed(_, let reason):
            for line in reason.split(separator: "\n") {
                Log.failure("file not applied", [("reason", String(line))])
            }
        }
    }

    /// Writes a line for each lost object.
    private static func write(_ drift: [Drift]) {
        for loss in drift.prefix(mostLines) {
            var fields = [("object", loss.text)]
            if !loss.because.isEmpty { fields.append(("because", loss.because)) }
            Log.warning(loss.kind.rawValue, fields)
        }
        if drift.count > mostLines { Log.warning("lost", [("more", "\(drift.count - mostLines)")]) }
    }

    /// The values of a next hop's line.
    private static func fields(_ hop: SilentNextHop) -> [(String, String)] {
        [
            ("address", "\(hop.gateway)"), ("device", hop.device),
            ("routes", hop.destinations.map(\.description).joined(separator: ",")), ("because", hop.because),
        ]
    }

    /// The host as `PLACE/NAME`.
    private static func name(_ plan: HostPlan) -> String { "\(plan.host.place)/\(plan.host.host.name)" }
}
