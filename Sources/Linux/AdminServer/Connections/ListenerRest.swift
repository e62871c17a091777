import LinuxSystem
import Time

/// When a loop listens again after it could not accept a connection for lack of descriptors or memory. Such a
/// connection stays in the queue, and an event loop that watched the listener would spin.
struct ListenerRest {
    /// How long the listeners are not watched.
    private static let milliseconds = 1_000
    /// It is reported at most once in this time.
    private static let silentSeconds = 60

    /// When the pause ends; nil: the listeners are watched.
    private(set) var end: MonotonicTime?
    /// When it was last reported.
    private var lastReport: MonotonicTime?

    /// Whether a pause is logged.
    enum Report {
        /// It is to be logged.
        case due
        /// It was not long ago.
        case known
    }

    /// What has become of a pause.
    enum Progress {
        /// It has ended: the listeners are to be watched again.
        case ended
        /// It goes on, or there is none.
        case unchanged
    }

    /// Begins or extends a pause.
    mutating func begin(at now: MonotonicTime) -> Report {
        end = now.advanced(milliseconds: Self.milliseconds)
        if let lastReport, now.seconds(since: lastReport) < Self.silentSeconds { return .known }
        lastReport = now
        return .due
    }

    /// Ends the pause if it is time.
    mutating func advance(to now: MonotonicTime) -> Progress {
        guard let end, end <= now else { return .unchanged }
        self.end = nil
        return .ended
    }
}

extension Errno {
    /// True if the same call may succeed later: descriptors or memory are short (accept(2)).
    var isShortage: Bool {
        switch self {
        case .tooManyDescriptors, .tooManyDescriptorsInSystem, .noMemory, .noBuffers: true
        default: false
        }
    }
}
