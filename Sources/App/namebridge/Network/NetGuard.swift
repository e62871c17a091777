import ArgumentParser
import Glibc
import LinuxSystem
import NetworkKernel
import NetworkModel
import NetworkPlanning
import Time

/// Shows twice a second that the agent works; a second process takes announcements back if it does not.
final class AgentHeart {
    private let store: StateStore
    private let process: Int

    /// When `beat` is to be called again.
    private(set) var nextBeat = MonotonicClock.now

    init(_ store: StateStore, process: Int) {
        self.store = store
        self.process = process
    }

    /// Does nothing before its time.
    func beat() {
        let now = MonotonicClock.now
        guard now >= nextBeat else { return }
        nextBeat = now.advanced(milliseconds: 500)
        do throws(KernelError) {
            try store.beat(process: process, at: now)
            // The guard holds its lock while it lives.
            guard let lock = try store.lockUnlessTaken(NetGuard.lock) else { return }
            _ = lock.number
            try startGuard()
        } catch {
            Log.failure("announcements not guarded", [("reason", "\(error)")])
        }
    }

    private func startGuard() throws(KernelError) {
        guard let program = ThisProcess.path else {
            throw .system(what: "the program's own file cannot be found", Errno(code: ENOENT))
        }
        do throws(Errno) {
            try ChildProcess.startDetached(
                program, ["net", "guard", String(process), store.path], log: store.logPath)
        } catch {
            throw .system(what: "the guard of announcements could not be started", error)
        }
    }
}

/// `namebridge net guard`: the process that takes back what a dead or hung agent announces; started only by
/// the agent.
struct NetGuard: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guard", abstract: "Wait for the end of an agent, then withdraw what it announces.",
        shouldDisplay: false)

    @Argument(help: "The agent's process.") var process: Int
    @Argument(help: "The folder of the state.") var state: String

    /// The name of the lock that a guard holds.
    static let lock = "guard.lock"

    /// An agent that has not said for so long that it works counts as hung, in milliseconds.
    static let patience = 5000

    func run() throws {
        ThisProcess.ignore([SIGHUP, SIGINT, SIGTERM, SIGPIPE])
        let store = try StateStore(path: state)
        guard let lock = try store.lockUnlessTaken(Self.lock) else { return }
        defer { _ = lock.number }
        var isHung = false
        while true {  // ends with the agent
            ThisProcess.sleep(milliseconds: 200)
            guard let pulse = store.pulse, pulse.process == process else { return }
            let isAlive = Int32(exactly: process).map(ThisProcess.sees) ?? false
            let age = Int(MonotonicClock.now.milliseconds) - pulse.milliseconds
            guard isAlive else { return withdraw("it is dead") }
            if age > Self.patience, !isHung { withdraw("it has not been seen to work for \(age) ms") }
            isHung = age > Self.patience
        }
    }

    private func withdraw(_ reason: String) {
        Log.warning("announcements of the agent withdrawn", [("process", "\(process)"), ("reason", reason)])
        for command in RelayedPath.withdrawal {
            do throws(KernelError) {
                _ = try HostTools.attempt(command)
            } catch {
                Log.failure("not withdrawn", [("reason", "\(error)")])
            }
        }
    }
}
