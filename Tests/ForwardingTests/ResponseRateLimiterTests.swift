import IPAddressing
import Inventory
import Testing
import Time

@testable import Forwarding

@Suite struct ResponseRateLimiterTests {
    /// So many replies to one client in one second.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let client: String
        var names = 1
        var limit = ResponseRateLimit()
        var isValidated = false
        /// Of 100,000.
        let sent: Int
    }

    private static func limit(_ perSecond: Int, private privatePerSecond: Int = 0) -> ResponseRateLimit {
        var limit = ResponseRateLimit()
        limit.perSecond = perSecond
        limit.privatePerSecond = privatePerSecond
        return limit
    }

    @Test(arguments: [
        Case(testDescription: "a private address has no limit", client: "10.1.2.3", sent: 100_000),
        Case(testDescription: "nor has a carrier's", client: "100.64.2.3", sent: 100_000),
        Case(testDescription: "nor a unique local one", client: "fd00::3", sent: 100_000),
        Case(testDescription: "nor a link-local one", client: "fe80::3", sent: 100_000),
        Case(
            testDescription: "nor this host, whatever is set", client: "127.0.0.1", limit: limit(10, private: 10),
            sent: 100_000),
        Case(testDescription: "a public one has 200 a second, saved up for 5 s", client: "203.0.113.7", sent: 1_199),
        Case(testDescription: "of either family", client: "2001:db8::7", sent: 1_199),
        Case(testDescription: "for each name", client: "203.0.113.7", names: 10, sent: 11_990),
        Case(testDescription: "but of 20 names at most", client: "203.0.113.7", names: 1_000, sent: 23_999),
        Case(
            testDescription: "ten times that if it came by TCP", client: "203.0.113.7", isValidated: true,
            sent: 11_999),
        Case(testDescription: "0 sets no limit", client: "203.0.113.7", limit: limit(0), sent: 100_000),
        Case(
            testDescription: "private ones may have a limit, too", client: "10.1.2.3", limit: limit(0, private: 100),
            sent: 599),
    ])
    func `replies are limited by their likeness to an attack`(case: Case) throws {
        var limiter = ResponseRateLimiter(hashKey: 3)
        let validated = ValidatedClients(hashKey: 5)
        let client = try #require(IPAddress(`case`.client))
        let start = MonotonicTime(nanoseconds: 90_000_000_000_000)
        if `case`.isValidated { validated.note(client, at: start) }
        var sent = 0
        for index in 0..<100_000 {
            let name = Array("\u{4}n\(100 + index % `case`.names)\0".utf8)
            let now = MonotonicTime(nanoseconds: start.nanoseconds + Int64(index) * 10_000)
            let verdict = limiter.charge(name.span, to: client, `case`.limit, validated, at: now)
            if verdict == .send { sent += 1 }
        }
        #expect(abs(sent - `case`.sent) <= 1)
    }

    @Test(arguments: [
        ("203.0.113.7", 1, 0, 8), ("203.0.113.7", 2, 4, 4), ("203.0.113.7", 0, 8, 0), ("10.1.2.3", 1, 0, 8),
        ("10.1.2.3", 2, 0, 8), ("10.1.2.3", 0, 0, 8),
    ])
    func `a private client always gets a reply`(client: String, slip: Int, dropped: Int, truncated: Int) throws {
        var limit = Self.limit(1, private: 1)
        limit.slip = slip
        var limiter = ResponseRateLimiter(hashKey: 3)
        let now = MonotonicTime(nanoseconds: 90_000_000_000_000)
        let verdicts = try (0..<13).map { _ in
            limiter.charge(
                [1, 97, 0].span, to: try #require(IPAddress(client)), limit, ValidatedClients(hashKey: 5), at: now)
        }
        #expect(verdicts.prefix(5).allSatisfy { $0 == .send })
        #expect(verdicts.count { $0 == .drop } == dropped && verdicts.count { $0 == .truncate } == truncated)
    }

    @Test(arguments: [
        ("203.0.113.7", "203.0.113.200", true), ("203.0.113.7", "203.0.114.7", false),
        ("2001:db8::1", "2001:db8:0:ff::1", true), ("2001:db8::1", "2001:db8:0:100::1", false),
    ])
    func `a network is a 24 or a 56`(one: String, other: String, isShared: Bool) throws {
        var limiter = ResponseRateLimiter(hashKey: 3)
        let validated = ValidatedClients(hashKey: 5)
        let now = MonotonicTime(nanoseconds: 90_000_000_000_000)
        let (one, other) = (try #require(IPAddress(one)), try #require(IPAddress(other)))
        for _ in 0..<5 { _ = limiter.charge([1, 97, 0].span, to: one, Self.limit(1), validated, at: now) }
        let verdict = limiter.charge([1, 97, 0].span, to: other, Self.limit(1), validated, at: now)
        #expect(verdict == (isShared ? .truncate : .send))
    }
}
