import DNSServer
import Forwarding
import Telemetry

/// What the numbers were some time ago, so that rates and percentiles are those of late.
struct StatusHistory {
    /// The oldest first, never empty; `samplePeriod` apart.
    private(set) var samples: [Sample]
    /// All latencies at the beginning of the window, which is one or two minutes ago, and at its middle.
    private var windowStart = Latencies()
    private var windowMiddle = Latencies()
    private var nextMiddle: MonotonicTime

    struct Sample {
        let time: MonotonicTime
        let questions: Int
        /// Of these: not allowed, or malformed.
        let refused: Int
        /// Of these: answered with a failure.
        let failed: Int
    }

    /// Latencies since the server's start; nil if nothing was told yet.
    struct Latencies {
        var turns = LatencyHistogram()
        var meters: EngineMeters?
    }

    /// Five minutes.
    private static let mostSamples = 61
    /// The rate of late is that since so many samples ago, 10 to 15 s.
    private static let recentSamples = 3
    /// Ticks that follow each other faster are one.
    private static let shortestTickMilliseconds = 4_000
    private static let windowMilliseconds = 60_000

    init(start: MonotonicTime) {
        samples = [Sample(time: start, questions: 0, refused: 0, failed: 0)]
        nextMiddle = start.advanced(milliseconds: Self.windowMilliseconds)
    }

    /// Notes the numbers of now; to be called every five seconds, by one thread or several.
    mutating func tick(_ statistics: ServerStatistics, at now: MonotonicTime) {
        if samples.count > 1, let last = samples.last,
            now < last.time.advanced(milliseconds: Self.shortestTickMilliseconds)
        {
            return  // another thread was quicker
        }
        samples.append(Sample(statistics, at: now))
        if samples.count > Self.mostSamples { samples.removeFirst() }
        guard now >= nextMiddle else { return }
        nextMiddle = now.advanced(milliseconds: Self.windowMilliseconds)
        windowStart = windowMiddle
        windowMiddle = Latencies(turns: statistics.turns, meters: statistics.meters)
    }

    /// Goes over to another policy, as `EngineMeters.adopt` does.
    mutating func adopt(_ policy: ForwardingPolicy, after old: ForwardingPolicy) {
        windowStart.meters?.adopt(policy, after: old)
        windowMiddle.meters?.adopt(policy, after: old)
    }

    /// The sample that the rate of late is taken since.
    var reference: Sample { samples[max(0, samples.count - Self.recentSamples)] }

    /// What became of the questions since the oldest sample.
    func success(upTo now: Sample) -> ServerStatus.Success {
        var success = ServerStatus.Success()
        guard let first = samples.first else { return success }
        success.seconds = now.time.seconds(since: first.time)
        success.questions = max(0, now.questions - now.refused - first.questions + first.refused)
        success.failed = min(success.questions, max(0, now.failed - first.failed))
        return success
    }

    /// What `histogram` gives now, without what it gave when the window began.
    func recent(
        _ now: Latencies, _ histogram: (Latencies) -> LatencyHistogram
    ) -> ServerStatus.Latency {
        ServerStatus.Latency(histogram(now).since(histogram(windowStart)))
    }

    /// The differences between one sample and the next, up to now.
    func points(upTo now: Sample) -> [ServerStatus.HistoryPoint] {
        let all = samples + [now]
        return zip(all, all.dropFirst()).compactMap { before, after in
            let milliseconds = Int(after.time.nanoseconds(since: before.time) / 1_000_000)
            guard milliseconds >= 1000 else { return nil }
            return ServerStatus.HistoryPoint(
                milliseconds: milliseconds, questions: max(0, after.questions - before.questions),
                failed: max(0, after.failed - before.failed))
        }
    }
}

extension StatusHistory.Sample {
    init(_ statistics: ServerStatistics, at now: MonotonicTime) {
        time = now
        questions = statistics.sum { $0.engine.messages - $0.engine.ignored }
        refused = statistics.sum { $0.engine.refused + $0.engine.rejected }
        failed = statistics.sum { $0.engine.failed + $0.engine.overloaded }
    }
}
