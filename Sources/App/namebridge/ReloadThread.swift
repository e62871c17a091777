import AdminServer
import LinuxSystem
import Synchronization

/// Reloads on a thread of its own, so that the thread that feeds the watchdog is not blocked by a
/// long reload.
final class ReloadThread: Sendable {
    /// Reloads the configuration.
    private let control: ServerControl
    /// The state of the thread.
    private let state = Mutex(State.idle)

    /// The states of the thread.
    private enum State {
        /// No reload is running.
        case idle
        /// A reload is running.
        case reloading
        /// The file may have changed since the present reload began: another reload follows.
        case reloadingAgain
    }

    init(_ control: ServerControl) {
        self.control = control
    }

    /// Requests a reload; requests that come before it begins are served together.
    func request() {
        let isFirst = state.withLock { state in
            defer { state = state == .idle ? .reloading : .reloadingAgain }
            return state == .idle
        }
        guard isFirst else { return }
        do throws(Errno) {
            _ = try NativeThread(name: "reload", stackSize: 1024 * 1024) { [self] in run() }
        } catch {
            state.withLock { $0 = .idle }
            Log.failure("not reloaded", [("reason", "no thread: \(error)")])
        }
    }

    /// Reloads until no further reload is requested.
    private func run() {
        repeat { control.reload() } while isAskedAgain()  // ends when a reload was not asked for meanwhile
    }

    /// True if another reload was requested meanwhile.
    private func isAskedAgain() -> Bool {
        state.withLock { state in
            state = state == .reloadingAgain ? .reloading : .idle
            return state == .reloading
        }
    }
}
