import ArgumentParser
import Glibc
import LinuxSystem
import NetworkKernel
import NetworkPlanning
import Time

/// `namebridge net remove`: restores the host's earlier state.
struct NetRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove everything of ours from this host.",
        discussion: """
            It needs no configuration: what is ours is recognised by itself. Settings go back to what they \
            were, unless another program has changed them since. A running agent restores nothing until the \
            next apply, or until it is started again.

            Example:
              sudo namebridge net remove
            """)

    func run() throws {
        ThisProcess.finishWhatIsBegun()
        let announcer = Announcer()
        let outcome = try NetFailure.reported { () throws(KernelError) in
            defer { announcer.finish() }
            let kernel = LinuxKernel()
            try kernel.check()
            let applier = NetworkApplier(
                kernel: kernel, store: try NetState.store(), announce: announcer.announce)
            return try applier.remove(
                identifier: NetApply.newIdentifier, process: Int(ThisProcess.identifier))
        }
        switch outcome {
        case .nothingToDo, .postponed: print("nothing to do")
        case .applied(let difference): print("removed, \(difference.steps.count) steps")
        }
    }
}

/// `namebridge net undo`: the process that waits for a confirmation; started only by `net apply --confirm`.
struct NetUndo: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo", abstract: "Wait, then undo an apply that was not confirmed.",
        shouldDisplay: false)

    @Argument(help: "The identifier of the apply.") var journal: String
    @Argument(help: "How many seconds to wait.") var after: Int
    @Argument(help: "The folder of the state.") var state: String

    func run() throws {
        ThisProcess.ignore([SIGHUP, SIGINT, SIGPIPE])
        let end = MonotonicClock.now.advanced(milliseconds: after * 1000)
        while MonotonicClock.now < end {  // ends at `end`; a signal only wakes it early
            ThisProcess.sleep(
                milliseconds: Int((end.nanoseconds - MonotonicClock.now.nanoseconds) / 1_000_000) + 1)
        }
        for attempt in 1...Self.attempts {
            do throws(KernelError) {
                let store = try StateStore(path: state)
                let applier = NetworkApplier(kernel: LinuxKernel(), store: store, announce: announce)
                if try applier.undo(journal) == .undone { Log.notice("undone", [("journal", journal)]) }
                return
            } catch {
                Log.failure("not undone", [("attempt", "\(attempt)"), ("reason", "\(error)")])
            }
            ThisProcess.sleep(milliseconds: attempt < Self.quickAttempts ? 2_000 : 60_000)
        }
        throw ExitStatus.problem
    }

    /// Another process may be changing the host for a moment; about two minutes.
    private static let quickAttempts = 30

    /// After the quick attempts, one attempt a minute for a day: a host that can't be reached must
    /// restore itself.
    private static let attempts = quickAttempts + 24 * 60
}
