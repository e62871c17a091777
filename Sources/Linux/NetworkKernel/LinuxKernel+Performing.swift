import IPAddressing
import LinuxSystem
import NetworkModel
package import NetworkPlanning

extension LinuxKernel {
    package func perform(_ steps: [Step], announce: (String) -> Void) throws(KernelError) {
        var batch = Batch()
        for step in steps {
            if case .set(let setting, _, let value) = step.change {
                try batch.run(announce)
                for command in step.commands { announce("\(command)") }
                try KernelSettings.write(setting, value)
                continue
            }
            for command in step.commands {
                if !batch.takes(command) { try batch.run(announce) }
                batch.commands.append(command)
            }
        }
        try batch.run(announce)
    }

    /// Commands of one program, for one call of it.
    private struct Batch {
        var commands: [Command] = []

        /// `ip` and `bridge` take many lines, without options, and so does what restores rules of one table;
        /// the others are called once for each.
        func takes(_ command: Command) -> Bool {
            guard let last = commands.last else { return true }
            guard last.program == command.program else { return false }
            switch command.program {
            case .ip, .bridge: return !last.line.hasPrefix("-") && !command.line.hasPrefix("-")
            case .iptables, .ip6tables:
                guard let rule = command.ruleInTable, let other = last.ruleInTable else { return false }
                return rule.table == other.table
            case .nft, .sysctl, .conntrack: return false
            }
        }

        mutating func run(_ announce: (String) -> Void) throws(KernelError) {
            defer { commands = [] }
            guard let first = commands.first else { return }
            for command in commands { announce("\(command)") }
            switch first.program {
            case .nft: try HostTools.run("nft", ["-f", "-"], input: first.line)
            case .conntrack: try forget(first, announce)
            case .ip, .bridge:
                if commands.count > 1 { try runLines(first.program) } else { try runAlone(first) }
            case .iptables, .ip6tables:
                if commands.count > 1 { try restoreRules(first.program) } else { try runAlone(first) }
            case .sysctl: try runAlone(first)
            }
        }

        private func runAlone(_ command: Command) throws(KernelError) {
            try HostTools.run(command.program.rawValue, command.arguments)
        }

        /// `-batch` stops at the first line that fails, and names it: `Command failed -:3`.
        private func runLines(_ program: Command.Program) throws(KernelError) {
            let script = commands.map { $0.line + "\n" }.joined()
            let result = try HostTools.attempt(program.rawValue, ["-batch", "-"], input: script)
            guard result.ending != .exit(status: 0) else { return }
            throw failure(result, after: "-:", firstLine: 1)
        }

        /// Many rules of one table in one transaction, beside those that are there. Corresponds to
        /// iptables-restore(8), which names the line that fails: `line 3 failed`.
        private func restoreRules(_ program: Command.Program) throws(KernelError) {
            let rules = commands.compactMap(\.ruleInTable)
            let script = "*\(rules.first?.table ?? "filter")\n" + rules.map { $0.text + "\n" }.joined()
            let result = try HostTools.attempt(
                "\(program.rawValue)-restore", ["--noflush", "-w", "5"], input: script + "COMMIT\n")
            guard result.ending != .exit(status: 0) else { return }
            throw failure(result, after: "line ", firstLine: 2)
        }

        /// - Parameter mark: What stands before the number of the line that failed.
        private func failure(
            _ result: ChildProcess.Result, after mark: String, firstLine: Int
        ) -> KernelError {
            let errors = HostTools.text(result.errors)
            let line = errors.split(separator: mark).last.flatMap { Int($0.prefix { $0.isNumber }) }
            let index = min(max((line ?? firstLine) - firstLine, 0), commands.count - 1)
            return .failed(command: "\(commands[index])", result.ending, errors: errors)
        }

        /// Old connections are no matter of the plan: without the program, or where there are none (exit
        /// status 1), nothing is wrong with the host.
        private func forget(_ command: Command, _ announce: (String) -> Void) throws(KernelError) {
            guard HostTools.isInstalled("conntrack") else {
                announce("# no conntrack here: older connections stay as they are until they end; install it")
                return
            }
            guard command.line.hasSuffix(Command.untranslated) else {
                return try forget(command.arguments)
            }
            let range = String(command.line.dropLast(Command.untranslated.count))
            let words = range.split(separator: " ").map(String.init)
            let listing = try HostTools.attempt("conntrack", ["-L"] + words.dropFirst())
            let sources = Set(
                TrackedConnection.read(listing.output).filter { !$0.isTranslated }.map(\.source))
            guard !sources.isEmpty, let place = words.firstIndex(of: "-s"), place + 1 < words.count else {
                return
            }
            let calls = sources.sorted().map { source in
                var call = words
                call[place + 1] = "\(source)"
                return call + ["-q", "\(source)"]
            }
            let script = calls.map { $0.joined(separator: " ") + "\n" }.joined()
            let all = try HostTools.attempt("conntrack", ["-R", "-"], input: script)
            if all.ending == .exit(status: 0) { return }
            // Before version 1.4.7 it takes one at a time.
            for call in calls { try forget(call) }
        }

        private func forget(_ arguments: [String]) throws(KernelError) {
            let result = try HostTools.attempt("conntrack", arguments)
            let errors = HostTools.text(result.errors)
            guard result.ending == .exit(status: 0) || errors.contains("flow entries") else {
                let command = (["conntrack"] + arguments).joined(separator: " ")
                throw .failed(command: command, result.ending, errors: errors)
            }
        }
    }
}

extension Command {
    /// A rule of iptables as a line of iptables-restore(8), and its table; nil for other commands.
    fileprivate var ruleInTable: (table: String, text: String)? {
        // As `Command` writes it: "-w 5 -t TABLE VERB RULE".
        let parts = line.split(separator: " ", maxSplits: 4)
        guard parts.count == 5, parts[0] == "-w", parts[2] == "-t" else { return nil }
        return (String(parts[3]), String(parts[4]))
    }
}
