import LinuxSystem
import Telemetry

/// When a loop listens again after it could not take a connection for want of descriptors or memory: such a
/// connection goes on waiting, and an event loop that is told of it turns round and round.
struct ListenerRest {
    /// How long the listeners rest.
    private static let milliseconds = 1_000
    /// It is told at most once in this time.
    private static let silentSeconds = 60

    /// When the rest is over; nil: the listeners are listened to.
    private(set) var end: MonotonicTime?
    private var lastTold: MonotonicTime?

    /// Begins a rest, or prolongs it.
    ///
    /// - Returns: True if this must be logged.
    mutating func begin(at now: MonotonicTime) -> Bool {
        end = now.advanced(milliseconds: Self.milliseconds)
        if let lastTold, now.seconds(since: lastTold) < Self.silentSeconds { return false }
        lastTold = now
        return true
    }

    /// Ends the rest where its time has come.
    ///
    /// - Returns: True if the listeners are to be listened to again.
    mutating func isOver(at now: MonotonicTime) -> Bool {
        guard let end, end <= now else { return false }
        self.end = nil
        return true
    }
}

extension Errno {
    /// True if the call may succeed later, as it is: descriptors or memory are short (accept(2)).
    var isShortage: Bool {
        switch self {
        case .tooManyDescriptors, .tooManyDescriptorsInSystem, .noMemory, .noBuffers: true
        default: false
        }
    }
}
