import AdminServer
import LinuxSystem
import Synchronization
import Time

/// Reloads on a thread of its own, so that the thread that feeds the watchdog is not blocked by a
/// long reload.
final class ReloadThread: Sendable {
    /// Reloads the configuration.
    let control: ServerControl
    /// The state of the thread.
    private let state = Mutex(State.idle)

    /// The states of the thread.
    private enum State {
        /// No reload is running.
        case idle
        /// A reload is running; if `next` is set, something may have changed since it began, and another
        /// reload follows.
        case reloading(next: ReloadScope?)
    }

    init(_ control: ServerControl) {
        self.control = control
    }

    /// Requests a reload; requests that come before it begins are served together.
    func request(_ scope: ReloadScope) {
        let isFirst = state.withLock { state in
            switch state {
            case .idle:
                state = .reloading(next: nil)
                return true
            case .reloading(let next):
                state = .reloading(next: next == .everything ? .everything : scope)
                return false
            }
        }
        guard isFirst else { return }
        do throws(Errno) {
            _ = try NativeThread(name: "reload", stackSize: 1024 * 1024) { [self] in run(scope) }
        } catch {
            state.withLock { $0 = .idle }
            Log.failure("not reloaded", [("reason", "no thread: \(error)")])
        }
    }

    /// Reloads until no further reload is requested.
    private func run(_ first: ReloadScope) {
        var scope: ReloadScope? = first
        while let next = scope {  // ends when a reload was not asked for meanwhile
            let began = MonotonicClock.now
            control.reload(next)
            if next == .facts { rest(since: began) }
            scope = takeNext()
        }
    }

    /// After facts were read, three times as long is left to the workers, but no second: in a large cluster
    /// facts change all the time.
    private func rest(since began: MonotonicTime) {
        let took = MonotonicClock.now.nanoseconds(since: began) / 1_000_000
        ThisProcess.sleep(milliseconds: Int(min(Self.longestRest, 3 * max(0, took))))
    }

    /// In milliseconds.
    private static let longestRest: Int64 = 750

    /// The reload that was requested meanwhile; nil if none was.
    private func takeNext() -> ReloadScope? {
        state.withLock { state in
            guard case .reloading(let next?) = state else {
                state = .idle
                return nil
            }
            state = .reloading(next: nil)
            return next
        }
    }
}
