import IPAddressing
import Inventory
import Testing
import Time

@testable import Forwarding

@Suite struct ClientRatesTests {
    private func rates(perSecond: Int, burst: Int) -> ClientRates {
        var limit = RateLimit()
        limit.perSecond = perSecond
        limit.burst = burst
        return ClientRates(limit, hashKey: 7)
    }

    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    @Test func `a network gets its burst at once and its rate from then on`() throws {
        var rates = rates(perSecond: 100, burst: 50)
        let client = try #require(IPAddress("10.0.0.7"))
        let burst = (0..<200).filter { _ in rates.take(client, at: start) == .taken }.count
        #expect(burst == 50)
        let passed = (0..<10_000).filter {
            rates.take(client, at: start.advanced(milliseconds: $0)) == .taken
        }.count
        #expect((990...1001).contains(passed))
    }

    @Test(arguments: [
        ("10.0.0.7", "10.0.0.200", true), ("10.0.0.7", "10.0.1.7", false), ("fd00::1", "fd00:0:0:ff::1", true),
        ("fd00::1", "fd00:0:0:100::1", false), ("127.0.0.1", "127.0.0.1", false), ("::1", "::1", false),
    ])
    func `a bucket is shared by a 24 or a 56, and the host has none`(one: String, other: String, isShared: Bool) throws {
        var rates = rates(perSecond: 1, burst: 1)
        let first = rates.take(try #require(IPAddress(one)), at: start) == .taken
        let second = rates.take(try #require(IPAddress(other)), at: start) == .taken
        #expect(first && second == !isShared)
    }

    @Test func `a hundred thousand networks do not take another's tokens`() {
        var rates = rates(perSecond: 10, burst: 10)
        for network in 0..<100_000 as Range<UInt32> {
            let isPassed = rates.take(IPAddress(v4: 0x0A00_0000 | network << 8), at: start) == .taken
            #expect(isPassed)
        }
    }
}
