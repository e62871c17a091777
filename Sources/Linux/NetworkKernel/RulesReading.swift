import IPAddressing
import LinuxSystem
import NetworkModel
import NetworkPlanning

/// Reads the rules of packets: ours whole, of all others only the chains that may stand in the way of a path.
///
/// kube-proxy alone has some ten rules for each service of a node's cluster: listing all of them takes nft a
/// second for ten thousand, and this program as long again.
struct RulesReading {
    /// All chains of the host, without their rules.
    private let outline: [FilterTable]

    init() throws {
        outline = try FilterTable.read(ruleset: HostTools.run("nft", ["-j", "list", "chains"]))
    }

    /// Our table, and those of others that have chains of forwarded packets: with these chains' rules, and
    /// with those of all chains where one of them drops.
    func tables() throws -> [FilterTable] {
        let ours = try Self.list(["table", "inet", Ownership.table])
        let others = try outline.compactMap { table -> FilterTable? in
            guard !table.isOurs, !table.isOfIPTables, table.chains.contains(where: \.filtersForwarded) else {
                return nil
            }
            return try Self.readForwardedPart(of: table)
        }
        return ours + others
    }

    private static func readForwardedPart(of table: FilterTable) throws -> FilterTable {
        var table = table
        let name = [table.family.rawValue, table.name]
        for index in table.chains.indices where table.chains[index].filtersForwarded {
            let chain = table.chains[index].name
            let found = try list(["chain"] + name + [chain]).first?.chains.first { $0.name == chain }
            if let found { table.chains[index] = found }
        }
        guard table.chains.contains(where: \.dropsForwarded) else { return table }
        return try list(["table"] + name).first ?? table
    }

    /// What `nft list` says of one table or chain, without the elements of its sets; empty where it is not
    /// there, or gone since.
    private static func list(_ object: [String]) throws -> [FilterTable] {
        let result = try HostTools.attempt("nft", ["-j", "-t", "list"] + object)
        if result.ending == .exit(status: 0) { return try FilterTable.read(ruleset: result.output) }
        let errors = HostTools.text(result.errors)
        if errors.contains("No such file or directory") { return [] }
        throw KernelError.failed(
            command: "nft -j -t list " + object.joined(separator: " "), result.ending, errors: errors)
    }

    // MARK: - iptables

    /// Its chains that rules of ours are in, or rules by hand that do the same as ours.
    func firewall(_ family: AddressFamily) throws -> [IPTablesState] {
        let program = family == .v4 ? "iptables" : "ip6tables"
        guard HostTools.isInstalled("\(program)-save") else { return [] }
        let version = String(decoding: try HostTools.run(program, ["--version"]), as: UTF8.self)
        let text =
            if version.contains("nf_tables") { try namedChains(program, family) } else {
                // Over legacy tables a listing would make those that are not there; this makes none.
                try HostTools.run("\(program)-save", [])
            }
        return [IPTablesState(family: family, saved: text, chains: Set(Self.chains.map(\.name)))]
    }

    private static let chains = [
        (table: "filter", name: "DOCKER-USER"), (table: "filter", name: "FORWARD"),
        (table: "nat", name: "POSTROUTING"),
    ]

    /// As `iptables-save` writes them, asked for one by one, and only those that are there: older versions
    /// make the tables that they are asked for.
    private func namedChains(_ program: String, _ family: AddressFamily) throws -> [UInt8] {
        var text = ""
        for (table, chain) in Self.chains where isThere(chain, table, family) {
            let result = try HostTools.attempt(program, ["-t", table, "-S", chain])
            // Gone since, or made with nft in a way that iptables has no words for.
            guard result.ending == .exit(status: 0) else { continue }
            text += "*\(table)\n"
            for line in String(decoding: result.output, as: UTF8.self).split(separator: "\n") {
                let words = line.split(separator: " ")
                switch words.first {
                case "-P" where words.count == 3: text += ":\(chain) \(words[2]) [0:0]\n"
                case "-N": text += ":\(chain) - [0:0]\n"
                default: text += "\(line)\n"
                }
            }
        }
        return Array(text.utf8)
    }

    private func isThere(_ chain: String, _ table: String, _ family: AddressFamily) -> Bool {
        let tables = outline.filter { $0.name == table && $0.family == (family == .v4 ? .ip : .ip6) }
        return tables.contains { $0.chains.contains { $0.name == chain } }
    }
}
