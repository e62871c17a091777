import NetworkPlanning
import Testing
import Time

/// When an agent looks and when it puts something back; times in milliseconds.
@Suite struct RepairScheduleTests {
    private static let start = MonotonicTime(nanoseconds: 0)

    private static func at(_ milliseconds: Int) -> MonotonicTime { start.advanced(milliseconds: milliseconds) }

    /// A schedule whose first look is over at 0.
    private static var quiet: RepairSchedule {
        var schedule = RepairSchedule(slowCheckSeconds: 60, now: start)
        schedule.endCheck(began: start, ended: start)
        return schedule
    }

    @Test(
        arguments: [
            ([], 60_000, "nothing happened: the slow look"),
            ([1_000], 1_050, "one event: soon after it"),
            ([1_000, 1_030, 1_060], 1_110, "a burst: once, after its end"),
            (Array(stride(from: 1_000, through: 2_000, by: 20)), 1_250, "a burst without end is not waited for"),
        ] as [([Int], Int, String)])
    func `checks come soon after events and once for each burst`(events: [Int], look: Int, reason: String) {
        var schedule = Self.quiet
        for event in events { schedule.noteEvent(at: Self.at(event)) }
        #expect(schedule.nextCheck == Self.at(look), "\(reason)")
        #expect(schedule.beginCheck() == events.first.map(Self.at))
    }

    @Test func `after a check twice its duration is left to other processes`() {
        var schedule = Self.quiet
        schedule.endCheck(began: Self.at(0), ended: Self.at(400))
        schedule.noteEvent(at: Self.at(410))
        #expect(schedule.nextCheck == Self.at(1_200))
    }

    @Test func `a changed file waits for no check, and after an apply for as long as that took`() {
        var schedule = Self.quiet
        schedule.endCheck(began: Self.at(0), ended: Self.at(400))
        schedule.noteFileChange(at: Self.at(410))
        #expect(schedule.nextTime == Self.at(410))
        schedule.noteReading()
        schedule.endApply(began: Self.at(410), ended: Self.at(510), rest: 5_000)
        schedule.noteFileChange(at: Self.at(520))
        #expect(schedule.nextTime == Self.at(610))
        schedule.noteReading()
        #expect(schedule.nextTime == Self.at(5_510), "the whole host once the file is at rest")
        schedule.endApply(began: Self.at(610), ended: Self.at(620), rest: 5_000)
        #expect(schedule.nextTime == Self.at(5_620), "which moves with each change")
        schedule.noteEvent(at: Self.at(700))
        #expect(schedule.nextTime == Self.at(1_200), "but a loss waits for the pause alone")
    }

    @Test func `a failed repair is tried again at once, then after 1, 2, 4 and at most 60 seconds`() {
        var schedule = Self.quiet
        var pauses: [Int64] = []
        var now = Self.start
        for _ in 0..<9 {
            _ = schedule.beginCheck()
            schedule.noteFailure(at: now)
            schedule.endCheck(began: now, ended: now)
            pauses.append(schedule.nextCheck.nanoseconds(since: now) / 1_000_000_000)
            now = schedule.nextCheck
        }
        #expect(pauses == [0, 1, 2, 4, 8, 16, 32, 60, 60])
    }

    @Test func `an object is contested at its fifth loss, independent of others`() {
        var schedule = Self.quiet
        for turn in 1...4 { #expect(schedule.noteRepair(of: ["table"], at: Self.at(turn * 1_000)) == []) }
        let contested = schedule.noteRepair(of: ["table", "route"], at: Self.at(5_000))
        #expect(contested.map(\.object) == ["table"] && contested[0].isNew && contested[0].hold == 1_000)
        #expect(schedule.decide(about: ["table"], at: Self.at(5_100)) == .wait(until: Self.at(6_000)))
        #expect(schedule.decide(about: ["table", "route"], at: Self.at(5_100)) == .repair)
        #expect(schedule.decide(about: ["table"], at: Self.at(6_000)) == .repair)
        #expect(schedule.noteRepair(of: ["table"], at: Self.at(6_000)).map(\.isNew) == [false])
        #expect(schedule.decide(about: ["table"], at: Self.at(6_001)) == .wait(until: Self.at(8_000)))
    }

    @Test func `an object that stays is forgotten`() {
        var schedule = Self.quiet
        for turn in 1...5 { _ = schedule.noteRepair(of: ["table"], at: Self.at(turn * 1_000)) }
        schedule.endCheck(began: Self.at(5_000), ended: Self.at(5_000))
        #expect(schedule.contested == ["table"])
        schedule.endCheck(began: Self.at(60_000), ended: Self.at(60_000))
        #expect(schedule.contested == [])
        #expect(schedule.noteRepair(of: ["table"], at: Self.at(61_000)) == [])
    }
}
