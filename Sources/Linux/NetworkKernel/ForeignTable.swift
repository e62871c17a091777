import JSON
import LinuxSystem
import NetworkModel

/// Reads the part of one foreign table that packets may traverse: the chains that the kernel calls, the
/// chains that jumps lead to from there, and the sets that their rules use.
struct ForeignTable {
    private let name: TableName

    /// The items of the outline that are this table and its chains.
    private let outline: [JSONValue]

    /// In a larger table, chains of NAT are not read: they only translate addresses.
    private static let mostChainsOfNAT = 100

    /// Not valid flags: nft up to 1.0.6 prints arbitrary text in place of a table's flags.
    private static let knownFlags: Set<String> = ["dormant", "owner", "persist"]

    /// True if all chains of NAT are read.
    private let isComplete: Bool

    init(_ name: TableName, in outline: [JSONValue], isComplete: Bool = false) {
        self.name = name
        self.isComplete = isComplete
        self.outline = outline.filter { TableName($0) == name }
    }

    /// The table's family and name, as arguments of nft.
    private var words: [Command.Argument] { [.word(name.family.rawValue), .word(name.name)] }

    /// The listing of `nft -j` for it; chains and sets that are not read are marked as such.
    func items() throws -> [JSONValue] {
        let chains = outline.compactMap { $0["chain"] }
        let known = Set(chains.compactMap { $0["name"]?.string })
        let roots = chains.filter { Self.isCalled($0, among: isComplete ? 0 : chains.count) }.compactMap {
            $0["name"]?.string
        }
        guard !roots.isEmpty else { return [] }
        let table = try table()
        guard table["table"]?["flags"] != .array([.string("dormant")]) else { return [] }
        var (rules, waiting, read): ([JSONValue], [String], Set<String>) = ([], roots, [])
        while !waiting.isEmpty {  // each turn reads chains that no turn has read
            read.formUnion(waiting)
            let level = try self.rules(of: waiting)
            rules += level
            waiting = Set(level.flatMap { Self.targets($0) }).intersection(known).subtracting(read).sorted()
            guard waiting.isEmpty else { continue }
            let maps = try sets(rules)
            waiting = Set(maps.flatMap { Self.targets($0) }).intersection(known).subtracting(read).sorted()
            if waiting.isEmpty { return [table] + mark(chains, read) + maps + rules }
        }
        return []
    }

    /// True for a base chain that may decide on routed packets.
    private static func isCalled(_ chain: JSONValue, among count: Int) -> Bool {
        guard let hook = chain["hook"]?.string, FilterHook.HookPoint(rawValue: hook) != nil else {
            return false
        }
        guard chain["family"]?.string != "bridge", chain["family"]?.string != "arp" else { return false }
        return chain["type"]?.string != "nat" || count <= mostChainsOfNAT
    }

    /// The chains, those without read rules marked as such.
    private func mark(_ chains: [JSONValue], _ read: Set<String>) -> [JSONValue] {
        chains.map { chain in
            var members = chain.members ?? []
            let isNAT = chain["type"]?.string == "nat"
            // A base chain of NAT that is not read counts as a chain without rules.
            if !isNAT, !read.contains(chain["name"]?.string ?? "") {
                members.append(("unread", .boolean(true)))
            }
            return .object(["chain": .object(members)])
        }
    }

    /// The table with its flags as words.
    private func table() throws -> JSONValue {
        guard let item = outline.first(where: { $0["table"] != nil }), let table = item["table"] else {
            return .object([
                "table": .object(["family": .string(name.family.rawValue), "name": .string(name.name)])
            ])
        }
        let flags = table["flags"]?.elements ?? table["flags"].map { [$0] } ?? []
        guard
            !flags.allSatisfy({ Self.knownFlags.contains($0.string ?? "") }) || flags == [.string("dormant")]
        else {
            return item
        }
        let text = String(
            decoding: try HostTools.run(Command(.nft, ["list", "table"] + words, options: ["-t"])),
            as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.contains("flags ") && !$0.contains("type ") }
        let isDormant = line?.contains("dormant") == true
        var members = (table.members ?? []).filter { $0.key != "flags" }
        if isDormant { members.append(("flags", .array([.string("dormant")]))) }
        return .object(["table": .object(members)])
    }

    /// The elements of the sets and maps that rules use.
    private func sets(_ rules: [JSONValue]) throws -> [JSONValue] {
        let names = Set(rules.flatMap { Self.references($0) })
        guard !names.isEmpty else { return [] }
        let all = try RulesReading.list(["sets"], isTerse: true) + RulesReading.list(["maps"], isTerse: true)
        let declared = all.filter { item in
            guard let (kind, value) = item.onlyMember, kind == "set" || kind == "map" else { return false }
            return TableName(item) == name && names.contains(value["name"]?.string ?? "")
        }
        return declared.map { item in
            guard let (kind, value) = item.onlyMember, let name = value["name"]?.string else { return item }
            do throws(KernelError) {
                let items = try read([.word(kind)] + words + [.word(name)])
                return items.first { $0[kind] != nil } ?? item
            } catch {
                var members = value.members ?? []
                members.append(("unread", .boolean(true)))
                return .object([kind: .object(members)])
            }
        }
    }

    /// - Throws: Also if there are too many elements to read.
    private func read(_ what: [Command.Argument]) throws(KernelError) -> [JSONValue] {
        let output = try HostTools.run(Command(.nft, ["list"] + what, options: ["-j"]))
        do throws(ReadingError) { return try FilterTable.items(ruleset: output) } catch {
            throw .unreadable(error)
        }
    }

    /// The rules of these chains, each listed by its own call: a call for several lists the first only (nft
    /// 1.0.6). Many chains are read faster by listing the whole table.
    private func rules(of chains: [String]) throws -> [JSONValue] {
        let items =
            chains.count > Self.mostCalls
            ? try RulesReading.list(["table"] + words, isTerse: true)
            : try chains.flatMap { try RulesReading.list(["chain"] + words + [.word($0)]) }
        let names = Set(chains)
        return items.filter { names.contains($0["rule"]?["chain"]?.string ?? "") }
    }

    /// The most calls for single chains.
    private static let mostCalls = 20

    // MARK: - References of rules

    /// The chains that jumps and gotos lead to, in verdict maps as well.
    private static func targets(_ json: JSONValue) -> [String] {
        switch json {
        case .array(let elements): elements.flatMap { targets($0) }
        case .object(let members):
            members.flatMap { key, value -> [String] in
                if key == "jump" || key == "goto", let target = value["target"]?.string { return [target] }
                return targets(value)
            }
        default: []
        }
    }

    /// The named sets and maps: `@NAME`.
    private static func references(_ json: JSONValue) -> [String] {
        switch json {
        case .string(let text): text.hasPrefix("@") ? [String(text.dropFirst())] : []
        case .array(let elements): elements.flatMap { references($0) }
        case .object(let members): members.flatMap { references($0.value) }
        default: []
        }
    }
}
