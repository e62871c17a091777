package import IPAddressing

/// One family's foreign chains as `iptables-save` or `ip6tables-save` lists them.
package struct IPTablesState: Hashable, Sendable {
    /// The family.
    package var family: AddressFamily
    /// The chains in order.
    package var chains: [IPTablesChain]

    /// True for the older tables beside nftables, which `iptables-legacy` manages.
    package var isLegacy: Bool

    /// Creates a state of iptables.
    package init(family: AddressFamily, chains: [IPTablesChain] = [], isLegacy: Bool = false) {
        self.family = family
        self.chains = chains
        self.isLegacy = isLegacy
    }

    /// The program that manages it if the host has both.
    package var program: String { (family == .v4 ? "iptables" : "ip6tables") + (isLegacy ? "-legacy" : "") }

    /// The chain `name` of `table`; nil if there is none.
    package func chain(_ name: String, of table: String) -> IPTablesChain? {
        chains.first { $0.name == name && $0.table == table }
    }

    /// Every rule, in order.
    package var rules: [IPTablesRule] { chains.flatMap(\.rules) }
}

/// A chain of iptables.
package struct IPTablesChain: Hashable, Sendable {
    /// As `filter`, `nat`.
    package var table: String
    /// The name, unique in the table.
    package var name: String

    /// `ACCEPT` or `DROP`; nil for a chain that is no hook's.
    package var policy: String?
    /// The rules in order.
    package var rules: [IPTablesRule]

    /// Creates a chain of iptables.
    package init(table: String, name: String, policy: String? = nil, rules: [IPTablesRule] = []) {
        self.table = table
        self.name = name
        self.policy = policy
        self.rules = rules
    }
}

/// A rule of iptables. Its comment says if it is ours; another program made it otherwise.
package struct IPTablesRule: Hashable, Sendable {
    /// The family.
    package var family: AddressFamily
    /// The table.
    package var table: String
    /// The chain.
    package var chain: String

    /// All words after the chain's name, without quotation marks.
    package var words: [String]

    /// Creates a rule of iptables.
    package init(family: AddressFamily, table: String, chain: String, words: [String]) {
        self.family = family
        self.table = table
        self.chain = chain
        self.words = words
    }

    /// The prefix of `-s`.
    package var source: IPPrefix? { prefix(after: "-s") }
    /// The prefix of `-d`.
    package var destination: IPPrefix? { prefix(after: "-d") }
    /// The target of `-j`.
    package var target: String? { word(after: "-j") }
    /// The text of `--comment`.
    package var comment: String? { word(after: "--comment") }
    /// True if its comment says that we made it.
    package var isOurs: Bool { comment?.hasPrefix(Ownership.tag) == true }

    /// The word after `option`; nil if there is none or if it is negated.
    package func word(after option: String) -> String? {
        guard let index = words.firstIndex(of: option), index + 1 < words.count else { return nil }
        if index > 0, words[index - 1] == "!" { return nil }
        return words[index + 1]
    }

    /// The prefix after `option`.
    private func prefix(after option: String) -> IPPrefix? {
        guard let text = word(after: option) else { return nil }
        return try? IPPrefix(parsing: text)
    }
}

extension IPTablesRule: CommandObject {
    /// As `iptables` takes it after `-A`, `-I` or `-D`, and as a file of `iptables-restore` has it.
    package func write(to writer: inout some ArgumentWriter) {
        writer.add(chain)
        for word in words { writer.add(word) }
    }

    /// The program that manages it.
    package var program: Command.Program { .iptables(family) }
}

extension IPTablesState {
    /// Parses the output of `iptables-save`; unknown lines are skipped.
    package init(family: AddressFamily, saved text: String, isLegacy: Bool = false) {
        self.init(family: family, isLegacy: isLegacy)
        var table = ""
        var index: [String: Int] = [:]
        for line in text.split(separator: "\n") {
            if line.hasPrefix("*") {
                table = String(line.dropFirst())
                index = [:]
            } else if line.hasPrefix(":") {
                let parts = line.dropFirst().split(separator: " ")
                guard parts.count >= 2 else { continue }
                index[String(parts[0])] = chains.count
                let policy = parts[1] == "-" ? nil : String(parts[1])
                chains.append(IPTablesChain(table: table, name: String(parts[0]), policy: policy))
            } else if line.hasPrefix("-A ") {
                let words = Self.words(of: line.dropFirst(3))
                guard let name = words.first, let position = index[name] else { continue }
                chains[position].rules.append(
                    IPTablesRule(family: family, table: table, chain: name, words: Array(words.dropFirst())))
            }
        }
    }

    /// Parses only the chains of these names in the output of `iptables-save`, which on a node has megabytes.
    package init(family: AddressFamily, saved text: [UInt8], chains names: Set<String>) {
        let names = names.map { Array($0.utf8) }
        var rest: [UInt8] = []
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let start = line.first == UInt8(ascii: "-") ? line.dropFirst(3) : line.dropFirst()
            let name = start.prefix { $0 != UInt8(ascii: " ") }
            let isTable = line.first == UInt8(ascii: "*")
            guard isTable || names.contains(where: name.elementsEqual) else { continue }
            rest += line
            rest.append(UInt8(ascii: "\n"))
        }
        self.init(family: family, saved: String(decoding: rest, as: UTF8.self))
    }

    /// Splits at spaces outside of quotation marks; a backslash takes the next character as it is.
    package static func words(of line: Substring) -> [String] {
        var words: [String] = []
        var word: [UInt8] = []
        var isInWord = false
        var isQuoted = false
        var isEscaped = false
        for octet in line.utf8 {
            switch octet {
            case _ where isEscaped:
                word.append(octet)
                isEscaped = false
            case UInt8(ascii: "\\"):
                isEscaped = true
                isInWord = true
            case UInt8(ascii: "\""):
                isQuoted.toggle()
                isInWord = true
            case UInt8(ascii: " ") where !isQuoted:
                if isInWord { words.append(String(decoding: word, as: UTF8.self)) }
                word.removeAll(keepingCapacity: true)
                isInWord = false
            default:
                word.append(octet)
                isInWord = true
            }
        }
        if isInWord { words.append(String(decoding: word, as: UTF8.self)) }
        return words
    }
}
