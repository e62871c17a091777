import Inventory
package import JSON
import PathHealth
import Time

extension ServerStatus {
    /// What probes from this host show of a path.
    package struct PathHealth: Hashable, Sendable {
        package var from: String
        package var to: String
        package var relays: [String]
        /// `up`, `down` or `unknown`.
        package var state: String
        /// True if it has come back lately, or is not answering just now.
        package var isChanging: Bool
        package var sinceSeconds: Int
        /// Empty if it is up.
        package var cause: String
        /// Targets that do not answer although others do.
        package var silentTargets: [String]
        /// 0 before the first answer.
        package var roundTripMicroseconds: Int
        /// Changes of the state, and the time spent down, since the server's start.
        package var changes: Int
        package var downSeconds: Int
        /// What clients get while it is down: `servfail` or `answer`.
        package var onDown: String
        /// Why it is down; `nil` if it is not, or nothing was reasoned yet.
        package var reason: PathReason?

        package var isDown: Bool { state == "down" }

        package var isUp: Bool { state == "up" }
    }
}

extension ServerStatus.PathHealth {
    init(_ verdict: PathVerdict, at now: MonotonicTime) {
        from = verdict.path.from
        to = verdict.path.to
        relays = verdict.path.relays
        state = verdict.state.rawValue
        isChanging = verdict.standing == .changing
        sinceSeconds = now.seconds(since: verdict.since)
        cause = verdict.cause
        silentTargets = verdict.silentTargets.map { "\($0)" }
        roundTripMicroseconds = Int(verdict.roundTrip / 1000)
        changes = verdict.counts.transitions
        downSeconds = Int(verdict.downNanoseconds(at: now) / 1_000_000_000)
        onDown = verdict.path.onDown.rawValue
    }

    /// As in `office -> prod via relay1`.
    package var name: String {
        "\(from) -> \(to)" + (relays.isEmpty ? "" : " via " + relays.joined(separator: ", "))
    }

    /// How it is drawn; see `ServerStatus.Path.look`.
    package var look: String {
        if isDown { return "bad" }
        return isUp && silentTargets.isEmpty && !isChanging ? "good" : "warn"
    }

    /// The state in words, such as `down for 12 s: no answer from 10.96.0.10:53`.
    package var words: String {
        let time = Figures.duration(seconds: sinceSeconds)
        guard isUp else { return "\(state) for \(time): \(cause)" + (reason?.appendix ?? "") }
        var words = "up for \(time), answers in \(Figures.time(microseconds: roundTripMicroseconds))"
        if !silentTargets.isEmpty { words += ", but not from \(silentTargets.joined(separator: ", "))" }
        return words
    }

    package var json: JSONValue {
        .object([
            ("from", .string(from)), ("to", .string(to)), ("relays", .array(relays.map { .string($0) })),
            ("state", .string(state)), ("changing", .boolean(isChanging)),
            ("since-seconds", .integer(sinceSeconds)), ("cause", .string(cause)),
            ("silent-targets", .array(silentTargets.map { .string($0) })),
            ("round-trip-microseconds", .integer(roundTripMicroseconds)),
            ("changes", .integer(changes)), ("down-seconds", .integer(downSeconds)),
            ("on-down", .string(onDown)), ("reason", reason?.json ?? .null),
        ])
    }

    package init(json: JSONValue) {
        from = json["from"]?.string ?? ""
        to = json["to"]?.string ?? ""
        relays = JSONValue.strings(json["relays"])
        state = json["state"]?.string ?? "unknown"
        isChanging = json["changing"]?.boolean ?? false
        sinceSeconds = json["since-seconds"]?.count ?? 0
        cause = json["cause"]?.string ?? ""
        silentTargets = JSONValue.strings(json["silent-targets"])
        roundTripMicroseconds = json["round-trip-microseconds"]?.count ?? 0
        changes = json["changes"]?.count ?? 0
        downSeconds = json["down-seconds"]?.count ?? 0
        onDown = json["on-down"]?.string ?? ""
        reason = json["reason"].flatMap(ServerStatus.PathReason.init(json:))
    }
}
