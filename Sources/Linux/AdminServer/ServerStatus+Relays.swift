package import JSON
import LinuxSystem
package import PathHealth
import Time

extension ServerStatus {
    /// Which relays of a path carry, by this host's network agent.
    package struct RelayGroup: Hashable, Sendable {
        package var from: String
        package var to: String
        /// As in `office -> prod via relay1, relay2`.
        package var path: String
        package var carrying: [String]
        /// When they began to, in seconds since 1970.
        package var since: Int
        /// Empty before the first move.
        package var reason: String
        /// Since the start of the agent.
        package var moves: Int
        package var lostMilliseconds: Int
        package var relays: [Relay]
    }

    /// One of them.
    package struct Relay: Hashable, Sendable {
        package var name: String
        /// `up`, `down` or `unknown`.
        package var state: String
        /// In seconds since 1970.
        package var since: Int
        /// Why it is not up.
        package var cause: String
        /// When it was drained, in seconds since 1970; nil if it is not.
        package var drainedSince: Int?
        /// Why it is down and what to do; nil if it is not, or nothing was reasoned yet.
        package var reason: PathReason?
    }
}

extension ServerStatus.RelayGroup {
    /// Which relays' ranges are given out, as it is now.
    ///
    /// - Parameters:
    ///   - observed: One for each relay, in their order.
    ///   - drained: When each was drained, in seconds since 1970, by its host.
    ///   - move: What has just changed; nil if nothing has.
    ///   - old: The report before; nil if there was none.
    package init(
        _ election: RangeElection, _ observed: [RelayElection.Observation], drained: [String: Int],
        after move: RelayElection.Move?, _ old: Self?
    ) {
        let now = WallClock.seconds
        let clock = MonotonicClock.now
        self.init(
            from: election.from, to: election.to, path: election.name, carrying: election.election.carrying,
            since: move == nil ? old?.since ?? now : now, reason: move?.reason ?? old?.reason ?? "",
            moves: (old?.moves ?? 0) + (move == nil ? 0 : 1),
            lostMilliseconds: (old?.lostMilliseconds ?? 0) + Int((move?.gap ?? 0) / 1_000_000), relays: [])
        relays = zip(election.relays, observed).map { relay, observation in
            ServerStatus.Relay(
                name: relay.name, state: observation.state.rawValue,
                since: now - clock.seconds(since: observation.since), cause: observation.cause,
                drainedSince: drained[relay.host])
        }
    }

    /// As in `relay2 carries for 12 s, relay1 is down for 13 s: no answer from 10.96.0.10:53`.
    ///
    /// - Parameter now: Seconds since 1970.
    package func words(now: Int) -> String {
        let verb = carrying.count == 1 ? "carries" : "carry"
        var words = "\(carrying.joined(separator: ", ")) \(verb) for \(Self.age(since, now))"
        if moves > 0 {
            words +=
                " (\(reason)), \(moves) move\(moves == 1 ? "" : "s")"
                + ", \(Figures.time(microseconds: lostMilliseconds * 1000)) without a relay"
        }
        for relay in relays where relay.state != "up" {
            words += "; \(relay.name) is \(relay.state) for \(Self.age(relay.since, now)): \(relay.cause)"
            words += relay.reason?.appendix ?? ""
        }
        for relay in relays {
            guard let since = relay.drainedSince else { continue }
            words += "; \(relay.name) is drained for \(Self.age(since, now))"
        }
        return words
    }

    /// How it is drawn; see `ServerStatus.Path.look`.
    var look: String { relays.allSatisfy { $0.state == "up" && $0.drainedSince == nil } ? "good" : "warn" }

    private static func age(_ time: Int, _ now: Int) -> String {
        Figures.duration(seconds: max(0, now - time))
    }
}

// MARK: - JSON

extension ServerStatus.RelayGroup {
    package var json: JSONValue {
        .object([
            ("path", .string(path)), ("from", .string(from)), ("to", .string(to)),
            ("carrying", .array(carrying.map { .string($0) })), ("since", .integer(since)),
            ("reason", .string(reason)), ("moves", .integer(moves)),
            ("lost-milliseconds", .integer(lostMilliseconds)), ("relays", .array(relays.map(\.json))),
        ])
    }

    /// Parses what the agent or `json` wrote; nil for anything else.
    package init?(json: JSONValue) {
        guard let path = json["path"]?.string, let from = json["from"]?.string, let to = json["to"]?.string
        else { return nil }
        self.init(
            from: from, to: to, path: path, carrying: JSONValue.strings(json["carrying"]),
            since: json["since"]?.count ?? 0, reason: json["reason"]?.string ?? "",
            moves: json["moves"]?.count ?? 0, lostMilliseconds: json["lost-milliseconds"]?.count ?? 0,
            relays: (json["relays"]?.elements ?? []).map(ServerStatus.Relay.init(json:)))
    }
}

extension ServerStatus.Relay {
    fileprivate var json: JSONValue {
        .object([
            ("name", .string(name)), ("state", .string(state)), ("since", .integer(since)),
            ("cause", .string(cause)), ("drained-since", .optional(drainedSince)),
            ("reason", reason?.json ?? .null),
        ])
    }

    fileprivate init(json: JSONValue) {
        name = json["name"]?.string ?? ""
        state = json["state"]?.string ?? "unknown"
        since = json["since"]?.count ?? 0
        cause = json["cause"]?.string ?? ""
        drainedSince = json["drained-since"]?.count
        reason = json["reason"].flatMap(ServerStatus.PathReason.init(json:))
    }
}
