import DNSServer
import Forwarding
import Telemetry
import Time

/// Earlier values of the numbers, for rates and percentiles of the last minutes.
struct StatusHistory {
    /// The oldest first, never empty; `samplePeriod` apart.
    private(set) var samples: [Sample]
    /// All latencies at the beginning of the window, one or two minutes ago, and at its middle.
    private var windowStart = Latencies()
    /// All latencies at the middle of the window.
    private var windowMiddle = Latencies()
    /// When the window moves on.
    private var nextMiddle: MonotonicTime
    /// Since when each server is down, by its cluster and address.
    private var downSince: [String: MonotonicTime] = [:]
    /// Of answers that match no question: those of ticks with more than `mostUnmatched`.
    private var unmatched = EventRun()

    /// The counts at one time.
    struct Sample {
        /// When.
        let time: MonotonicTime
        /// Questions since the start.
        let questions: Int
        /// Of these: not allowed, or malformed.
        let refused: Int
        /// Of these: answered with a failure.
        let failed: Int
        /// Messages from servers that match no question.
        let unmatched: Int
        /// All workers together.
        var work = ServerStatus.Worker()
    }

    /// Latencies since the server's start; nil if no worker has reported yet.
    struct Latencies {
        /// Turns of the workers' loops.
        var turns = LatencyHistogram()
        /// Counts with labels.
        var meters: EngineMeters?
    }

    /// Five minutes.
    private static let mostSamples = 61
    /// Recent rates are those since this many samples ago, 10 to 15 s.
    private static let recentSamples = 3
    /// A tick that follows another one faster is ignored.
    private static let shortestTickMilliseconds = 4_000
    /// Half the length of the window.
    private static let windowMilliseconds = 60_000
    /// Answers that match no question are no cause for worry up to so many between two ticks, and up to one
    /// a second: a resend on the way brings some.
    private static let mostUnmatched = 5

    init(start: MonotonicTime) {
        samples = [Sample(time: start, questions: 0, refused: 0, failed: 0, unmatched: 0)]
        nextMiddle = start.advanced(milliseconds: Self.windowMilliseconds)
    }

    /// Records the present numbers; call it every five seconds, from one thread or several.
    mutating func tick(_ statistics: ServerStatistics, at now: MonotonicTime) {
        if samples.count > 1, let last = samples.last,
            now < last.time.advanced(milliseconds: Self.shortestTickMilliseconds)
        {
            return  // another thread was quicker
        }
        let sample = Sample(statistics, at: now)
        unmatched = unmatched(upTo: sample)
        samples.append(sample)
        if samples.count > Self.mostSamples { samples.removeFirst() }
        guard now >= nextMiddle else { return }
        nextMiddle = now.advanced(milliseconds: Self.windowMilliseconds)
        windowStart = windowMiddle
        windowMiddle = Latencies(turns: statistics.turns, meters: statistics.meters)
    }

    /// Switches to another policy, as `EngineMeters.adopt` does.
    mutating func rearrange(_ policy: ForwardingPolicy, after old: ForwardingPolicy) {
        windowStart.meters?.adopt(policy, after: old)
        windowMiddle.meters?.adopt(policy, after: old)
    }

    /// The sample from which recent rates are computed.
    var reference: Sample { samples[max(0, samples.count - Self.recentSamples)] }

    /// The results of the questions since the oldest sample.
    func success(upTo now: Sample) -> ServerStatus.Success {
        var success = ServerStatus.Success()
        guard let first = samples.first else { return success }
        success.seconds = now.time.seconds(since: first.time)
        success.questions = max(0, now.questions - now.refused - first.questions + first.refused)
        success.failed = min(success.questions, max(0, now.failed - first.failed))
        return success
    }

    /// The counts since the oldest sample.
    func work(upTo now: Sample) -> ServerStatus.Worker {
        var work = now.work
        guard let first = samples.first?.work else { return work }
        for field in ServerStatus.Worker.fields {
            work[keyPath: field.path] = max(0, work[keyPath: field.path] - first[keyPath: field.path])
        }
        return work
    }

    /// Notes which servers are down now, by cluster and address; gives since when each is.
    mutating func note(down: Set<String>, at now: MonotonicTime) -> [String: MonotonicTime] {
        downSince = downSince.filter { down.contains($0.key) }
        for server in down where downSince[server] == nil { downSince[server] = now }
        return downSince
    }

    /// The run of answers that match no question, with those since the last tick.
    func unmatched(upTo now: Sample) -> EventRun {
        var run = unmatched
        guard let last = samples.last else { return run }
        let count = now.unmatched - last.unmatched
        if count > max(Self.mostUnmatched, now.time.seconds(since: last.time)) {
            run.note(count, since: last.time, at: now.time)
        }
        return run
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
        unmatched = statistics.sum { $0.engine.unmatched }
        for worker in statistics.workers.map(ServerStatus.Worker.init) {
            for field in ServerStatus.Worker.fields {
                work[keyPath: field.path] += worker[keyPath: field.path]
            }
        }
    }
}
