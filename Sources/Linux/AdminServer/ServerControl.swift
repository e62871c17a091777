import AnswerCache
package import DNSServer
import DomainNames
import Forwarding
import LinuxSystem
import Synchronization
import Telemetry

/// Answers what is asked about a running DNS server, and does what it is told to it.
package final class ServerControl: Sendable {
    let server: DNSServer
    let version: String
    let cacheLimit: Int
    private let start = MonotonicClock.now
    /// The same by the time of day, in seconds since 1970.
    let startSeconds = WallClock.seconds
    /// Numbers of questions at some times, the oldest first, never empty: the rate is taken since the oldest.
    private let samples: Mutex<[Sample]>

    private struct Sample {
        let time: MonotonicTime
        let questions: Int
    }

    /// The rate is that of the last 10 to 15 s.
    private static let mostSamples = 3

    /// Ticks that follow each other faster are one.
    private static let shortestTickMilliseconds = 4_000

    /// - Parameters:
    ///   - version: The program's.
    ///   - cacheLimit: The memory for kept answers, in octets.
    package init(_ server: DNSServer, version: String, cacheLimit: Int) {
        self.server = server
        self.version = version
        self.cacheLimit = cacheLimit
        samples = Mutex([Sample(time: start, questions: 0)])
    }

    /// Notes how many questions there were; to be called every five seconds, by one thread or several.
    package func tick() {
        let sample = Sample(time: MonotonicClock.now, questions: questionCount)
        samples.withLock { samples in
            if let last = samples.last, last.time > start,
                sample.time < last.time.advanced(milliseconds: Self.shortestTickMilliseconds)
            {
                return  // another thread was quicker
            }
            samples.append(sample)
            if samples.count > Self.mostSamples { samples.removeFirst() }
        }
    }

    package func answer(_ request: ControlRequest) -> JSONValue {
        switch request {
        case .status: status.json
        case .flush(let scope): flush(scope)
        }
    }

    // MARK: - Flush

    private func flush(_ scope: FlushScope) -> JSONValue {
        guard let cache = server.cache else { return Self.refusal("the server keeps no answers") }
        let count: Int
        switch scope {
        case .everything:
            count = cache.removeAll { _ in true }
        case .name(let name):
            count = cache.removeAll { DomainName($0) == name }
        case .below(let name):
            count = cache.removeAll { DomainName($0)?.isAtOrBelow(name) ?? false }
        case .cluster(let key):
            let policy = server.policy
            guard let group = policy.groups.firstIndex(where: { $0.name == key }) else {
                let known = policy.groups.map(\.name).joined(separator: ", ")
                return Self.refusal(
                    "no cluster \"\(key)\" is asked here, expected one of: \(known)"
                        + " (a name of one label takes a final dot)")
            }
            count = cache.removeAll { policy.mayAnswer($0, group: group) }
        }
        return .object([("flushed", .number(count))])
    }

    private static func refusal(_ reason: String) -> JSONValue { .object([("error", .string(reason))]) }

    // MARK: - Status

    private var questionCount: Int { server.statistics.sum { $0.engine.messages - $0.engine.ignored } }

    /// How the server is doing now.
    package var status: ServerStatus {
        let now = MonotonicClock.now
        var status = ServerStatus()
        status.version = version
        status.processID = ProcessLimits.processID
        status.uptimeSeconds = now.seconds(since: start)
        status.workers = server.statistics.workers.map(ServerStatus.Worker.init)
        let questions = status.total.questions
        if let oldest = samples.withLock({ $0.first }) {
            status.recentQuestions = max(0, questions - oldest.questions)
            status.recentMilliseconds = Int(now.nanoseconds(since: oldest.time) / 1_000_000)
        }
        status.cache = server.cache.map { ServerStatus.Cache($0.statistics, limit: cacheLimit) }
        status.groups = server.policy.groups.map(group)
        return status
    }

    private func group(_ group: ServerGroup) -> ServerStatus.Group {
        ServerStatus.Group(
            name: group.name,
            servers: group.servers.map { index in
                let health = server.board.servers[index]
                let lastError = health.lastError
                return ServerStatus.Server(
                    address: "\(server.policy.servers[index])", state: health.mode.words,
                    roundTripMicroseconds: health.roundTrip > 0 ? Int(health.roundTrip / 1000) : nil,
                    lastError: lastError.isEmpty ? nil : lastError)
            })
    }
}

extension DomainName {
    /// Copies a name in wire form; nil where it is not one.
    fileprivate init?(_ wire: Span<UInt8>) {
        var octets: [UInt8] = []
        octets.reserveCapacity(wire.count)
        for index in wire.indices { octets.append(wire[index]) }
        guard let name = try? DomainName(wire: octets) else { return nil }
        self = name
    }
}

extension ServerStatus.Worker {
    init(_ statistics: WorkerStatistics) {
        let engine = statistics.engine
        questions = engine.messages - engine.ignored
        hits = engine.hits
        stale = engine.stale
        // A refresh ahead of time is answered, too, but to nobody.
        answered = max(0, engine.answered - engine.refreshed)
        local = engine.local + engine.denied
        refused = engine.refused
        rejected = engine.rejected
        overloaded = engine.overloaded
        failed = engine.failed
        inFlight = statistics.inFlight
        connections = statistics.connections
    }
}

extension ServerStatus.Cache {
    init(_ statistics: CacheStatistics, limit: Int) {
        entries = statistics.entries
        octets = statistics.octets
        self.limit = limit
        hits = statistics.hits
        misses = statistics.misses
        evictions = statistics.evictions
    }
}

extension ServerHealth.Mode {
    /// For people.
    fileprivate var words: String {
        switch self {
        case .full: "full"
        case .withoutEDNS: "without EDNS"
        case .onlyTCP: "TCP only"
        case .dead: "dead"
        }
    }
}
