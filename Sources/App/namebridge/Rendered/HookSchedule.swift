import Time

/// When a hook compares renderings: at once after a change, then not before a pause has passed, so that many
/// changes lead to one run; after a failure again, even without a change.
struct HookSchedule {
    /// From a run of the program to the next comparison, in milliseconds.
    private let pause: Int
    /// Something has changed since the last comparison.
    private var isChanged = false
    /// No comparison before.
    private var earliest: MonotonicTime?
    /// When a failed run is repeated, but not before `earliest`; nil if none has failed.
    private var retry: MonotonicTime?

    /// From a comparison without a difference to the next one, in milliseconds: facts change up to four times
    /// a second, and each comparison reads them.
    private static let rest = 1_000
    /// From a failure to the next attempt, in milliseconds, if the pause is not longer.
    private static let retryDelay = 60_000

    /// Creates a schedule without anything to do.
    init(pauseSeconds: Int) { pause = pauseSeconds * 1_000 }

    /// What a comparison has led to.
    enum Outcome {
        /// No rendering differs.
        case same
        /// The program was run.
        case ran
        /// The program was run and has failed.
        case failed
    }

    /// Facts or the configuration have changed.
    mutating func noteChange() { isChanged = true }

    /// When to compare; nil if nothing is due.
    var nextTime: MonotonicTime? {
        let due: MonotonicTime? = isChanged ? MonotonicTime(nanoseconds: .min) : retry
        return due.map { max($0, earliest ?? $0) }
    }

    /// A comparison begins: it covers all changes until now.
    mutating func begin() {
        isChanged = false
        retry = nil
    }

    /// A comparison has ended.
    mutating func end(_ outcome: Outcome, at now: MonotonicTime) {
        earliest = now.advanced(milliseconds: outcome == .same ? Self.rest : max(Self.rest, pause))
        if outcome == .failed { retry = now.advanced(milliseconds: Self.retryDelay) }
    }
}
