import ArgumentParser
import Glibc
import LinuxSystem
import NetworkKernel
import NetworkModel
import NetworkPlanning
import Time

/// Shows twice a second that the agent works; a second process takes announcements back if it does not.
final class AgentHeart {
    /// The folder of the state.
    private let store: StateStore
    /// The agent's process.
    private let process: Int

    /// When `beat` is to be called again.
    private(set) var nextBeat = MonotonicClock.now

    /// The process of the guard that this agent has started; nil if it has ended.
    private var guardian: Int32?
    /// When it was started.
    private var guardianBegan = MonotonicClock.now
    /// Starts in a row, none of whose guards lasted.
    private var starts = 0
    /// Before that time no other guard is started.
    private var nextStart = MonotonicClock.now

    /// Creates the heart of the agent with that process.
    init(_ store: StateStore, process: Int) {
        self.store = store
        self.process = process
    }

    /// True if it has something to announce.
    private var mustBeat = false

    /// How long a program may take, in milliseconds: with what else is done until the next beat, less than
    /// the guard waits.
    var patience: Int { mustBeat ? NetGuard.timeout - 2_000 : HostTools.timeout }

    /// Beats if there is something to announce, and from then on also within long work.
    func beat(if mustBeat: Bool) {
        self.mustBeat = mustBeat
        continueBeating()
    }

    /// Called within work that takes long.
    func continueBeating() { if mustBeat { beat() } }

    /// Does nothing before its time.
    private func beat() {
        let now = MonotonicClock.now
        guard now >= nextBeat else { return }
        nextBeat = now.advanced(milliseconds: 500)
        do throws(KernelError) {
            try store.beat(process: process, at: now)
            try keepGuarded(at: now)
        } catch {
            Log.failure("announcements not guarded", [("reason", "\(error)")])
        }
    }

    /// Starts a guard if there is none: at growing intervals if it ends again and again.
    private func keepGuarded(at now: MonotonicTime) throws(KernelError) {
        if let guardian {
            guard ChildProcess.hasEnded(guardian) else { return }
            Log.warning("the guard of announcements has ended", [("process", "\(guardian)")])
            self.guardian = nil
            if now >= guardianBegan.advanced(milliseconds: RepairSchedule.longestHold) { starts = 0 }
        }
        guard now >= nextStart, try !isGuarded() else { return }
        starts += 1
        nextStart = now.advanced(milliseconds: RepairSchedule.hold(starts))
        guardianBegan = now
        guardian = try startGuard()
    }

    /// True while a guard lives, which an earlier agent may have started: it holds its lock.
    private func isGuarded() throws(KernelError) -> Bool {
        guard let lock = try store.lockUnlessTaken(NetGuard.lock) else { return true }
        _ = lock.number
        return false
    }

    /// Starts a guard and returns its process.
    private func startGuard() throws(KernelError) -> Int32 {
        guard let program = ThisProcess.path else {
            throw .system(what: "the program's own file cannot be found", Errno(code: ENOENT))
        }
        do throws(Errno) {
            return try ChildProcess.startDetached(
                program, ["net", "guard", String(process), store.path], log: store.logPath)
        } catch {
            throw .system(what: "the guard of announcements could not be started", error)
        }
    }
}

/// `namebridge net guard`: the process that takes back what a dead or hung agent announces; started only by
/// the agent.
struct NetGuard: ParsableCommand {
    /// How it is called.
    static let configuration = CommandConfiguration(
        commandName: "guard", abstract: "Wait for the end of an agent, then withdraw what it announces.",
        shouldDisplay: false)

    /// The agent's process.
    @Argument(help: "The agent's process.") var process: Int
    /// The folder of the state.
    @Argument(help: "The folder of the state.") var state: String

    /// The name of the lock that a guard holds.
    static let lock = "guard.lock"

    /// An agent that has not said for so long that it works counts as hung, in milliseconds.
    static let timeout = 5000

    /// The first and the longest pause between attempts to withdraw, in milliseconds.
    private static let pauses = (first: 200, longest: 5000)

    /// Until the agent has ended and nothing is announced any more, or another agent works.
    func run() throws {
        ThisProcess.ignore([SIGHUP, SIGINT, SIGTERM, SIGPIPE])
        let store = try StateStore(path: state)
        guard let lock = try store.lockUnlessTaken(Self.lock) else { return }
        defer { _ = lock.number }
        var isWithdrawn = false
        var isKnownDead = false
        var pause = Self.pauses.first
        var nextAttempt = MonotonicClock.now
        while true {  // ends with the agent
            ThisProcess.sleep(milliseconds: 200)
            guard let pulse = store.pulse, pulse.process == process else { return }
            let isAlive = Int32(exactly: process).map(ThisProcess.sees) ?? false
            let now = MonotonicClock.now
            let age = Int(now.milliseconds) - pulse.milliseconds
            if isAlive ? age <= Self.timeout : !isKnownDead {
                // What it may have announced since the last attempt is not withdrawn yet.
                isKnownDead = !isAlive
                isWithdrawn = false
                (pause, nextAttempt) = (Self.pauses.first, now)
                if isAlive { continue }
            }
            if !isWithdrawn, now >= nextAttempt {
                let reason = isAlive ? "it has not been seen to work for \(age) ms" : "it is dead"
                isWithdrawn = withdraw(reason, store) == .complete
                nextAttempt = now.advanced(milliseconds: pause)
                pause = min(2 * pause, Self.pauses.longest)
            }
            if isWithdrawn, !isAlive { return }
        }
    }

    /// How much was withdrawn.
    private enum Withdrawal {
        /// Nothing is announced any more.
        case complete
        /// Something may be left.
        case partial
    }

    /// Takes the announcements back.
    private func withdraw(_ reason: String, _ store: StateStore) -> Withdrawal {
        do throws(KernelError) {
            try Announcements.withdraw(store)
        } catch {
            Log.failure("not withdrawn", [("reason", "\(error)")])
            return .partial
        }
        Log.warning("announcements of the agent withdrawn", [("process", "\(process)"), ("reason", reason)])
        return .complete
    }
}

/// What others are led to this host by.
enum Announcements {
    /// Empties the table of announcements, and has keepalived give its addresses away.
    static func withdraw(_ store: StateStore) throws(KernelError) {
        var failure: KernelError?
        do throws(KernelError) { try store.writeNothingWorks() } catch { failure = error }
        for command in RelayedPath.withdrawal {
            do throws(KernelError) {
                try HostTools.run(command)
            } catch {
                // Without the table, or the family, there is nothing to withdraw.
                if case .failed(_, _, let errors) = error,
                    errors.contains("table does not exist") || errors.contains("not supported")
                {
                    continue
                }
                failure = error
            }
        }
        if let failure { throw failure }
    }
}
