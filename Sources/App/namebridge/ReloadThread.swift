import AdminServer
import LinuxSystem
import Synchronization

/// Reloads on a thread of its own: the thread that feeds the watchdog goes on, however long a reload takes.
final class ReloadThread: Sendable {
    private let control: ServerControl
    private let state = Mutex(State.idle)

    private enum State {
        case idle
        case reloading
        /// The file has changed since the reload under way began, or may have: there is another one.
        case reloadingAgain
    }

    init(_ control: ServerControl) {
        self.control = control
    }

    /// Has the file read again, once for all requests that come before that begins.
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

    private func run() {
        repeat { control.reload() } while isAskedAgain()  // ends when a reload was not asked for meanwhile
    }

    private func isAskedAgain() -> Bool {
        state.withLock { state in
            state = state == .reloadingAgain ? .reloading : .idle
            return state == .reloading
        }
    }
}
