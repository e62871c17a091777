import LinuxSystem
import Synchronization

/// The thread of a `ConnectionLoop`.
final class ConnectionThread: Sendable {
    /// Ends the thread.
    private let wake: EventFD
    /// The thread.
    private let thread: NativeThread
    /// True once `stop` was called.
    private let isStopped = Mutex(false)

    /// Starts to serve.
    ///
    /// - Parameter name: The thread's name, at most 15 octets.
    init(
        name: String, _ listeners: [StreamListener], _ service: some ConnectionService,
        _ duties: ConnectionDuties
    ) throws(Errno) {
        let wake = try EventFD()
        let loop = try ConnectionLoop(listeners, wake: wake, service, duties)
        thread = try NativeThread(name: name, stackSize: 512 * 1024) { loop.run() }
        self.wake = wake
    }

    deinit {
        stop()
    }

    /// What `stop` found.
    enum StopOutcome {
        /// The thread ran until now.
        case stopped
        /// It was stopped before.
        case alreadyStopped
    }

    /// Ends the thread; the sockets close with the loop.
    @discardableResult func stop() -> StopOutcome {
        let isFirst = isStopped.withLock { isStopped in
            defer { isStopped = true }
            return !isStopped
        }
        guard isFirst else { return .alreadyStopped }
        wake.signal()
        thread.join()
        return .stopped
    }
}
