import JSON

// The sites and paths of packets.

extension ServerStatus {
    /// A place of the configuration that is not a cluster.
    package struct Site: Hashable, Sendable {
        /// The site's key.
        package var name: String
        /// Its prefixes.
        package var prefixes: [String]

        /// Creates a site.
        package init(name: String, prefixes: [String]) {
            self.name = name
            self.prefixes = prefixes
        }
    }

    /// How packets travel between places.
    package struct Path: Hashable, Sendable {
        /// Keys of sites and clusters. If `to` is empty, all of `from` reach each other.
        package var from: [String]
        /// Keys of clusters; empty for a mutual path.
        package var to: [String]
        /// `relay`, `routed` or `vxlan`.
        package var carrier: String
        /// The relays or the segment, and what happens to the source address.
        package var details: [String]
        /// The part of it on this host; nil if it has none, or no network agent reports.
        package var state: PathState?
        /// What probes show, for each direction that is probed from this host; empty if none is.
        package var health: [PathHealth] = []
        /// Which relays carry, if the network agent of this host chooses them.
        package var relays: RelayGroup?
        /// The same in words, as of the time of the status.
        package var relayWords = ""

        /// Creates a path.
        package init(from: [String], to: [String], carrier: String, details: [String]) {
            self.from = from
            self.to = to
            self.carrier = carrier
            self.details = details
        }
    }

    /// One host's part of a path.
    package struct PathState: Hashable, Sendable {
        /// False if no agent runs: lost objects are not restored, and the numbers are old.
        package var isKept: Bool
        /// The number of objects that the path needs on this host; `missing` of them are not as planned.
        package var wanted: Int
        /// Objects that are missing.
        package var missing: Int

        /// Creates a path state.
        package init(isKept: Bool, wanted: Int, missing: Int) {
            self.isKept = isKept
            self.wanted = wanted
            self.missing = missing
        }
    }
}

// MARK: - Words

extension ServerStatus.Path {
    /// As in `office -> prod`, `c1 <-> c2`.
    package var ends: String {
        let from = from.joined(separator: to.isEmpty ? " <-> " : ", ")
        return to.isEmpty ? from : from + " -> " + to.joined(separator: ", ")
    }

    /// True if packets likely do not get through.
    var isBroken: Bool { (state?.missing ?? 0) > 0 || health.contains(where: \.isDown) }

    /// Its colour: `good`, `warn`, `bad`, or empty if the state is unknown.
    package var look: String {
        let looks = [stateLook] + health.map(\.look) + [relays?.look ?? ""]
        return ["bad", "warn", "good"].first(where: looks.contains) ?? ""
    }

    /// The colour of this host's part.
    private var stateLook: String {
        guard let state else { return "" }
        if state.missing > 0 { return "bad" }
        return state.isKept ? "good" : "warn"
    }

    /// The state in words.
    package var stateWords: String {
        let probed = health.map { health in
            let ends = to.isEmpty ? "\(health.from) -> \(health.to) " : ""
            // One for each relay, where each has a range of its own.
            let relay =
                !to.isEmpty && self.health.count > 1 ? health.relays.joined(separator: ", ") + " " : ""
            return ends + relay + health.words
        }
        let words = probed + [relayWords, objectWords ?? ""].filter { !$0.isEmpty }
        return words.isEmpty ? "not reported" : words.joined(separator: "; ")
    }

    /// What this host has of it, in words.
    private var objectWords: String? {
        guard let state else { return nil }
        let noun = state.wanted == 1 ? "object" : "objects"
        if state.missing > 0 { return "\(state.missing) of \(state.wanted) \(noun) missing" }
        return state.isKept ? "\(state.wanted) \(noun) in place" : "not watched: the agent has ended"
    }
}

// MARK: - JSON

extension ServerStatus.Site {
    var json: JSONValue {
        .object([("name", .string(name)), ("prefixes", .array(prefixes.map { .string($0) }))])
    }

    init(json: JSONValue) {
        self.init(name: json["name"]?.string ?? "", prefixes: JSONValue.strings(json["prefixes"]))
    }
}

extension ServerStatus.Path {
    var json: JSONValue {
        .object([
            ("from", .array(from.map { .string($0) })), ("to", .array(to.map { .string($0) })),
            ("carrier", .string(carrier)), ("details", .array(details.map { .string($0) })),
            ("state", state?.json ?? .null), ("health", .array(health.map(\.json))),
            ("relays", relays?.json ?? .null), ("relay-words", .string(relayWords)),
        ])
    }

    init(json: JSONValue) {
        self.init(
            from: JSONValue.strings(json["from"]), to: JSONValue.strings(json["to"]),
            carrier: json["carrier"]?.string ?? "", details: JSONValue.strings(json["details"]))
        state = json["state"].flatMap(ServerStatus.PathState.init(json:))
        health = (json["health"]?.elements ?? []).map(ServerStatus.PathHealth.init(json:))
        relays = json["relays"].flatMap(ServerStatus.RelayGroup.init(json:))
        relayWords = json["relay-words"]?.string ?? ""
    }
}

extension ServerStatus.PathState {
    fileprivate var json: JSONValue {
        .object([
            ("kept", .boolean(isKept)), ("wanted", .integer(wanted)), ("missing", .integer(missing)),
        ])
    }

    /// Nil if the JSON has no state.
    fileprivate init?(json: JSONValue) {
        guard case .object = json else { return nil }
        self.init(
            isKept: json["kept"]?.boolean ?? false, wanted: json["wanted"]?.count ?? 0,
            missing: json["missing"]?.count ?? 0)
    }
}
