package import JSON

extension AgentStatus {
    /// A path with several relays, of which the agent chooses those that carry.
    package struct RelayGroup: Hashable, Sendable {
        /// As in `office -> prod via relay1, relay2`.
        package var path: String
        /// The key of the end that packets come from.
        package var from: String
        /// The key of the end that they go to.
        package var to: String
        /// The names of the relays that carry.
        package var carrying: [String]
        /// When they began to, in seconds since 1970.
        package var since: Int
        /// Why they do and others do not; empty before the first move.
        package var reason: String
        /// Moves since the start of the agent.
        package var moves: Int
        /// The time without a working relay at these moves.
        package var lostMilliseconds: Int
        /// All relays, in the order of the file.
        package var relays: [Relay]

        /// Creates what is said before the first move.
        package init(path: String, from: String, to: String, carrying: [String], since: Int) {
            self.path = path
            self.from = from
            self.to = to
            self.carrying = carrying
            self.since = since
            reason = ""
            moves = 0
            lostMilliseconds = 0
            relays = []
        }
    }

    /// A path that this host relays, and whether others are led to it.
    package struct RelayedPath: Hashable, Sendable {
        /// As in `office -> prod via relay1`.
        package var path: String
        /// The key of the near end.
        package var from: String
        /// The key of the far end.
        package var to: String
        /// What probes from this host show.
        package var relay: Relay
        /// True if its prefixes are announced.
        package var isAnnounced: Bool

        /// Creates what is said of the path.
        package init(path: String, from: String, to: String, relay: Relay, isAnnounced: Bool) {
            self.path = path
            self.from = from
            self.to = to
            self.relay = relay
            self.isAnnounced = isAnnounced
        }
    }

    /// One of the relays.
    package struct Relay: Hashable, Sendable {
        /// The host's name.
        package var name: String
        /// The host, as in `prod/relay1`.
        package var host: String
        /// `up`, `down` or `unknown`.
        package var state: String
        /// When it became so, in seconds since 1970.
        package var since: Int
        /// Why it is not up.
        package var cause: String
        /// When it was drained, in seconds since 1970; nil if it is not.
        package var drainedSince: Int?
        /// Why it is down and what to do, as the server's status has it; nil if it is not, or nothing was
        /// reasoned yet.
        package var reason: JSONValue?

        /// Creates what is said of a relay that is not drained.
        package init(name: String, host: String, state: String, since: Int, cause: String) {
            self.name = name
            self.host = host
            self.state = state
            self.since = since
            self.cause = cause
        }
    }
}

extension AgentStatus.RelayGroup {
    /// For the file of the status, and for programs.
    var json: JSONValue {
        .object([
            ("path", .string(path)), ("from", .string(from)), ("to", .string(to)),
            ("carrying", .array(carrying.map { .string($0) })), ("since", .integer(since)),
            ("reason", .string(reason)), ("moves", .integer(moves)),
            ("lost-milliseconds", .integer(lostMilliseconds)), ("relays", .array(relays.map(\.json))),
        ])
    }

    /// Nil if `json` did not write it.
    init?(json: JSONValue) {
        guard let path = json["path"]?.string, let from = json["from"]?.string, let to = json["to"]?.string,
            let carrying = json["carrying"]?.elements, let since = json["since"]?.integer
        else { return nil }
        self.init(
            path: path, from: from, to: to, carrying: carrying.compactMap(\.string), since: since)
        reason = json["reason"]?.string ?? ""
        moves = json["moves"]?.integer ?? 0
        lostMilliseconds = json["lost-milliseconds"]?.integer ?? 0
        relays = json["relays"]?.elements?.compactMap(AgentStatus.Relay.init(json:)) ?? []
    }
}

extension AgentStatus.RelayedPath {
    /// For the file of the status, and for programs.
    var json: JSONValue {
        .object([
            ("path", .string(path)), ("from", .string(from)), ("to", .string(to)), ("relay", relay.json),
            ("announced", .boolean(isAnnounced)),
        ])
    }

    /// Nil if `json` did not write it.
    init?(json: JSONValue) {
        guard let path = json["path"]?.string, let from = json["from"]?.string, let to = json["to"]?.string,
            let relay = json["relay"].flatMap(AgentStatus.Relay.init(json:))
        else { return nil }
        self.init(
            path: path, from: from, to: to, relay: relay, isAnnounced: json["announced"]?.boolean ?? false)
    }
}

extension AgentStatus.Relay {
    /// For the file of the status, and for programs.
    fileprivate var json: JSONValue {
        .object([
            ("name", .string(name)), ("host", .string(host)), ("state", .string(state)),
            ("since", .integer(since)),
            ("cause", .string(cause)), ("drained-since", drainedSince.map { .integer($0) } ?? .null),
            ("reason", reason ?? .null),
        ])
    }

    /// Nil if `json` did not write it.
    fileprivate init?(json: JSONValue) {
        guard let name = json["name"]?.string, let state = json["state"]?.string,
            let since = json["since"]?.integer
        else { return nil }
        self.init(
            name: name, host: json["host"]?.string ?? name, state: state, since: since,
            cause: json["cause"]?.string ?? "")
        drainedSince = json["drained-since"]?.integer
        if let known = json["reason"], known != .null { reason = known }
    }
}
