import TestSupport
import Testing
import Time

@testable import Forwarding

@Suite struct TimerWheelTests {
    /// What a slot's timer must be, kept plainly.
    private func ticks(_ time: MonotonicTime) -> Int64 { (time.nanoseconds + 3_999_999) / 4_000_000 }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `timers fire once, in time, and never early`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var wheel = TimerWheel()
        var due: [Int: MonotonicTime] = [:]
        var now = MonotonicTime(nanoseconds: Int64(random.number(in: 0..<1_000_000_000_000)))
        wheel.grow(to: 50)
        for _ in 0..<5_000 {
            let slot = random.number(in: 0..<50)
            switch random.number(in: 0..<4) {
            case 0, 1:
                let time = now.advanced(milliseconds: random.number(in: 0..<5_000))
                wheel.set(slot, due: time, now: now)
                due[slot] = time
            case 2:
                wheel.clear(slot)
                due[slot] = nil
            default:
                now = MonotonicTime(nanoseconds: now.nanoseconds + Int64(random.number(in: 0..<900_000_000)))
                while let fired = wheel.popDue(at: now) {
                    guard let time = due.removeValue(forKey: fired) else {
                        Issue.record("slot \(fired) fired without a timer, seed \(seed)")
                        return
                    }
                    #expect(time <= now, "seed \(seed)")
                }
                let late = due.filter { ticks($0.value) <= now.nanoseconds / 4_000_000 }
                #expect(late.isEmpty, "seed \(seed)")
            }
            #expect(
                wheel.nextDue.map { $0.nanoseconds / 4_000_000 } == due.values.map(ticks).min(),
                "seed \(seed)")
        }
    }
}
