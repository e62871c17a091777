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

        /// `ip` and `bridge` take many lines, without options; the others are called once for each.
        func takes(_ command: Command) -> Bool {
            guard let last = commands.last else { return true }
            return last.program == command.program && [.ip, .bridge].contains(command.program)
                && !last.line.hasPrefix("-") && !command.line.hasPrefix("-")
        }

        mutating func run(_ announce: (String) -> Void) throws(KernelError) {
            defer { commands = [] }
            guard let first = commands.first else { return }
            for command in commands { announce("\(command)") }
            switch first.program {
            case .nft: try HostTools.run("nft", ["-f", "-"], input: first.line)
            case .conntrack: try forget(first)
            case .ip, .bridge:
                if commands.count > 1 { try runLines(first.program) } else { try runAlone(first) }
            case .iptables, .ip6tables, .sysctl: try runAlone(first)
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
            let errors = HostTools.text(result.errors)
            let line = errors.split(separator: "-:").last.flatMap { Int($0.prefix { $0.isNumber }) } ?? 1
            let index = min(max(line - 1, 0), commands.count - 1)
            throw .failed(command: "\(commands[index])", result.ending, errors: errors)
        }

        /// Old translations are a matter of existing connections alone: without the program, or where there
        /// are none (exit status 1), nothing is wrong with the host.
        private func forget(_ command: Command) throws(KernelError) {
            guard HostTools.isInstalled("conntrack") else { return }
            let result = try HostTools.attempt("conntrack", command.arguments)
            let errors = HostTools.text(result.errors)
            guard result.ending == .exit(status: 0) || errors.contains("flow entries") else {
                throw .failed(command: "\(command)", result.ending, errors: errors)
            }
        }
    }
}
