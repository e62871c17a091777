import AdminServer
import LinuxSystem
import Synchronization
import Telemetry

/// Tells the service manager that has started this process how it is doing (sd_notify(3)); nothing where none
/// has.
final class ServiceNotices: Sendable {
    private let manager: ServiceManager?
    /// What it was last told that the server does.
    private let toldStatus = Mutex("")

    /// Reads NOTIFY_SOCKET.
    init() {
        do throws(Errno) {
            manager = try environment("NOTIFY_SOCKET").map { (path) throws(Errno) in
                try ServiceManager(address: path)
            }
        } catch {
            Log.warning("service manager is not told", [("reason", "NOTIFY_SOCKET: \(error)")])
            manager = nil
        }
    }

    /// It serves.
    ///
    /// - Parameter status: What it does, for `systemctl status`.
    func tellReady(_ status: String) {
        toldStatus.withLock { $0 = status }
        tell(.ready, .status(status))
    }

    /// What it does now, where that is news.
    func tellStatus(_ status: String) {
        let isNews = toldStatus.withLock { told in
            defer { told = status }
            return told != status
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

    func tellAlive() { tell(.alive) }

    /// It ends.
    func tellStopping() { tell(.stopping, .status("stopping")) }

    /// A manager that does not listen changes nothing for the clients.
    private func tell(_ news: ServiceManager.News...) {
        do throws(Errno) {
            try manager?.tell(news)
        } catch {
            Log.warning("service manager is not told", [("reason", "\(error)")])
        }
    }
}
