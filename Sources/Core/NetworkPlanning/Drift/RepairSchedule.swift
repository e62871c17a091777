package import Time

/// When to observe the host, and when to restore an object: soon after an event, once for a whole burst of
/// events, never so often that observing is a load, and at growing intervals if another program removes the
/// same object again and again.
package struct RepairSchedule: Sendable {
    /// The interval of full checks without any event, in milliseconds.
    package let slowCheck: Int

    /// A burst is over after this time without an event, in milliseconds.
    package static let quiet = 50

    /// A burst leads to a check after this time even if it continues, in milliseconds.
    package static let longestBurst = 250

    /// An object is contested once it was restored this many times in quick succession.
    package static let contestThreshold = 5

    /// The longest pause for a contested object, in milliseconds.
    package static let longestHold = 60_000

    /// The first and the last event since the last check.
    package private(set) var firstEvent: MonotonicTime?
    /// The last event since the last check.
    private var lastEvent: MonotonicTime?

    /// The earliest time of the next check: after a check, twice its duration is left to other processes.
    private var earliest: MonotonicTime
    /// The time of the next full check.
    private var nextSlowCheck: MonotonicTime
    /// The time of the next attempt after a failure.
    private var retry: MonotonicTime?
    /// The time of the check after the last apply of a changed file; nil if one was made since.
    private var restCheck: MonotonicTime?
    /// When a file has changed that is not applied yet; nil if none has.
    private var fileChange: MonotonicTime?
    /// The earliest time of the next apply of a changed file: after one, its duration is left to others.
    private var earliestApply: MonotonicTime
    /// Failed repairs in a row.
    private var failures = 0
    /// The repairs of each object.
    private var histories: [String: History] = [:]

    /// How often an object was restored.
    private struct History: Sendable {
        /// How often it was restored.
        var times: Int
        /// The last time.
        var last: MonotonicTime
        /// The end of its pause.
        var until: MonotonicTime
    }

    /// Creates a schedule whose first check is due at `now`.
    package init(slowCheckSeconds: Int, now: MonotonicTime) {
        slowCheck = slowCheckSeconds * 1000
        earliest = now
        earliestApply = now
        nextSlowCheck = now
    }

    /// When to check the host, or to apply a changed file.
    package var nextTime: MonotonicTime {
        fileChange.map { min(nextCheck, max($0, earliestApply)) } ?? nextCheck
    }

    /// The time of the next check of the host.
    package var nextCheck: MonotonicTime {
        var next = nextSlowCheck
        if let firstEvent, let lastEvent {
            next = min(
                next, lastEvent.advanced(milliseconds: Self.quiet),
                firstEvent.advanced(milliseconds: Self.longestBurst))
        }
        if let retry { next = min(next, retry) }
        if let restCheck { next = min(next, restCheck) }
        return max(next, earliest)
    }

    /// An event came that may concern us.
    package mutating func noteEvent(at now: MonotonicTime) {
        if firstEvent == nil { firstEvent = now }
        lastEvent = now
    }

    /// A file has changed as a whole, and is to be applied without the pause after a check.
    package mutating func noteFileChange(at now: MonotonicTime) { fileChange = fileChange ?? now }

    /// The file is read: what changes from now on is another change.
    package mutating func noteReading() { fileChange = nil }

    /// A changed file was applied, which is no check of the whole host.
    ///
    /// - Parameter rest: When the whole host is checked if no other change comes, in milliseconds.
    package mutating func endApply(began: MonotonicTime, ended: MonotonicTime, rest: Int) {
        earliestApply = MonotonicTime(
            nanoseconds: ended.nanoseconds + max(0, ended.nanoseconds(since: began)))
        earliest = max(earliest, earliestApply)
        (firstEvent, lastEvent) = (nil, nil)
        restCheck = ended.advanced(milliseconds: rest)
    }

    /// A check begins: it covers all events until now.
    /// - Returns: The time of the first of them; nil for a check without events.
    package mutating func beginCheck() -> MonotonicTime? {
        defer {
            firstEvent = nil
            lastEvent = nil
            retry = nil
            restCheck = nil
        }
        return firstEvent
    }

    /// A check has ended.
    package mutating func endCheck(began: MonotonicTime, ended: MonotonicTime) {
        let pause = 2 * max(0, ended.nanoseconds(since: began))
        earliest = MonotonicTime(nanoseconds: ended.nanoseconds + pause)
        nextSlowCheck = ended.advanced(milliseconds: slowCheck)
        // An object that stayed is removed from the table, so that it has no more entries than the plan.
        histories = histories.filter {
            $0.value.until.advanced(milliseconds: Self.calm($0.value.times)) > ended
        }
    }

    /// Another process is changing the host, or a check has failed: schedules another check.
    package mutating func repeatCheck(at time: MonotonicTime) { retry = min(retry ?? time, time) }

    /// A repair failed: the host may have changed meanwhile, so the next attempt is immediate; then the pause
    /// doubles from one second to a minute. An event shortens it to a second.
    package mutating func noteFailure(at now: MonotonicTime) {
        failures += 1
        let pause = failures == 1 ? Self.quiet : Self.hold(failures - 1)
        earliest = max(earliest, now.advanced(milliseconds: min(pause, 1000)))
        repeatCheck(at: now.advanced(milliseconds: pause))
    }

    /// A repair succeeded.
    package mutating func noteSuccess() { failures = 0 }

    /// The decision about objects that are not as planned.
    package enum Decision: Hashable, Sendable {
        /// Restore them now.
        case repair
        /// All of them are contested: none is restored before that time.
        case wait(until: MonotonicTime)
    }

    /// Decides whether lost objects are restored now.
    package func decide(about lost: [String], at now: MonotonicTime) -> Decision {
        var soonest: MonotonicTime?
        for object in lost {
            guard let history = histories[object], history.until > now else { return .repair }
            soonest = min(soonest ?? history.until, history.until)
        }
        return soonest.map { .wait(until: $0) } ?? .repair
    }

    /// An object that another program removes again and again.
    package struct Contested: Hashable, Sendable {
        /// The object.
        package let object: String
        /// How often it was restored.
        package let times: Int
        /// The pause before it is restored the next time, in milliseconds.
        package let hold: Int
        /// True if it is reported for the first time.
        package let isNew: Bool
    }

    /// Notes that `objects` were restored; returns those that are contested.
    package mutating func noteRepair(of objects: [String], at now: MonotonicTime) -> [Contested] {
        objects.compactMap { object in
            let old = histories[object]
            let isSoon = old.map { now < $0.until.advanced(milliseconds: Self.calm($0.times)) } ?? false
            let times = (isSoon ? old?.times ?? 0 : 0) + 1
            let hold = times < Self.contestThreshold ? 0 : Self.hold(times - Self.contestThreshold + 1)
            histories[object] = History(times: times, last: now, until: now.advanced(milliseconds: hold))
            return hold == 0
                ? nil
                : Contested(object: object, times: times, hold: hold, isNew: times == Self.contestThreshold)
        }
    }

    /// The contested objects.
    package var contested: [String] {
        histories.filter { $0.value.times >= Self.contestThreshold }.keys.sorted()
    }

    /// 1, 2, 4 ... 60 seconds, in milliseconds; `number` counts from 1.
    package static func hold(_ number: Int) -> Int { min(longestHold, 1000 << min(number - 1, 10)) }

    /// An object that stays this long after its pause is no longer contested, in milliseconds.
    private static func calm(_ times: Int) -> Int {
        10_000 + (times < contestThreshold ? 0 : hold(times - contestThreshold + 1))
    }
}
