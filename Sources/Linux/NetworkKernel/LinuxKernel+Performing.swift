import IPAddressing
package import LinuxSystem
package import NetworkModel
package import NetworkPlanning

extension LinuxKernel {
    /// Runs the commands of `steps`, several in one call where possible.
    package func perform(_ steps: [Step], announce: (String) -> Void) throws(KernelError) {
        // Looked for before anything changes: the rest of a namespace would be made without it.
        let usesSysctl = steps.contains { if case .inside(_, .set) = $0.change { true } else { false } }
        if usesSysctl { _ = try HostTools.path(of: .sysctl) }
        var batch = CommandBatch()
        // Those of successive steps are deleted together.
        var forgotten: [ConnectionRange] = []
        for step in steps {
            if case .forget(let range) = step.change {
                try batch.run(announce)
                for command in step.commands { announce("\(command)") }
                forgotten.append(range)
                continue
            }
            forget(&forgotten, announce)
            switch step.change {
            case .set(let setting, _, let value):
                try batch.run(announce)
                for command in step.commands { announce("\(command)") }
                try KernelSettings.write(setting, value)
            default:
                for command in step.commands {
                    if !batch.takes(command) { try batch.run(announce) }
                    batch.commands.append(command)
                }
            }
        }
        try batch.run(announce)
        forget(&forgotten, announce)
    }

    // MARK: - Connections

    /// Deletes connections. Old ones are not part of the plan: what cannot be deleted is told, and no reason
    /// to undo an apply.
    ///
    /// - Parameter ranges: Empty afterwards.
    private func forget(_ ranges: inout [ConnectionRange], _ announce: (String) -> Void) {
        defer { ranges = [] }
        guard !ranges.isEmpty else { return }
        guard HostTools.isInstalled(.conntrack) else {
            announce("# no conntrack here: older connections stay as they are until they end; install it")
            return
        }
        Self.forget(ranges, attempt: attempt, announce: announce)
    }

    /// Runs a command that lists or deletes connections to its end.
    func attempt(_ command: Command) throws(KernelError) -> ChildProcess.Result {
        breathe()
        defer { breathe() }
        return try HostTools.attempt(command, timeout: patience())
    }

    /// Programs that may take too long in one apply: a `conntrack` that hangs does so for all.
    private static let mostTimeouts = 3

    /// Deletes connections, or says which stay.
    ///
    /// - Parameter attempt: Runs a program to its end.
    package static func forget(
        _ ranges: [ConnectionRange], attempt: (Command) throws(KernelError) -> ChildProcess.Result,
        announce: (String) -> Void
    ) {
        var timeouts = 0
        for family in ConnectionRanges.byFamily(ranges) {
            do throws(KernelError) {
                try forget(family) { command throws(KernelError) in
                    guard timeouts < mostTimeouts else {
                        throw .failed(command, .timeout, errors: "not run, since others took too long")
                    }
                    let result = try attempt(command)
                    if case .timeout = result.ending { timeouts += 1 }
                    return result
                }
            } catch {
                announce(
                    "# older connections stay as they are until they end, because \(error); once that is"
                        + " repaired, the lines with \"conntrack -D\" above end them")
            }
        }
    }

    /// Deletes connections of one family.
    ///
    /// - Parameter attempt: Runs a program to its end.
    /// - Throws: If some cannot be listed or deleted; all others are deleted all the same.
    package static func forget(
        _ ranges: ConnectionRanges, attempt: (Command) throws(KernelError) -> ChildProcess.Result
    ) throws(KernelError) {
        if let command = ranges.wholeDeletion { return try forget(command, attempt) }
        // The kernel may have been changing the table: a second listing may succeed.
        var listing = try attempt(ranges.listing)
        if case .exit(let status) = listing.ending, status != 0 { listing = try attempt(ranges.listing) }
        switch listing.ending {
        case .exit(status: 0): break
        case .tooMuchOutput where ranges.halves != nil, .timeout where ranges.halves != nil:
            var failure: KernelError?
            for half in ranges.halves ?? [] {  // ends at a single range
                do throws(KernelError) {
                    try forget(half, attempt: attempt)
                } catch {
                    failure = failure ?? error
                }
            }
            if let failure { throw failure }
            return
        default: throw .failed(ranges.listing, listing.ending, errors: HostTools.text(listing.errors))
        }
        let commands = ranges.deletions(of: TrackedConnection.read(listing.output))
        guard !commands.isEmpty else { return }
        let script = commands.map { $0.argumentLine + "\n" }.joined()
        let all = try attempt(Command(.conntrack, ["-R", "-"], input: script))
        if all.ending == .exit(status: 0) { return }
        // Before version 1.4.7 it takes one at a time.
        var failure: KernelError?
        for command in commands {
            do throws(KernelError) {
                try forget(command, attempt)
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    /// Deletes old connections.
    private static func forget(
        _ command: Command, _ attempt: (Command) throws(KernelError) -> ChildProcess.Result
    ) throws(KernelError) {
        let result = try attempt(command)
        let errors = HostTools.text(result.errors)
        guard result.ending == .exit(status: 0) || errors.contains("flow entries") else {
            throw .failed(command, result.ending, errors: errors)
        }
    }
}

/// Commands that one call of a program can run together.
package struct CommandBatch {
    /// The commands.
    package var commands: [Command] = []

    /// An empty batch.
    package init() {}

    /// `ip` and `bridge` read many lines, and `iptables-restore` those of one table; the other programs are
    /// called once for each command.
    package func takes(_ command: Command) -> Bool {
        guard let last = commands.last else { return true }
        guard last.program == command.program, last.namespace == command.namespace,
            last.options == command.options
        else { return false }
        switch command.program {
        case .ip, .bridge: return last.batchLine != nil && command.batchLine != nil
        case .iptables, .ip6tables: return true
        default: return false
        }
    }

    /// Runs the commands and empties the batch.
    ///
    /// - Parameter announce: Gets each command before the first one runs.
    mutating func run(_ announce: (String) -> Void) throws(KernelError) {
        defer { commands = [] }
        for command in commands { announce("\(command)") }
        guard commands.count > 1, let call else {
            for command in commands { try HostTools.run(command) }
            return
        }
        let result = try HostTools.attempt(call)
        guard result.ending != .exit(status: 0) else { return }
        throw failure(result)
    }

    /// One call for all commands; nil if the program has no batch mode, or there are no commands.
    package var call: Command? {
        guard var call = commands.first else { return nil }
        switch call.program {
        case .ip, .bridge:
            let lines = commands.compactMap(\.batchLine)
            guard lines.count == commands.count else { return nil }
            call.arguments = ["-batch", "-"]
            call.input = lines.map { $0 + "\n" }.joined()
        case .iptables, .ip6tables:
            // Keeps the existing rules, in one transaction. Corresponds to iptables-restore(8).
            guard let table = call.options.last else { return nil }
            call.program = call.program.restore
            call.options = ["--noflush", "-w", "5"]
            call.arguments = []
            call.input = "*\(table)\n" + commands.map { $0.argumentLine + "\n" }.joined() + "COMMIT\n"
        default: return nil
        }
        return call
    }

    /// Both print the line at which they stop: `Command failed -:3`, `line 3 failed`, where the first line of
    /// `iptables-restore` is the table's name.
    private func failure(_ result: ChildProcess.Result) -> KernelError {
        let errors = HostTools.text(result.errors)
        let isRestored = commands.allSatisfy { [.iptables, .ip6tables].contains($0.program) }
        let (mark, first) = isRestored ? ("line ", 2) : ("-:", 1)
        let line = errors.split(separator: mark).last.flatMap { Int($0.prefix { $0.isNumber }) }
        let index = min(max((line ?? first) - first, 0), commands.count - 1)
        return .failed(commands[index], result.ending, errors: errors)
    }
}
