import Telemetry
import Testing
import Time

@Suite struct EventRunTests {
    private static func time(_ seconds: Int) -> MonotonicTime {
        MonotonicTime(nanoseconds: 0).advanced(milliseconds: seconds * 1000)
    }

    @Test(arguments: [
        ([10, 20, 310], 3, 10, "pauses below five minutes"), ([10, 20, 320], 1, 320, "five minutes end a run"),
        ([10], 1, 10, "one event"),
    ])
    func `events less than five minutes apart are one run`(seconds: [Int], count: Int, begun: Int, reason: String) {
        var run = EventRun()
        #expect(!run.isOn(at: Self.time(0)))
        for second in seconds { run.note(at: Self.time(second)) }
        #expect(run.count == count && run.begun == Self.time(begun), "\(reason)")
        #expect(run.isOn(at: Self.time((seconds.last ?? 0) + 299)) && !run.isOn(at: Self.time((seconds.last ?? 0) + 300)))
    }
}
