package import LinuxSystem
package import NetworkModel

/// The one door to the programs that read and change the network: `ip`, `bridge`, `nft`, `iptables`,
/// `conntrack`.
package enum HostTools {
    /// Longer than any of them takes, even for the tables of a large host, in milliseconds.
    private static let timeout = 30_000

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

    /// Runs `command` to its end, whichever that is.
    package static func attempt(_ command: Command) throws(KernelError) -> ChildProcess.Result {
        // In a namespace another program may have to start it.
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

    /// What a program said on its error output, on as few lines as it needs.
    package static func text(_ octets: [UInt8]) -> String {
        String(decoding: octets, as: UTF8.self).split(separator: "\n").joined(separator: "\n  ")
    }
}

extension Command.Program {
    /// The Debian package that it is in.
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

    /// The program of the same package that takes what `save` prints.
    var restore: Command.Program { Command.Program(name + "-restore") }

    /// The same for the tables that were there before nftables.
    var legacy: Command.Program { Command.Program(name + "-legacy") }
}
