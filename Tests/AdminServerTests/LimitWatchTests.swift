import DNSServer
import Testing
import Time

@testable import AdminServer

@Suite struct LimitWatchTests {
    @Test func `a limit is reported when first reached, then once a minute with a count`() {
        var watch = LimitWatch()
        let rows: [(seconds: Int, count: Int, told: Int?, reason: String)] = [
            (0, 0, nil, "nothing was reached"), (1, 3, 3, "the first time, at once"),
            (2, 500, nil, "within a minute"), (60, 900, nil, "within a minute"),
            (61, 1_000, 997, "a minute later, all of it"), (200, 1_000, nil, "nothing new"),
            (201, 1_001, 1, "long after the last: at once"), (300, 0, nil, "counts begun anew"),
            (301, 2, 2, "are counted anew"),
        ]
        for row in rows {
            let now = MonotonicTime(nanoseconds: 0).advanced(milliseconds: row.seconds * 1000)
            let news = watch.news([LimitCount(name: "rate", words: "too fast", count: row.count)], at: now)
            #expect(news.first?.count == row.told, "\(row.reason)")
        }
    }

    @Test func `idle connections are not reported`() {
        var watch = LimitWatch()
        let counts = [LimitCount(name: "tcp-idle", words: "", count: 9)]
        #expect(watch.news(counts, at: MonotonicTime(nanoseconds: 0)).isEmpty)
    }
}
