import AdminServer
import LinuxSystem
import PathHealth
import Synchronization
import Time

/// Asks the server of this host twice a second whether it can answer, from a thread of its own: a server that
/// hangs must not stop the agent.
final class ReadinessWatch: Sendable {
    /// What is known.
    private let state = Mutex(State())
    /// Where the server may listen.
    private let paths: [String]
    /// Called with each change.
    private let news: @Sendable () -> Void

    /// What is known of the server.
    private struct State {
        /// Nil before the first answer.
        var isReady: Bool?
        /// When that began.
        var since = MonotonicClock.now
        /// Why it is not ready.
        var cause = "the server has not been asked yet"
        /// Answers in a row that say it is ready.
        var successes = 0
        /// When it last was ready.
        var lastAnswer: MonotonicTime?
        /// True if the thread must end.
        var isStopped = false

        /// As that of a path.
        var path: PathState {
            guard let isReady else { return .unknown }
            return isReady ? .up : .down
        }
    }

    /// From one question to the next, in milliseconds.
    private static let period = 500

    /// A server that has not answered for so long does not work, in milliseconds: a reload may take a while.
    private static let timeout = 2000

    /// After so many answers in a row the server is ready.
    private static let rise = 2

    /// - Parameters:
    ///   - paths: Where the server's control socket may be, the likeliest first.
    ///   - news: Called on the thread.
    init(at paths: [String], news: @escaping @Sendable () -> Void) throws(Errno) {
        self.paths = paths
        self.news = news
        _ = try NativeThread(name: "ready", stackSize: 256 * 1024) { [self] in ask() }
    }

    /// Ends the thread, and does not wait for it: a server that hangs may take longer than who ends the agent
    /// waits.
    func stop() { state.withLock { $0.isStopped = true } }

    /// What the answers show.
    var observation: RelayElection.Observation {
        state.withLock { state in
            RelayElection.Observation(
                state: state.path, since: state.since, cause: state.cause, lastAnswer: state.lastAnswer)
        }
    }

    /// Until it is stopped.
    private func ask() {
        while !state.withLock({ $0.isStopped }) {
            let (isReady, cause) = Self.answer(at: paths)
            let hasChanged = state.withLock { state -> Bool in
                state.successes = isReady ? state.successes + 1 : 0
                if isReady, state.isReady != true, state.successes < Self.rise { return false }
                if isReady { state.lastAnswer = MonotonicClock.now }
                state.cause = cause
                guard state.isReady != isReady else { return false }
                state.isReady = isReady
                state.since = MonotonicClock.now
                return true
            }
            if hasChanged { news() }
            ThisProcess.sleep(milliseconds: Self.period)
        }
    }

    /// What the server that listens at one of `paths` says now.
    private static func answer(at paths: [String]) -> (isReady: Bool, cause: String) {
        do throws(ControlError) {
            let answer = try ControlClient.ask(.ready, at: paths, timeoutMilliseconds: timeout).answer
            let readiness = Readiness(json: answer)
            return (readiness.isReady, readiness.cause)
        } catch {
            return (false, "\(error)")
        }
    }
}
