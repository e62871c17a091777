import AdminServer
import LinuxSystem
import Synchronization
import Time

/// Reports this process's state to the service manager that has started it (sd_notify(3)); does nothing
/// without one.
final class ServiceNotices: Sendable {
    /// The service manager; nil without one.
    private let manager: ServiceManager?
    /// The status that was reported last.
    private let sentStatus = Mutex("")

    /// Reads NOTIFY_SOCKET.
    init() {
        do throws(Errno) {
            manager = try environment("NOTIFY_SOCKET").map { (path) throws(Errno) in
                try ServiceManager(address: path)
            }
        } catch {
            Log.warning("service manager is not notified", [("reason", "NOTIFY_SOCKET: \(error)")])
            manager = nil
        }
    }

    /// Reports that the server is ready.
    ///
    /// - Parameter status: The state of the server, for `systemctl status`.
    func tellReady(_ status: String) {
        sentStatus.withLock { $0 = status }
        tell(.ready, .status(status))
    }

    /// Reports the present state, if it has changed.
    func tellStatus(_ status: String) {
        let isNews = sentStatus.withLock { sent in
            defer { sent = status }
            return sent != status
        }
        if isNews { tell(.status(status)) }
    }

    /// A reload, requested by a signal or a command.
    func tell(_ news: ReloadNews) {
        switch news {
        case .hasBegun: tell(.reloading(since: MonotonicClock.now))
        case .isOver(let summary): tellReady(summary)
        }
    }

    /// Feeds the watchdog.
    func tellAlive() { tell(.alive) }

    /// Reports that the server is stopping.
    func tellStopping() { tell(.stopping, .status("stopping")) }

    /// A failure to report changes nothing for clients.
    private func tell(_ news: ServiceManager.News...) {
        do throws(Errno) {
            try manager?.tell(news)
        } catch {
            Log.warning("service manager is not notified", [("reason", "\(error)")])
        }
    }
}
