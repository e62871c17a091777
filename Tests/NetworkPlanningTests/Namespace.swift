import Foundation
import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning

/// A network namespace of its own, in which a shell waits for commands; gone with the process.
final class Namespace {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    /// Nil if namespaces cannot be made (no root) or a program is missing.
    init?() {
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["timeout", "60", "unshare", "-n", "-m", "sh"]
        process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        guard (try? process.run()) != nil else { return nil }
        // Names of namespaces in it are its own.
        run("mkdir -p /run/netns && mount -t tmpfs none /run/netns")
        let check = "command -v ip && command -v nft && command -v bridge && ip link set lo up && echo usable"
        guard run(check).hasSuffix("usable\n") else {
            process.terminate()
            return nil
        }
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// What `script` printed, errors too.
    @discardableResult func run(_ script: String) -> String {
        let mark = "=== \(UUID().uuidString)\n"
        try? input.fileHandleForWriting.write(contentsOf: Data("\(script)\necho '\(mark.dropLast())'\n".utf8))
        var text = Data()
        while true {  // ends with the mark, or with the shell
            let part = output.fileHandleForReading.availableData
            text += part
            if part.isEmpty || text.suffix(mark.utf8.count) == Data(mark.utf8) { break }
        }
        return String(decoding: text.dropLast(mark.utf8.count), as: UTF8.self)
    }

    /// Runs the steps' commands, one by one as one types them.
    /// - Returns: What the programs had to say, which is nothing where all is well.
    func take(_ steps: [Step]) -> String {
        steps.flatMap(\.commands).map { command in
            if command.program == .conntrack { return "" }
            // A here document ends with its line: the next command must be on another one.
            let said = run("{ \(command.description)\n} >/dev/null")
            return said.isEmpty ? "" : "\(command): \(said)"
        }.joined()
    }

    /// What the kernel holds.
    func observe() throws -> HostState {
        func octets(_ command: String) -> [UInt8] { Array(run(command).utf8) }
        let names = try NetworkNamespace.read(names: octets("ip -j netns list"))
        let numbers = names.compactMap { name, number in number.map { ($0, name) } }
        var state = try observe(
            enter: "", ip: "ip", namespaces: Dictionary(numbers) { first, _ in first })
        state.namespaces = try names.map { name, _ in
            let content = try observe(enter: "ip netns exec \(name) ", ip: "ip -n \(name)", namespaces: [:])
            return NetworkNamespace(name: name, state: content)
        }
        return state
    }

    private func observe(enter: String, ip: String, namespaces: [Int: String]) throws -> HostState {
        func octets(_ command: String) -> [UInt8] {
            let text = command.hasPrefix("ip -") ? ip + command.dropFirst(2) : enter + command
            return Array(run(text).utf8)
        }
        return HostState(
            links: try Link.read(octets("ip -j -d link"), namespaces: namespaces),
            addresses: try InterfaceAddress.read(octets("ip -j addr")),
            routes: try Route.read(octets("ip -j -d -4 route show table all"), family: .v4)
                + Route.read(octets("ip -j -d -6 route show table all"), family: .v6),
            policyRules: try PolicyRule.read(octets("ip -j -d -4 rule"), family: .v4)
                + PolicyRule.read(octets("ip -j -d -6 rule"), family: .v6),
            neighbours: try Neighbour.read(octets("ip -j neigh")),
            forwardingEntries: try ForwardingEntry.read(octets("bridge -j fdb")),
            settings: KernelSetting.read(
                run(
                    enter + "sysctl net.ipv4.conf net.ipv6.conf net.ipv6.fib_multipath_hash_policy"
                        + " net.ipv6.fib_multipath_hash_fields 2>/dev/null")),
            tables: try FilterTable.read(ruleset: octets("nft -j list ruleset")),
            iptables: [
                IPTablesState(family: .v4, saved: enter.isEmpty ? run("iptables-save 2>/dev/null") : ""),
                IPTablesState(family: .v6, saved: enter.isEmpty ? run("ip6tables-save 2>/dev/null") : ""),
            ])
    }
}
