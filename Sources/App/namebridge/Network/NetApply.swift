import ArgumentParser
import Glibc
import Inventory
import JSON
import LinuxSystem
import NetworkKernel
import NetworkPlanning
import Time

/// `namebridge net apply`: brings the host to its planned state.
struct NetApply: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Bring this host to its planned state, or leave it as it was.",
        discussion: """
            Each command is printed before it runs. If one fails, or the host is not as planned afterwards, \
            everything is undone. A second apply has nothing to do. A plan that would cut packets between \
            two places that arrive now is refused; with --confirm, connections to the clusters are tried \
            before and after the steps as well, and one that is lost undoes everything at once.

            Examples:
              sudo namebridge net apply
              sudo namebridge net apply --accept-loss 'office->old'
              sudo namebridge net apply --confirm 60s
              sudo namebridge net apply --output json 2> commands.log
            """)

    @OptionGroup var host: NetHostOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Undo everything after this time, such as 60s or 5m, unless \"net confirm\" comes; even when"
                + " this process or the login is gone by then. Until then an agent moves no routes.",
            valueName: "duration"))
    var confirm: ConfirmationTime?

    @Flag(
        name: .long,
        help: """
            Remove hand-made rules and routes that do the same as ours, once ours are there; "net remove" \
            does not restore them.
            """)
    var adopt = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Apply the plan although it cuts the packets between these two places; may be repeated.",
            valueName: "from->to"))
    var acceptLoss: [AcceptedLoss] = []

    @Option(
        name: [.customShort("o"), .long],
        help: """
            How to write the result: text or json. With json the commands go to standard error, and nothing \
            is asked.
            """)
    var output = OutputForm.text

    func run() throws {
        let (plan, inventory, applied) = try host.planAndConfiguration()
        try AcceptedLoss.check(acceptLoss, in: inventory)
        ThisProcess.finishWhatIsBegun()
        let announcer = Announcer(to: output == .json ? .error : .output)
        let apply = { () throws(KernelError) -> NetworkApplier<LinuxKernel>.Outcome in
            defer { announcer.finish() }
            let kernel = LinuxKernel()
            try kernel.check()
            let store = try NetState.store()
            return try NetworkApplier(kernel: kernel, store: store, announce: announcer.announce).apply(
                plan, identifier: Self.newIdentifier, process: Int(ThisProcess.identifier),
                options: options(store, applied, in: inventory))
        }
        if output == .json { return try printJSON(of: plan, after: apply) }
        switch try NetFailure.reported(apply) {
        case .nothingToDo(let difference), .postponed(let difference):
            difference.printNotes()
            print("nothing to do")
        case .applied(let difference):
            difference.printNotes()
            print("\(plan.host.place)/\(plan.host.host.name): applied, \(difference.steps.count) steps")
            if let confirm { try self.confirm(difference, within: confirm.seconds) }
        }
    }

    /// The result as an object, that of a failure too.
    private func printJSON(
        of plan: HostPlan, after apply: () throws(KernelError) -> NetworkApplier<LinuxKernel>.Outcome
    ) throws {
        let (word, difference): (String, Difference)
        do throws(KernelError) {
            switch try apply() {
            case .nothingToDo(let found), .postponed(let found): (word, difference) = ("nothing-to-do", found)
            case .applied(let found): (word, difference) = ("applied", found)
            }
        } catch {
            let name = "\(plan.host.place)/\(plan.host.host.name)"
            print(
                .object([
                    ("outcome", .string("failed")), ("host", .string(name)), ("error", .string("\(error)")),
                ]))
            throw ExitStatus.problem
        }
        let changes = PlannedChanges(plan: plan, difference: difference, origins: [], instructions: [])
        let seconds = word == "applied" ? confirm?.seconds : nil
        print(
            .object(
                [("outcome", .string(word)), ("undone-after-seconds", .optional(seconds))] + changes.fields))
    }

    /// Lets a person at a terminal confirm; says what to do if there is none.
    private func confirm(_ difference: Difference, within seconds: Int) throws {
        switch ConfirmationPrompt(seconds: seconds, difference: difference).run() {
        case .confirmed:
            let confirm = NetConfirm()
            try confirm.run()
        // Not 0, so that no "&& namebridge net confirm" follows.
        case .left, .expired: throw ExitStatus.problem
        case nil: print("undone in \(seconds) s unless \"namebridge net confirm\" comes")
        }
    }

    /// The options of the apply, with the undo timer.
    private func options(
        _ store: StateStore, _ applied: AppliedConfiguration, in inventory: Inventory
    ) throws(KernelError) -> NetworkApplier<LinuxKernel>.Options {
        var options = NetworkApplier<LinuxKernel>.Options(
            adopts: adopt, resolvers: HostSurroundings.resolvers(), sessions: HostSurroundings.sessions(),
            desired: .configuration(applied))
        let protection = try ApplyProtection(
            inventory, host: applied.host, store: store, accepted: Set(acceptLoss.map(\.places)),
            triesConnections: confirm != nil)
        options.foresee = protection.foresee
        if let confirm {
            options.compare = protection.compare
            options.confirmationSeconds = confirm.seconds
            options.armUndo = { journal throws(KernelError) in
                try UndoTimer.start(journal: journal.identifier, seconds: confirm.seconds, store: store)
            }
        }
        return options
    }

    /// A new identifier for each apply since the host's start.
    static var newIdentifier: String { "\(ThisProcess.identifier)-\(MonotonicClock.now.nanoseconds)" }
}

/// Prints a command at once, before it runs.
func announce(_ line: String) {
    print(line)
    fflush(nil)
}

/// A time of whole seconds, as `60s` or `5m`.
struct ConfirmationTime: ExpressibleByArgument {
    /// 1...86400.
    let seconds: Int

    init?(argument: String) {
        guard let unit = argument.last, let number = Int(argument.dropLast()), unit == "s" || unit == "m"
        else {
            return nil
        }
        guard (1...86_400).contains(number) else { return nil }
        seconds = unit == "m" ? number * 60 : number
        guard seconds <= 86_400 else { return nil }
    }
}

/// `namebridge net confirm`: keeps an apply.
struct NetConfirm: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "confirm",
        abstract: "Keep what \"net apply --confirm\" has changed.",
        discussion: """
            Call it from a new login: that it works shows that the host can still be reached.

            Example:
              ssh relay1 sudo namebridge net confirm
            """)

    func run() throws {
        let journal = try NetFailure.reported { () throws(KernelError) in
            let store = try NetState.store()
            return try NetworkApplier(kernel: LinuxKernel(), store: store, announce: announce).confirm()
        }
        guard let journal else {
            printError(
                "namebridge: nothing waits for a confirmation: it was confirmed, or undone in the meantime")
            throw ExitStatus.problem
        }
        print("confirmed: what process \(journal.process) has applied stays")
    }
}
