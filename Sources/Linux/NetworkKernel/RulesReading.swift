import IPAddressing
import JSON
import LinuxSystem
import NetworkModel

/// Reads the packet rules: ours completely, of all others those that packets of a path may pass.
///
/// kube-proxy alone has some ten rules for each service of a node's cluster: listing ten thousand of them
/// takes nft a second, and reading them takes this program as long again. So chains of NAT are left out where
/// a table has many, and tables of iptables are read as text. An explanation of a packet's way
/// reads them all.
struct RulesReading {
    /// True if all rules of NAT are read.
    private let isComplete: Bool

    /// The output of `nft -j list tables` and `list chains`: all tables, without rules.
    private let outline: [JSONValue]

    /// True for each family whose `iptables` manages tables of nft.
    private let isOverNFT: [AddressFamily: Bool]

    /// Lists all tables and chains.
    init(isComplete: Bool = false) throws {
        self.isComplete = isComplete
        outline = try Self.list(["tables"]) + Self.list(["chains"])
        var isOverNFT: [AddressFamily: Bool] = [:]
        for family in AddressFamily.allCases where HostTools.isInstalled(.iptables(family).save) {
            let version = try HostTools.run(Command(.iptables(family), ["--version"]))
            isOverNFT[family] = String(decoding: version, as: UTF8.self).contains("nf_tables")
        }
        self.isOverNFT = isOverNFT
    }

    /// Adds what is read to `state`.
    func read(into state: inout HostState) throws {
        state.tables = try FilterTable.read(
            items: Self.list(["table", "inet", .word(Ownership.table)], isTerse: true))
        var foreign = Set(outline.compactMap { TableName($0) })
        foreign.remove(TableName(family: .inet, name: Ownership.table))
        for family in AddressFamily.allCases {
            guard let isOverNFT = isOverNFT[family] else { continue }
            let firewall =
                try isOverNFT ? tables(of: family, among: &foreign) : legacyTables(of: family)
            state.iptables.append(firewall)
            guard isOverNFT, HostTools.isInstalled(.iptables(family).legacy.save) else { continue }
            let legacy = try legacyTables(of: family, isBesideNFT: true)
            if !legacy.chains.isEmpty { state.legacyTables.append(legacy) }
        }
        state.foreignItems = try foreign.sorted().flatMap {
            try ForeignTable($0, in: outline, isComplete: isComplete).items()
        }
    }

    /// What `nft -j list WHAT` prints; empty if it is not there, or gone since.
    ///
    /// - Parameter namespace: Nil for the one that this process is in.
    static func list(
        _ what: [Command.Argument], isTerse: Bool = false, in namespace: String? = nil
    ) throws -> [JSONValue] {
        let options = isTerse ? ["-j", "-t"] : ["-j"]
        let command = Command(.nft, ["list"] + what, options: options, in: namespace)
        let result = try HostTools.attempt(command)
        if result.ending == .exit(status: 0) { return try FilterTable.items(ruleset: result.output) }
        let errors = HostTools.text(result.errors)
        if errors.contains("No such file or directory") { return [] }
        throw KernelError.failed(command, result.ending, errors: errors)
    }

    // MARK: - iptables

    /// The tables that iptables keeps in nft, listed one by one, and only those that exist: older versions
    /// create the tables that they are asked to list.
    ///
    /// - Parameter foreign: The tables that iptables can list are removed from it.
    private func tables(of family: AddressFamily, among foreign: inout Set<TableName>) throws -> IPTablesState
    {
        var text: [UInt8] = []
        for name in ["raw", "mangle", "filter", "security", "nat"] {
            let table = TableName(family: family == .v4 ? .ip : .ip6, name: name)
            guard foreign.contains(table) else { continue }
            if name == "nat", !isComplete {
                foreign.remove(table)
                text += try postrouting(of: table, .iptables(family))
                continue
            }
            let result = try HostTools.attempt(Command(.iptables(family).save, ["-t", .word(name)]))
            // Deleted since, or with rules of nft that iptables cannot express.
            guard result.ending == .exit(status: 0), result.output.starts(with: Array("# Generated".utf8))
            else {
                continue
            }
            foreign.remove(table)
            text += result.output
        }
        return IPTablesState(family: family, saved: String(decoding: text, as: UTF8.self))
    }

    /// No rule of iptables drops in NAT, and kube-proxy has most of its rules there: only the chain that
    /// translates sources is read.
    private func postrouting(of table: TableName, _ program: Command.Program) throws -> [UInt8] {
        guard
            outline.contains(where: {
                $0["chain"]?["name"]?.string == "POSTROUTING" && TableName($0) == table
            })
        else { return [] }
        let result = try HostTools.attempt(Command(program, ["-t", "nat", "-S", "POSTROUTING"]))
        guard result.ending == .exit(status: 0) else { return [] }
        var text = "*nat\n"
        for line in String(decoding: result.output, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            text += words.first == "-P" && words.count == 3 ? ":POSTROUTING \(words[2]) [0:0]\n" : "\(line)\n"
        }
        return Array(text.utf8)
    }

    /// The tables of legacy iptables. A listing would create missing ones, so the kernel's list of them is
    /// read first.
    ///
    /// - Parameter isBesideNFT: True if `iptables` itself manages tables of nft.
    private func legacyTables(
        of family: AddressFamily, isBesideNFT: Bool = false
    ) throws -> IPTablesState {
        let program = Command.Program.iptables(family)
        let save = isBesideNFT ? program.legacy.save : program.save
        let names = family == .v4 ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names"
        var state = IPTablesState(family: family, isLegacy: isBesideNFT)
        let present: String
        do throws(Errno) {
            present = String(decoding: try FileContents.read(names), as: UTF8.self)
        } catch {
            return state
        }
        for name in present.split(separator: "\n").map({ String($0) }) {
            let output = try HostTools.run(Command(save, ["-t", .word(name)]))
            let part =
                name == "nat" && !isComplete
                ? IPTablesState(family: family, saved: output, chains: ["POSTROUTING"])
                : IPTablesState(family: family, saved: String(decoding: output, as: UTF8.self))
            state.chains += part.chains
        }
        return state
    }
}

/// The key of a table of nft.
struct TableName: Hashable, Comparable {
    /// The table's family.
    let family: FilterFamily
    /// The table's name.
    let name: String

    /// Creates a key.
    init(family: FilterFamily, name: String) {
        self.family = family
        self.name = name
    }

    /// The table that an item of a listing is or is in; nil for other items.
    init?(_ item: JSONValue) {
        guard let (kind, value) = item.onlyMember, let family = value["family"]?.string,
            let known = FilterFamily(rawValue: family),
            let name = value[kind == "table" ? "name" : "table"]?.string
        else { return nil }
        self.init(family: known, name: name)
    }

    /// Orders by family, then by name.
    static func < (left: TableName, right: TableName) -> Bool {
        (left.family.rawValue, left.name) < (right.family.rawValue, right.name)
    }
}
