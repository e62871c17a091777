import Testing
import Time

@testable import namebridge

/// When `follow --exec` runs its program.
@Suite struct HookScheduleTests {
    private static func at(_ milliseconds: Int) -> MonotonicTime {
        MonotonicTime(nanoseconds: 0).advanced(milliseconds: milliseconds)
    }

    /// True if a comparison would begin at that time.
    private static func isDue(_ schedule: HookSchedule, at milliseconds: Int) -> Bool {
        schedule.nextTime.map { $0 <= at(milliseconds) } ?? false
    }

    @Test func `the first change is passed on at once, those during the pause after it together`() {
        var schedule = HookSchedule(pauseSeconds: 10)
        #expect(schedule.nextTime == nil)
        schedule.noteChange()
        #expect(Self.isDue(schedule, at: 0))
        schedule.begin()
        for _ in 0..<50 { schedule.noteChange() }
        schedule.end(.ran, at: Self.at(2_000))
        for _ in 0..<50 { schedule.noteChange() }
        #expect(!Self.isDue(schedule, at: 11_999) && Self.isDue(schedule, at: 12_000))
        schedule.begin()
        schedule.end(.ran, at: Self.at(12_100))
        #expect(schedule.nextTime == nil, "one run for all of them")
    }

    @Test func `a comparison without a difference is followed by a second of rest`() {
        var schedule = HookSchedule(pauseSeconds: 10)
        schedule.noteChange()
        schedule.begin()
        schedule.end(.same, at: Self.at(0))
        schedule.noteChange()
        #expect(!Self.isDue(schedule, at: 999) && Self.isDue(schedule, at: 1_000))
    }

    @Test func `a failed run is repeated after a minute, or with the next change after the pause`() {
        var schedule = HookSchedule(pauseSeconds: 10)
        schedule.noteChange()
        schedule.begin()
        schedule.end(.failed, at: Self.at(0))
        #expect(!Self.isDue(schedule, at: 59_999) && Self.isDue(schedule, at: 60_000))
        schedule.noteChange()
        #expect(!Self.isDue(schedule, at: 9_999) && Self.isDue(schedule, at: 10_000))
    }

    @Test func `a pause of more than a minute delays the repetition of a failed run too`() {
        var schedule = HookSchedule(pauseSeconds: 120)
        schedule.noteChange()
        schedule.begin()
        schedule.end(.failed, at: Self.at(0))
        #expect(!Self.isDue(schedule, at: 119_999) && Self.isDue(schedule, at: 120_000))
    }
}
