import Telemetry
import Testing
import Time

@Suite struct LineBoundTests {
    @Test func `a flood is cut to a rate, and the omitted lines are reported once`() {
        var bound = LineBound()
        var now = MonotonicTime(nanoseconds: 5)
        var written = 0
        for _ in 0..<10_000 where bound.admit(at: now) != nil { written += 1 }
        #expect(written == LineBound.burst)
        #expect(bound.dropped == 10_000 - LineBound.burst)
        now = now.advanced(milliseconds: 1000)
        #expect(bound.admit(at: now) == 10_000 - LineBound.burst)
        #expect(bound.admit(at: now) == 0)
        for _ in 0..<100 { written += bound.admit(at: now) == nil ? 0 : 1 }
        #expect(written == LineBound.burst + LineBound.perSecond - 2)
    }

    @Test(arguments: [Int64.max, 1 << 62, 3_600_000_000_000])
    func `however long it was silent, no more than a burst comes at once`(pause: Int64) {
        var bound = LineBound()
        _ = bound.admit(at: MonotonicTime(nanoseconds: 0))
        let now = MonotonicTime(nanoseconds: pause)
        #expect((0..<1_000).count { _ in bound.admit(at: now) != nil } == LineBound.burst)
    }
}
