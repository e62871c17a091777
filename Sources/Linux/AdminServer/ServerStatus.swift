package import JSON

/// The state of a running server: what `namebridge status` shows.
package struct ServerStatus: Hashable, Sendable {
    /// The program's version.
    package var version = ""
    /// The process's number.
    package var processID = 0
    /// Seconds since the start.
    package var uptimeSeconds = 0
    /// Questions of the last seconds; the number of seconds is in the next field.
    package var recentQuestions = 0
    /// Their length.
    package var recentMilliseconds = 0
    /// The counts of each worker.
    package var workers: [Worker] = []
    /// Addresses of `dns.listen` that no client reaches, since the host does not have them.
    package var absentListeners: [String] = []
    /// Nil without a cache.
    package var cache: Cache?
    /// The clusters with name servers, and last `upstream`.
    package var groups: [Group] = []
    /// The name of this machine.
    package var host = ""
    /// The share of questions that were answered.
    package var success = Success()
    /// All workers together, in the time of `success`.
    package var recentTotal = Worker()
    /// The last one first.
    package var refusedClients: [RefusedNetwork] = []
    /// The last minutes, the oldest first, one for each five seconds.
    package var history: [HistoryPoint] = []
    /// How long answers took in the last one or two minutes: from the cache, and if servers were asked.
    package var cachedLatency = Latency()
    /// The time if servers were asked.
    package var lookupLatency = Latency()
    /// Replies by response code; limits that were hit; Extended DNS Errors by code.
    package var responseCodes: [NamedCount] = []
    /// Limits that were reached.
    package var limits: [NamedCount] = []
    /// Extended DNS Errors by code.
    package var extendedErrors: [NamedCount] = []
    /// The last failures, the latest first.
    package var failures: [Failure] = []
    /// Nil unless there are more than a second of late.
    package var unmatched: UnmatchedAnswers?
    /// What this host was short of, of late.
    package var shortages: [Shortage] = []
    /// What stands in the query log most often; empty without one.
    package var topNames: [NamedCount] = []
    /// The most frequent clients.
    package var topClients: [NamedCount] = []
    /// The answers logged last, the latest first; empty without a query log.
    package var latestAnswers: [LatestAnswer] = []
    /// Merged suffixes and private zones.
    package var suffixes: [Suffix] = []
    /// The clusters that are followed.
    package var followed: [Followed] = []
    /// Instructions for other devices that are out of date.
    package var renderings: [ChangedRendering] = []
    /// The places and paths of the configuration.
    package var sites: [Site] = []
    /// The paths.
    package var paths: [Path] = []
    /// The report of the network agent; nil if there is none.
    package var network: NetworkObjects?
    /// The results of reloads.
    package var reload = Reload()

    /// Creates server status.
    package init() {}

    /// Questions a second in the last seconds.
    package var questionsPerSecond: Int {
        recentMilliseconds > 0 ? (recentQuestions * 1000 + recentMilliseconds / 2) / recentMilliseconds : 0
    }

    /// All workers together.
    package var total: Worker {
        workers.reduce(into: Worker()) { sum, worker in
            for field in Worker.fields { sum[keyPath: field.path] += worker[keyPath: field.path] }
        }
    }

    /// The counts of one worker since the start, and its present load.
    package struct Worker: Hashable, Sendable {
        /// Messages from clients that were questions.
        package var questions = 0
        /// Answered from the cache, fresh.
        package var hits = 0
        /// Answered from the cache past their TTL, because no server answered.
        package var stale = 0
        /// Answered with a server's answer.
        package var answered = 0
        /// Answered here: names that cannot exist, private reverse names.
        package var local = 0
        /// Refused by the configuration.
        package var refused = 0
        /// Answered with an error of form or support.
        package var rejected = 0
        /// Refused because the tables were full.
        package var overloaded = 0
        /// No server answered.
        package var failed = 0
        /// Waiting for a server.
        package var inFlight = 0
        /// Clients' connections.
        package var connections = 0

        /// Creates a worker.
        package init() {}

        /// Each number and its name in JSON.
        static var fields: [(name: String, path: WritableKeyPath<Worker, Int>)] {
            [
                ("questions", \.questions), ("hits", \.hits), ("stale", \.stale), ("answered", \.answered),
                ("local", \.local), ("refused", \.refused), ("rejected", \.rejected),
                ("overloaded", \.overloaded), ("failed", \.failed), ("in-flight", \.inFlight),
                ("connections", \.connections),
            ]
        }
    }

    /// The state of the cache.
    package struct Cache: Hashable, Sendable {
        /// Answers in the cache.
        package var entries = 0
        /// Octets in use.
        package var octets = 0
        /// The most octets that it may take.
        package var limit = 0
        /// Look-ups that found an answer.
        package var hits = 0
        /// Look-ups that found none.
        package var misses = 0
        /// Answers dropped for lack of room.
        package var evictions = 0

        /// Creates a cache.
        package init() {}

        /// Each number and its name in JSON.
        static var fields: [(name: String, path: WritableKeyPath<Cache, Int>)] {
            [
                ("entries", \.entries), ("octets", \.octets), ("limit", \.limit), ("hits", \.hits),
                ("misses", \.misses), ("evictions", \.evictions),
            ]
        }
    }

    /// The servers of a cluster, or of `dns.upstream`.
    package struct Group: Hashable, Sendable {
        /// The cluster's key, or `upstream`.
        package var name: String
        /// The servers.
        package var servers: [Server]
        /// The zone of its servers; empty for `upstream`.
        package var domain = ""
        /// The suffixes that clients use for it.
        package var names: [String] = []
        /// The private zones that are asked there.
        package var also: [String] = []
        /// The prefixes of its pods and services.
        package var prefixes: [String] = []
        /// Its outer addresses, by ranges; empty if all use the addresses that it has inside.
        package var map: [MappedRange] = []
        /// Packets that this host has translated between the two; nil if it is no relay of the cluster.
        package var translatedPackets: Int?
        /// Replies with its answers, cached or not.
        package var replies = 0
        /// How long look-ups took, in the last one or two minutes.
        package var latency = Latency()

        /// Creates a group.
        package init(name: String, servers: [Server]) {
            self.name = name
            self.servers = servers
        }

        /// Answers with an address outside of the prefixes.
        package var straying: Int { servers.reduce(0) { $0 + $1.straying } }

        /// Servers that are not asked.
        package var deadServers: Int { servers.count { $0.isDown } }

        /// The servers that are down, each with its cause.
        var downWords: String {
            servers.filter(\.isDown).map { server in
                // The cause of a failure may name the server already.
                let cause = server.lastError ?? server.state
                return cause.contains(server.address) ? cause : "\(server.address) \(cause)"
            }.joined(separator: "; ")
        }
    }

    /// A name server as the last probes found it.
    package struct Server: Hashable, Sendable {
        /// `ADDRESS:PORT`.
        package var address: String
        /// `full`, `without EDNS`, `TCP only`, `dead` or `looping`.
        package var state: String
        /// Nil if no probe was answered yet.
        package var roundTripMicroseconds: Int?
        /// Nil if there was no error.
        package var lastError: String?
        /// For how long it is down; nil if it is not.
        package var downSeconds: Int?
        /// Since the start.
        package var asked = 0
        /// Answers since the start.
        package var answered = 0
        /// Questions without an answer since the start.
        package var failures = 0
        /// Answers with an address outside the prefixes of its cluster, since the start.
        package var straying = 0
        /// How long its answers took, in the last one or two minutes.
        package var latency = Latency()

        /// The `state` of a server that does not answer.
        static let dead = "dead"
        /// The `state` of a server that forwards our questions back to us.
        static let looping = "looping"

        /// True if no questions are sent to it.
        package var isDown: Bool { state == Self.dead || state == Self.looping }

        /// Creates a server.
        package init(
            address: String, state: String, roundTripMicroseconds: Int? = nil, lastError: String? = nil
        ) {
            self.address = address
            self.state = state
            self.roundTripMicroseconds = roundTripMicroseconds
            self.lastError = lastError
        }
    }
}

// MARK: - JSON

extension ServerStatus {
    /// The whole status as JSON.
    package var json: JSONValue {
        .object(
            [
                ("version", .string(version)),
                ("pid", .integer(processID)),
                ("uptime-seconds", .integer(uptimeSeconds)),
                ("recent-questions", .integer(recentQuestions)),
                ("recent-milliseconds", .integer(recentMilliseconds)),
                ("questions-per-second", .integer(questionsPerSecond)),
                ("success", Self.numbers(success, Success.fields)),
                ("refused-clients", .array(refusedClients.map(\.json))),
                ("total", Self.numbers(total, Worker.fields)),
                ("last-minutes", Self.numbers(recentTotal, Worker.fields)),
                ("workers", .array(workers.map { Self.numbers($0, Worker.fields) })),
                ("absent-listeners", .array(absentListeners.map { .string($0) })),
                ("cache", cache.map { Self.numbers($0, Cache.fields) } ?? .null),
                ("clusters", .array(groups.map(\.json))),
                ("reload", reload.json),
            ] + detailMembers)
    }

    /// Parses what another process wrote; what is missing stays 0.
    package init(json: JSONValue) {
        version = json["version"]?.string ?? ""
        processID = json["pid"]?.count ?? 0
        uptimeSeconds = json["uptime-seconds"]?.count ?? 0
        recentQuestions = json["recent-questions"]?.count ?? 0
        recentMilliseconds = json["recent-milliseconds"]?.count ?? 0
        workers = (json["workers"]?.elements ?? []).map { Self.read($0, Worker(), fields: Worker.fields) }
        absentListeners = JSONValue.strings(json["absent-listeners"])
        success = json["success"].map { Self.read($0, Success(), fields: Success.fields) } ?? Success()
        recentTotal = json["last-minutes"].map { Self.read($0, Worker(), fields: Worker.fields) } ?? Worker()
        refusedClients = (json["refused-clients"]?.elements ?? []).map(RefusedNetwork.init(json:))
        if let cache = json["cache"], case .object = cache {
            self.cache = Self.read(cache, Cache(), fields: Cache.fields)
        }
        groups = (json["clusters"]?.elements ?? []).map(Group.init(json:))
        reload = json["reload"].map(Reload.init(json:)) ?? Reload()
        readDetails(json)
    }

    /// Numbers by their JSON names.
    private static func numbers<Root>(
        _ value: Root, _ fields: [(name: String, path: WritableKeyPath<Root, Int>)]
    ) -> JSONValue {
        .object(fields.map { ($0.name, .integer(value[keyPath: $0.path])) })
    }

    /// Reads numbers by their JSON names.
    private static func read<Root>(
        _ json: JSONValue, _ empty: Root, fields: [(name: String, path: WritableKeyPath<Root, Int>)]
    ) -> Root {
        fields.reduce(into: empty) { $0[keyPath: $1.path] = json[$1.name]?.count ?? 0 }
    }
}
