package import Time

/// Events that follow each other: what lies less than five minutes behind the one before belongs to the same
/// run.
///
/// `0 <= count`; `begun <= last` once there was an event.
package struct EventRun: Hashable, Sendable {
    /// When the run began; nil before the first event.
    package private(set) var begun: MonotonicTime?
    /// The last event.
    package private(set) var last = MonotonicTime(nanoseconds: 0)
    /// Events of the run.
    package private(set) var count = 0

    /// As long as a problem is shown after its last event, in seconds.
    package static let pauseSeconds = 300

    /// Creates an event run.
    package init() {}

    /// Notes events.
    ///
    /// - Parameter start: When the first of them may have been, if not at `now`.
    package mutating func note(_ events: Int = 1, since start: MonotonicTime? = nil, at now: MonotonicTime) {
        if !isOn(at: now) {
            begun = start ?? now
            count = 0
        }
        count += events
        last = max(last, now)
    }

    /// True if the last event was less than `pauseSeconds` ago.
    package func isOn(at now: MonotonicTime) -> Bool {
        begun != nil && now.seconds(since: last) < Self.pauseSeconds
    }
}
