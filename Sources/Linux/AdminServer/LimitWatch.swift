package import DNSServer
package import Time

/// Reports that a limit is reached: the first time at once, then at most once a minute with a count.
package struct LimitWatch: Sendable {
    /// A limit that was reached.
    package struct News: Hashable, Sendable {
        /// See `LimitCount`.
        package let name: String
        /// See `LimitCount`.
        package let words: String
        /// How often since the last report.
        package let count: Int
    }

    /// Nanoseconds between two reports of one limit.
    private static let interval: Int64 = 60_000_000_000

    /// The last report of each limit.
    private var reported: [String: (count: Int, time: MonotonicTime?)] = [:]

    /// Creates a limit watch.
    package init() {}

    /// The reports that are due; call it about once a second.
    package mutating func news(_ statistics: ServerStatistics, at now: MonotonicTime) -> [News] {
        news(LimitCount.all(statistics), at: now)
    }

    /// - Parameter counts: Since the start.
    mutating func news(_ counts: [LimitCount], at now: MonotonicTime) -> [News] {
        var news: [News] = []
        for limit in counts where !Self.isOrdinary(limit.name) {
            let before = reported[limit.name] ?? (0, nil)
            // Counts that went down have started again.
            guard limit.count > before.count else {
                reported[limit.name] = (limit.count, before.time)
                continue
            }
            if let time = before.time, now.nanoseconds(since: time) < Self.interval { continue }
            news.append(News(name: limit.name, words: limit.words, count: limit.count - before.count))
            reported[limit.name] = (limit.count, now)
        }
        return news
    }

    /// True for limits that are reached in normal operation: clients leave connections idle.
    private static func isOrdinary(_ name: String) -> Bool { name == "tcp-idle" || name == "tcp-age" }
}
