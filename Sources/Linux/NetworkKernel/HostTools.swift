package import LinuxSystem
package import NetworkModel

/// Runs the programs that read and change the network: `ip`, `bridge`, `nft`, `iptables`, `conntrack`.
package enum HostTools {
    /// The timeout of a program, in milliseconds; enough for the tables of a large host.
    package static let timeout = 30_000

    /// True if the program is installed.
    package static func isInstalled(_ program: Command.Program) -> Bool {
        ChildProcess.path(of: program.name) != nil
    }

    /// The file of `program`.
    ///
    /// - Throws: `KernelError.missingProgram`.
    package static func path(of program: Command.Program) throws(KernelError) -> String {
        guard let path = ChildProcess.path(of: program.name) else {
            throw .missingProgram(program.name, package: program.package)
        }
        return path
    }

    /// Runs `command` and returns what it printed.
    ///
    /// - Throws: Also if the program ends otherwise than with exit status 0.
    @discardableResult
    package static func run(_ command: Command) throws(KernelError) -> [UInt8] {
        let result = try attempt(command)
        guard result.ending == .exit(status: 0) else {
            throw .failed(command, result.ending, errors: text(result.errors))
        }
        return result.output
    }

    /// Runs `command` to its end, successful or not.
    ///
    /// - Parameter timeout: After so many milliseconds it is killed.
    package static func attempt(
        _ command: Command, timeout: Int = timeout
    ) throws(KernelError) -> ChildProcess.Result {
        // In a namespace another program may be needed to start it.
        _ = try path(of: command.program)
        let words = command.words
        let path = try path(of: Command.Program(words[0]))
        do throws(Errno) {
            return try ChildProcess.run(
                path, Array(words.dropFirst()), input: Array((command.input ?? "").utf8), timeout: timeout)
        } catch {
            throw .system(what: "\(path) could not be started", error)
        }
    }

    /// The error output of a program, without empty lines.
    package static func text(_ octets: [UInt8]) -> String {
        String(decoding: octets, as: UTF8.self).split(separator: "\n").joined(separator: "\n  ")
    }
}

extension Command.Program {
    /// The Debian package of the program.
    fileprivate var package: String {
        switch self {
        case .ip, .bridge: "iproute2"
        case .nft: "nftables"
        case .sysctl: "procps"
        case _ where name.hasPrefix("iptables") || name.hasPrefix("ip6tables"): "iptables"
        default: name
        }
    }

    /// The program of the same package that prints all rules.
    var save: Command.Program { Command.Program(name + "-save") }

    /// The program of the same package that reads the output of `save`.
    var restore: Command.Program { Command.Program(name + "-restore") }

    /// The same for the tables of legacy iptables.
    var legacy: Command.Program { Command.Program(name + "-legacy") }
}
