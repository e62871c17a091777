package import Telemetry

/// When to look, and when to put something back: soon after an event, once for a whole burst of them, never
/// so often that the looking itself is a load, and ever more rarely where somebody takes the same object away
/// again and again.
package struct RepairSchedule: Sendable {
    /// Looks at everything once in this time without any event, too; in milliseconds.
    package let slowCheck: Int

    /// A burst is over after this time without an event, in milliseconds.
    package static let quiet = 50

    /// A burst is looked at after this time even when it goes on, in milliseconds.
    package static let longestBurst = 250

    /// An object is fought over once it was put back this many times, each soon after the last one.
    package static let patience = 5

    /// The longest time that something fought over is left alone, in milliseconds.
    package static let longestHold = 60_000

    /// The first event since the last look, and the last one.
    package private(set) var firstEvent: MonotonicTime?
    private var lastEvent: MonotonicTime?

    /// Not before this: after a look, twice the time that it took is left to others.
    private var earliest: MonotonicTime
    private var nextSlowCheck: MonotonicTime
    private var retry: MonotonicTime?
    private var failures = 0
    private var histories: [String: History] = [:]

    /// How often an object was put back.
    private struct History: Sendable {
        var times: Int
        var last: MonotonicTime
        /// Until when it is left alone.
        var until: MonotonicTime
    }

    package init(slowCheckSeconds: Int, now: MonotonicTime) {
        slowCheck = slowCheckSeconds * 1000
        earliest = now
        nextSlowCheck = now
    }

    /// When to look next.
    package var nextCheck: MonotonicTime {
        var next = nextSlowCheck
        if let firstEvent, let lastEvent {
            next = min(
                next, lastEvent.advanced(milliseconds: Self.quiet),
                firstEvent.advanced(milliseconds: Self.longestBurst))
        }
        if let retry { next = min(next, retry) }
        return max(next, earliest)
    }

    package mutating func noteEvent(at now: MonotonicTime) {
        if firstEvent == nil { firstEvent = now }
        lastEvent = now
    }

    /// The look begins: it covers all events until now.
    /// - Returns: When the first of them came; nil where it is a look without any.
    package mutating func beginCheck() -> MonotonicTime? {
        defer {
            firstEvent = nil
            lastEvent = nil
            retry = nil
        }
        return firstEvent
    }

    package mutating func endCheck(began: MonotonicTime, ended: MonotonicTime) {
        let pause = 2 * max(0, ended.nanoseconds(since: began))
        earliest = MonotonicTime(nanoseconds: ended.nanoseconds + pause)
        nextSlowCheck = ended.advanced(milliseconds: slowCheck)
        // An object that stayed is forgotten, so that this table has no more entries than the plan.
        histories = histories.filter {
            $0.value.until.advanced(milliseconds: Self.calm($0.value.times)) > ended
        }
    }

    /// Somebody else is changing the host, or a look has failed: when to look again.
    package mutating func repeatCheck(at time: MonotonicTime) { retry = min(retry ?? time, time) }

    /// It did not work: the host may have changed meanwhile, so that the next attempt comes at once; then the
    /// pause doubles from one second to a minute. An event shortens it to a second.
    package mutating func noteFailure(at now: MonotonicTime) {
        failures += 1
        let pause = failures == 1 ? Self.quiet : Self.hold(failures - 1)
        earliest = max(earliest, now.advanced(milliseconds: min(pause, 1000)))
        repeatCheck(at: now.advanced(milliseconds: pause))
    }

    package mutating func noteSuccess() { failures = 0 }

    /// What to do about objects that are not as planned.
    package enum Decision: Hashable, Sendable {
        case repair
        /// All of them are fought over: none is put back before that time.
        case wait(until: MonotonicTime)
    }

    package func decide(about lost: [String], at now: MonotonicTime) -> Decision {
        var soonest: MonotonicTime?
        for object in lost {
            guard let history = histories[object], history.until > now else { return .repair }
            soonest = min(soonest ?? history.until, history.until)
        }
        return soonest.map { .wait(until: $0) } ?? .repair
    }

    /// An object that somebody takes away again and again.
    package struct Contested: Hashable, Sendable {
        package let object: String
        package let times: Int
        /// How long it is left alone when it is lost again, in milliseconds.
        package let hold: Int
        /// True when it is said for the first time.
        package let isNew: Bool
    }

    /// Notes that `objects` were put back; those of them that are fought over.
    package mutating func noteRepair(of objects: [String], at now: MonotonicTime) -> [Contested] {
        objects.compactMap { object in
            let old = histories[object]
            let isSoon = old.map { now < $0.until.advanced(milliseconds: Self.calm($0.times)) } ?? false
            let times = (isSoon ? old?.times ?? 0 : 0) + 1
            let hold = times < Self.patience ? 0 : Self.hold(times - Self.patience + 1)
            histories[object] = History(times: times, last: now, until: now.advanced(milliseconds: hold))
            return hold == 0
                ? nil : Contested(object: object, times: times, hold: hold, isNew: times == Self.patience)
        }
    }

    /// What is fought over.
    package var contested: [String] { histories.filter { $0.value.times >= Self.patience }.keys.sorted() }

    /// 1, 2, 4 ... 60 seconds, in milliseconds; `number` counts from 1.
    package static func hold(_ number: Int) -> Int { min(longestHold, 1000 << min(number - 1, 10)) }

    /// An object that stays this long after its time of being left alone is no longer fought over, in
    /// milliseconds.
    private static func calm(_ times: Int) -> Int {
        10_000 + (times < patience ? 0 : hold(times - patience + 1))
    }
}
