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

    /// Begins or extends a pause.
    ///
    /// - Returns: True if this must be logged.
    mutating func begin(at now: MonotonicTime) -> Bool {
        end = now.advanced(milliseconds: Self.milliseconds)
        if let lastReport, now.seconds(since: lastReport) < Self.silentSeconds { return false }
        lastReport = now
        return true
    }

    /// Ends the pause if it is time.
    ///
    /// - Returns: True if the listeners must be watched again.
    mutating func isOver(at now: MonotonicTime) -> Bool {
        guard let end, end <= now else { return false }
        self.end = nil
        return true
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
