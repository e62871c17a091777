import JSON
package import Telemetry
import Time

// The parts of a status besides the plain numbers.

extension ServerStatus {
    /// A count with its name.
    package struct NamedCount: Hashable, Sendable {
        /// Short, as in metrics.
        package var name: String
        /// The description, for people; empty if the name is enough.
        package var words: String
        /// The count.
        package var count: Int

        /// Creates a named count.
        package init(_ name: String, _ words: String = "", _ count: Int) {
            self.name = name
            self.words = words
            self.count = count
        }
    }

    /// Questions to one cluster that failed for one reason.
    package struct Failure: Hashable, Sendable {
        /// The cluster's key.
        package var cluster: String
        /// The last name whose question failed.
        package var name: String
        /// Why they failed.
        package var reason: String
        /// How many failed.
        package var count: Int
        /// Seconds since the last one.
        package var secondsAgo: Int

        /// Creates a failure.
        package init(cluster: String, name: String, reason: String, count: Int, secondsAgo: Int) {
            self.cluster = cluster
            self.name = name
            self.reason = reason
            self.count = count
            self.secondsAgo = secondsAgo
        }
    }

    /// Addresses of a cluster, and those that stand for them outside of it.
    package struct MappedRange: Hashable, Sendable {
        /// The prefix inside.
        package var inner: String
        /// The prefix outside.
        package var outer: String

        /// Creates a mapped range.
        package init(inner: String, outer: String) {
            self.inner = inner
            self.outer = outer
        }
    }

    /// The times, in microseconds, that 500, 950 and 990 of 1000 did not exceed; nil without any.
    package struct Latency: Hashable, Sendable {
        /// The number of times.
        package var count = 0
        /// The median.
        package var median: Int?
        /// 95 of 100 did not exceed it.
        package var p95: Int?
        /// 99 of 100 did not exceed it.
        package var p99: Int?

        /// Creates a latency.
        package init() {}

        /// Creates a latency.
        package init(_ histogram: LatencyHistogram) {
            count = histogram.count
            median = histogram.quantile(permille: 500)
            p95 = histogram.quantile(permille: 950)
            p99 = histogram.quantile(permille: 990)
        }
    }

    /// A few seconds of the past.
    package struct HistoryPoint: Hashable, Sendable {
        /// Their length.
        package var milliseconds: Int
        /// Questions in this time.
        package var questions: Int
        /// Of these: no server answered.
        package var failed: Int

        /// Creates a history point.
        package init(milliseconds: Int, questions: Int, failed: Int) {
            self.milliseconds = milliseconds
            self.questions = questions
            self.failed = failed
        }

        /// The rate.
        package var questionsPerSecond: Int { milliseconds > 0 ? questions * 1000 / milliseconds : 0 }
    }

    /// The objects that the network agent maintains on this host.
    package struct NetworkObjects: Hashable, Sendable {
        /// True if an agent runs.
        package var isRunning = false
        /// Objects of the plan.
        package var wanted = 0
        /// Objects that are in place.
        package var present = 0
        /// Objects that were restored.
        package var healed = 0
        /// Failed attempts to restore.
        package var failures = 0
        /// Objects that are missing or not as planned, at most the first few.
        package var missing: [String] = []
        /// Objects that were missing at the last loss, and the process that likely removed them.
        package var lastLost: [String] = []
        /// When the last loss was noticed, in seconds since 1970.
        package var lastLossTime: Int?
        /// The process that likely caused the last loss.
        package var suspicion: String?
        /// Objects that another program removes again and again.
        package var contested: [String] = []
        /// What is wrong now.
        package var trouble: String?

        /// Creates network objects.
        package init() {}

        /// True if the agent runs and everything is in place.
        package var isWhole: Bool { isRunning && present >= wanted && trouble == nil }
    }

    /// False if the last report of an agent that ended does not matter: this host has nothing to maintain.
    package var isAgentNeeded: Bool {
        guard let network else { return false }
        return network.isRunning || (network.wanted > 0 && !paths.isEmpty)
    }
}

// MARK: - JSON

extension ServerStatus {
    /// The JSON members besides the plain numbers.
    var detailMembers: [(String, JSONValue)] {
        [
            ("host", .string(host)),
            ("troubles", .array(troubles.map { .string($0) })),
            ("problems", .array(problems.map(\.json))),
            ("history", .array(history.map(\.json))),
            ("latency", .object([("cached", cachedLatency.json), ("lookups", lookupLatency.json)])),
            ("response-codes", .array(responseCodes.map(\.json))),
            ("limits", .array(limits.map(\.json))),
            ("extended-errors", .array(extendedErrors.map(\.json))),
            ("failures", .array(failures.map(\.json))),
            ("unmatched-answers", unmatched?.json ?? .null),
            ("shortages", .array(shortages.map(\.json))),
            ("top-names", .array(topNames.map(\.json))),
            ("top-clients", .array(topClients.map(\.json))),
            ("latest-answers", .array(latestAnswers.map(\.json))),
            ("suffixes", .array(suffixes.map(\.json))),
            ("followed", .array(followed.map(\.json))),
            ("changed-renderings", .array(renderings.map(\.json))),
            ("sites", .array(sites.map(\.json))),
            ("paths", .array(paths.map(\.json))),
            ("network", network?.json ?? .null),
        ]
    }

    /// Parses what `detailMembers` wrote; what is missing stays empty.
    mutating func readDetails(_ json: JSONValue) {
        host = json["host"]?.string ?? ""
        history = (json["history"]?.elements ?? []).map { point in
            HistoryPoint(
                milliseconds: point["milliseconds"]?.count ?? 0, questions: point["questions"]?.count ?? 0,
                failed: point["failed"]?.count ?? 0)
        }
        cachedLatency = Latency(json: json["latency"]?["cached"])
        lookupLatency = Latency(json: json["latency"]?["lookups"])
        responseCodes = NamedCount.list(json["response-codes"])
        limits = NamedCount.list(json["limits"])
        extendedErrors = NamedCount.list(json["extended-errors"])
        failures = (json["failures"]?.elements ?? []).map(Failure.init(json:))
        unmatched = json["unmatched-answers"].flatMap(UnmatchedAnswers.init(json:))
        shortages = (json["shortages"]?.elements ?? []).compactMap(Shortage.init(json:))
        topNames = NamedCount.list(json["top-names"])
        topClients = NamedCount.list(json["top-clients"])
        latestAnswers = (json["latest-answers"]?.elements ?? []).map(LatestAnswer.init(json:))
        suffixes = (json["suffixes"]?.elements ?? []).map(Suffix.init(json:))
        followed = (json["followed"]?.elements ?? []).map(Followed.init(json:))
        renderings = (json["changed-renderings"]?.elements ?? []).map(ChangedRendering.init(json:))
        sites = (json["sites"]?.elements ?? []).map(Site.init(json:))
        paths = (json["paths"]?.elements ?? []).map(Path.init(json:))
        if let network = json["network"], case .object = network {
            self.network = NetworkObjects(json: network)
        }
    }
}

extension JSONValue {
    /// The strings of an array; empty if there is none.
    static func strings(_ value: JSONValue?) -> [String] { (value?.elements ?? []).compactMap(\.string) }

}

extension ServerStatus.NamedCount {
    fileprivate var json: JSONValue {
        .object([("name", .string(name)), ("words", .string(words)), ("count", .integer(count))])
    }

    /// The values of an array.
    fileprivate static func list(_ json: JSONValue?) -> [Self] {
        (json?.elements ?? []).map {
            Self($0["name"]?.string ?? "", $0["words"]?.string ?? "", $0["count"]?.count ?? 0)
        }
    }
}

extension ServerStatus.Failure {
    fileprivate var json: JSONValue {
        .object([
            ("cluster", .string(cluster)), ("name", .string(name)), ("reason", .string(reason)),
            ("count", .integer(count)), ("seconds-ago", .integer(secondsAgo)),
        ])
    }

    fileprivate init(json: JSONValue) {
        self.init(
            cluster: json["cluster"]?.string ?? "", name: json["name"]?.string ?? "",
            reason: json["reason"]?.string ?? "", count: json["count"]?.count ?? 0,
            secondsAgo: json["seconds-ago"]?.count ?? 0)
    }
}

extension ServerStatus.Latency {
    fileprivate var json: JSONValue {
        .object([
            ("count", .integer(count)), ("p50-microseconds", .optional(median)),
            ("p95-microseconds", .optional(p95)), ("p99-microseconds", .optional(p99)),
        ])
    }

    fileprivate init(json: JSONValue?) {
        count = json?["count"]?.count ?? 0
        median = json?["p50-microseconds"]?.count
        p95 = json?["p95-microseconds"]?.count
        p99 = json?["p99-microseconds"]?.count
    }
}

extension ServerStatus.HistoryPoint {
    fileprivate var json: JSONValue {
        .object([
            ("milliseconds", .integer(milliseconds)), ("questions", .integer(questions)),
            ("failed", .integer(failed)),
        ])
    }
}

extension ServerStatus.NetworkObjects {
    fileprivate var json: JSONValue {
        .object([
            ("running", .boolean(isRunning)), ("wanted", .integer(wanted)), ("present", .integer(present)),
            ("healed", .integer(healed)), ("failures", .integer(failures)),
            ("missing", .array(missing.map { .string($0) })),
            (
                "last-loss",
                .object([
                    ("time", .optional(lastLossTime)), ("objects", .array(lastLost.map { .string($0) })),
                    ("by", .optional(suspicion)),
                ])
            ),
            ("contested", .array(contested.map { .string($0) })), ("trouble", .optional(trouble)),
        ])
    }

    /// Parses what the agent or `json` wrote; what is missing stays empty.
    init(json: JSONValue) {
        if case .boolean(true)? = json["running"] { isRunning = true }
        wanted = json["wanted"]?.count ?? 0
        present = json["present"]?.count ?? 0
        healed = json["healed"]?.count ?? 0
        failures = json["failures"]?.count ?? 0
        missing = JSONValue.strings(json["missing"])
        lastLost = JSONValue.strings(json["last-loss"]?["objects"])
        lastLossTime = json["last-loss"]?["time"]?.count
        suspicion = json["last-loss"]?["by"]?.string
        contested = JSONValue.strings(json["contested"])
        trouble = json["trouble"]?.string
    }
}

extension ServerStatus.Group {
    var json: JSONValue {
        .object([
            ("name", .string(name)),
            ("domain", .string(domain)),
            ("names", .array(names.map { .string($0) })),
            ("also", .array(also.map { .string($0) })),
            ("prefixes", .array(prefixes.map { .string($0) })),
            (
                "map",
                .array(
                    map.map { .object([("inner", .string($0.inner)), ("outer", .string($0.outer))]) })
            ),
            ("translated-packets", .optional(translatedPackets)),
            ("replies", .integer(replies)),
            ("latency", latency.json),
            ("servers", .array(servers.map(\.json))),
        ])
    }

    init(json: JSONValue) {
        name = json["name"]?.string ?? ""
        domain = json["domain"]?.string ?? ""
        names = JSONValue.strings(json["names"])
        also = JSONValue.strings(json["also"])
        prefixes = JSONValue.strings(json["prefixes"])
        map = (json["map"]?.elements ?? []).map {
            ServerStatus.MappedRange(inner: $0["inner"]?.string ?? "", outer: $0["outer"]?.string ?? "")
        }
        translatedPackets = json["translated-packets"]?.count
        replies = json["replies"]?.count ?? 0
        latency = ServerStatus.Latency(json: json["latency"])
        servers = (json["servers"]?.elements ?? []).map(ServerStatus.Server.init(json:))
    }
}

extension ServerStatus.Server {
    fileprivate var json: JSONValue {
        .object([
            ("address", .string(address)),
            ("state", .string(state)),
            ("rtt-microseconds", .optional(roundTripMicroseconds)),
            ("last-error", .optional(lastError)),
            ("down-seconds", .optional(downSeconds)),
            ("asked", .integer(asked)),
            ("answered", .integer(answered)),
            ("failures", .integer(failures)),
            ("straying", .integer(straying)),
            ("latency", latency.json),
        ])
    }

    fileprivate init(json: JSONValue) {
        address = json["address"]?.string ?? ""
        state = json["state"]?.string ?? ""
        roundTripMicroseconds = json["rtt-microseconds"]?.count
        lastError = json["last-error"]?.string
        downSeconds = json["down-seconds"]?.count
        asked = json["asked"]?.count ?? 0
        answered = json["answered"]?.count ?? 0
        failures = json["failures"]?.count ?? 0
        straying = json["straying"]?.count ?? 0
        latency = ServerStatus.Latency(json: json["latency"])
    }
}
