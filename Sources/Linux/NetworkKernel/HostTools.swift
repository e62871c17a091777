package import LinuxSystem
import NetworkPlanning

/// The one door to the programs that read and change the network: `ip`, `bridge`, `nft`, `iptables`,
/// `conntrack`.
package enum HostTools {
    /// Longer than any of them takes, even for the tables of a large host, in milliseconds.
    private static let timeout = 30_000

    /// The Debian package of each program.
    private static let packages = [
        "ip": "iproute2", "bridge": "iproute2", "nft": "nftables", "iptables": "iptables",
        "ip6tables": "iptables", "iptables-save": "iptables", "ip6tables-save": "iptables",
        "iptables-restore": "iptables", "ip6tables-restore": "iptables",
        "conntrack": "conntrack",
    ]

    package static func isInstalled(_ program: String) -> Bool { ChildProcess.path(of: program) != nil }

    /// Runs `program` and returns what it printed.
    ///
    /// - Throws: Where it is missing, or ends otherwise than with exit status 0.
    @discardableResult
    package static func run(
        _ program: String, _ arguments: [String], input: String = ""
    ) throws(KernelError) -> [UInt8] {
        let result = try attempt(program, arguments, input: input)
        guard result.ending == .exit(status: 0) else {
            throw .failed(
                command: ([program] + arguments).joined(separator: " "), result.ending,
                errors: text(result.errors))
        }
        return result.output
    }

    /// Runs `program` to its end, whichever that is.
    package static func attempt(
        _ program: String, _ arguments: [String], input: String = ""
    ) throws(KernelError) -> ChildProcess.Result {
        guard let path = ChildProcess.path(of: program) else {
            throw .missingProgram(program, package: packages[program] ?? program)
        }
        do throws(Errno) {
            return try ChildProcess.run(path, arguments, input: Array(input.utf8), timeout: timeout)
        } catch {
            throw .system(what: "\(path) could not be started", error)
        }
    }

    /// What a program said on its error output, on as few lines as it needs.
    package static func text(_ octets: [UInt8]) -> String {
        String(decoding: octets, as: UTF8.self).split(separator: "\n").joined(separator: "\n  ")
    }
}
