import Forwarding
import TestSupport
import Testing
import Time

@testable import DNSServer

/// Which sockets take questions, and for how long.
struct PortPoolTests {
    private static let start = MonotonicTime(nanoseconds: 776_000_000_000)

    @Test func `every place is drawn as often as any other`() {
        var pool = PortPool()
        var random = SplitMix64(seed: 1)
        var counts: [Int: Int] = [:]
        for _ in 0..<16_000 {
            pool.draw(random.next(), among: PortPool.mostTaking)
            counts[pool.place, default: 0] += 1
        }
        #expect(counts.count == PortPool.mostTaking)
        #expect(counts.values.allSatisfy { (800...1_200).contains($0) }, "\(counts)")
    }

    @Test func `a socket takes few questions for a short time, and no two of them as many or as long`() {
        var pool = PortPool()
        var random = SplitMix64(seed: 2)
        var questions: Set<Int> = []
        var milliseconds: Set<Int> = []
        for _ in 0..<200 {
            pool.opened(0, PortPool.Life(random.next(), from: Self.start))
            var taken = 0
            while !pool.isSpent(0, at: Self.start) {
                pool.took(1, 0)
                taken += 1
            }
            questions.insert(taken)
            pool.closed(0)
            pool.opened(0, PortPool.Life(random.next(), from: Self.start))
            milliseconds.insert((0...2_000).first { pool.isSpent(0, at: Self.start.advanced(milliseconds: $0)) } ?? -1)
            pool.closed(0)
        }
        #expect(questions.allSatisfy { (128...383).contains($0) } && questions.count > 50)
        #expect(milliseconds.allSatisfy { (500...1_499).contains($0) } && milliseconds.count > 50)
    }

    @Test func `a socket that leaves is drawn no more, and its place comes back once it is closed`() {
        var pool = PortPool()
        var random = SplitMix64(seed: 3)
        pool.draw(0, among: 1)
        let old = pool.place
        pool.opened(old, PortPool.Life(random.next(), from: Self.start))
        pool.retire(old)
        #expect(pool.isLeaving(old))
        for _ in 0..<1_000 {
            pool.draw(random.next(), among: PortPool.mostTaking)
            #expect(pool.place != old)
        }
        pool.closed(old)
        #expect(!pool.isOpen(old) && !pool.isLeaving(old))
    }

    @Test func `sockets that all still wait go on rather than leave none, and no place is lost or doubled`() {
        var pool = PortPool()
        var random = SplitMix64(seed: 4)
        var open: Set<Int> = []
        for step in 0..<20_000 {
            pool.draw(random.next(), among: PortPool.mostTaking)
            let place = pool.place
            #expect(!pool.isLeaving(place), "step \(step)")
            pool.took(1, place)
            let first = pool.hinted(place) == .first
            let second = pool.hinted(place) == .first
            #expect(first == pool.isOpen(place) && !second)
            if !pool.isOpen(place) {
                pool.opened(place, PortPool.Life(random.next(), from: Self.start))
                open.insert(place)
            } else {
                pool.retire(place)
            }
            // Those that wait go slowly: most of the time all places are in use.
            if random.next() % 8 == 0, let leaving = open.first(where: { pool.isLeaving($0) }) {
                pool.closed(leaving)
                open.remove(leaving)
            }
        }
        #expect(open.count <= UpstreamSockets.perServer)
        #expect(open.count >= UpstreamSockets.perServer - PortPool.mostTaking)
    }

    @Test func `a few answers that match nothing are one too many, on each socket anew`() {
        var pool = PortPool()
        for _ in 0..<3 {
            pool.opened(5, PortPool.Life(0, from: Self.start))
            let outcomes = (0..<PortPool.mostMismatches).map { _ in pool.mismatched(5) == .tooMany }
            #expect(outcomes == Array(repeating: false, count: PortPool.mostMismatches - 1) + [true])
            pool.closed(5)
        }
        let isOneTooMany = pool.mismatched(5) == .tooMany
        #expect(!isOneTooMany, "a socket that is closed hears nothing")
    }
}
