import IPAddressing
import NetworkModel

/// Parses one table of `iptables-save`.
enum IPTablesReader {
    /// The tables of one family, in the order in which the kernel calls them at the same priority.
    static func tables(of state: IPTablesState) -> [RuleTable] {
        var tables: [RuleTable] = []
        let owner = RuleOwner.iptables(program: state.program)
        for chain in state.chains {
            let index: Int
            if let known = tables.firstIndex(where: { $0.name == chain.table }) {
                index = known
            } else {
                index = tables.count
                tables.append(
                    RuleTable(family: state.family == .v4 ? .ip : .ip6, name: chain.table, owner: owner))
            }
            var rules: [PacketRule] = []
            rules.reserveCapacity(chain.rules.count)
            for (offset, rule) in chain.rules.enumerated() {
                rules.append(PacketRule(rule, number: offset + 1))
            }
            tables[index].chains[chain.name] = RuleChain(
                name: chain.name, hook: chain.policy.flatMap { hook(chain, policy: $0) }, rules: rules)
        }
        return tables
    }

    /// The hook of the chain, given by its name and its table (iptables(8)).
    private static func hook(_ chain: IPTablesChain, policy: String) -> RuleHook? {
        let points: [String: FilterHook.HookPoint] = [
            "PREROUTING": .prerouting, "INPUT": .input, "FORWARD": .forward, "OUTPUT": .output,
            "POSTROUTING": .postrouting,
        ]
        guard let point = points[chain.name] else { return nil }
        let priorities = ["raw": -300, "mangle": -150, "filter": 0, "security": 50]
        let isSource = point == .input || point == .postrouting
        return RuleHook(
            isNAT: chain.table == "nat", point: point,
            priority: priorities[chain.table] ?? (isSource ? 100 : -100), acceptsByDefault: policy != "DROP")
    }
}

extension PacketRule {
    init(_ rule: IPTablesRule, number: Int) {
        var reader = IPTablesWords(rule.words)
        statements = reader.statements()
        self.number = number
        isOurs = rule.isOurs
        text = { "-A \(rule)" }
    }
}

/// Parses the words of one rule.
private struct IPTablesWords {
    /// The words after the chain's name.
    private let words: [String]
    /// Index of the next word.
    private var position = 0

    /// The module that the next options belong to: two modules have `--mark`.
    private var module = ""

    /// The options of the match `rpfilter`, which becomes a condition at its end.
    private var reversePath: (isLoose: Bool, heedsMark: Bool, isInverted: Bool)?
    /// The statements so far.
    private var found: [Statement] = []

    init(_ words: [String]) { self.words = words }

    /// Each turn takes at least one word, so the loop ends with the rule.
    mutating func statements() -> [Statement] {
        var verdict: [Statement] = []
        while position < words.count {
            var option = take()
            let isNegated = option == "!"
            if isNegated { option = take() }
            if option == "-j" || option == "-g" {
                verdict = target(isGoto: option == "-g")
                break
            }
            guard option == "-m" else {
                read(option, isNegated)
                continue
            }
            module = take()
            if module == "rpfilter" { reversePath = (false, false, false) }
        }
        if let reversePath {
            add(
                .reversePath(reversePath.isLoose ? .loose : .strict, heedsMark: reversePath.heedsMark),
                [.word(reversePath.isInverted ? "missing" : "exists")], isNegated: false)
        }
        return found + verdict
    }

    /// The next word; empty at the end.
    private mutating func take() -> String {
        guard position < words.count else { return "" }
        position += 1
        return words[position - 1]
    }

    /// Adds a condition on one key.
    private mutating func add(_ key: PacketKey, _ patterns: [Pattern], isNegated: Bool) {
        let elements = patterns.map { RuleSet.Element(patterns: [$0]) }
        found.append(.condition(Condition(keys: [key], set: .elements(elements), isNegated: isNegated)))
    }

    // MARK: Conditions

    /// Parses an option and its values.
    private mutating func read(_ option: String, _ isNegated: Bool) {
        switch option {
        case "-s": add(.address(.source, nil), [Self.prefix(take())], isNegated: isNegated)
        case "-d": add(.address(.destination, nil), [Self.prefix(take())], isNegated: isNegated)
        case "-i": add(.device(.incoming), [Self.device(take())], isNegated: isNegated)
        case "-o": add(.device(.outgoing), [Self.device(take())], isNegated: isNegated)
        case "-p":
            let name = take()
            if name != "all", name != "0" {
                add(.transport, [.word(Transport.name(name))], isNegated: isNegated)
            }
        case "--dport", "--dports":
            add(.port(.destination, transport: nil), Self.ports(take()), isNegated: isNegated)
        case "--sport", "--sports":
            add(.port(.source, transport: nil), Self.ports(take()), isNegated: isNegated)
        case "--tcp-flags":
            let (mask, value) = (Self.flags(take()), Self.flags(take()))
            add(.flags(mask: mask), [.numbers(UInt64(value)...UInt64(value))], isNegated: isNegated)
        case "--syn": add(.flags(mask: 0x17), [.numbers(2...2)], isNegated: isNegated)
        case "--mark":
            let (value, mask) = Self.marks(take())
            let pattern: Pattern = .numbers(UInt64(value)...UInt64(value))
            add(.mark(mask: mask, isOfConnection: module == "connmark"), [pattern], isNegated: isNegated)
        case "--comment": _ = take()
        case "--icmp-type", "--icmpv6-type":
            let family: AddressFamily = option == "--icmp-type" ? .v4 : .v6
            add(.messageType(family), [Self.messageType(take())], isNegated: isNegated)
        case "--src-range", "--dst-range":
            let side: PacketKey.Side = option == "--src-range" ? .source : .destination
            add(.address(side, nil), [Self.range(take())], isNegated: isNegated)
        case "--src-type": add(.addressType(.source), Self.types(take()), isNegated: isNegated)
        case "--dst-type": add(.addressType(.destination), Self.types(take()), isNegated: isNegated)
        case "--pkt-type":
            add(.packetType, [.word(take() == "unicast" ? "host" : "other")], isNegated: isNegated)
        default: readModule(option, isNegated)
        }
    }

    /// Parses an option of a module.
    private mutating func readModule(_ option: String, _ isNegated: Bool) {
        switch (module, option) {
        case ("conntrack", "--ctstate"), ("state", "--state"):
            let states = take().lowercased().split(separator: ",").map { String($0) }
            let status = states.filter { ["snat", "dnat"].contains($0) }
            if status.isEmpty {
                add(.connection(.state), states.map { .word($0) }, isNegated: isNegated)
            } else {
                add(.connection(.status), status.map { .word($0) }, isNegated: isNegated)
            }
        case ("conntrack", "--ctstatus"):
            let words = take().lowercased().split(separator: ",").map { String($0) }
            add(
                .connection(.status), words.map { .word($0 == "seen_reply" ? "seen-reply" : $0) },
                isNegated: isNegated)
        case ("conntrack", "--ctorigsrc"):
            add(.originalAddress(.source), [Self.prefix(take())], isNegated: isNegated)
        case ("conntrack", "--ctorigdst"):
            add(.originalAddress(.destination), [Self.prefix(take())], isNegated: isNegated)
        case ("conntrack", "--ctorigdstport"):
            add(.originalPort(.destination), Self.ports(take()), isNegated: isNegated)
        case ("conntrack", "--ctdir"):
            add(.connection(.direction), [.word(take().lowercased())], isNegated: isNegated)
        case ("nfacct", _): skipValues()
        case ("statistic", "--mode"):
            skipValues()
            found.append(
                .condition(
                    Condition(keys: [.random], set: .elements([RuleSet.Element(patterns: [.any])]))))
        case ("statistic", _): skipValues()
        case ("rpfilter", "--loose"): reversePath?.isLoose = true
        case ("rpfilter", "--validmark"): reversePath?.heedsMark = true
        case ("rpfilter", "--invert"): reversePath?.isInverted = true
        case ("rpfilter", "--accept-local"): break
        case ("physdev", "--physdev-is-bridged"):
            // A routed packet crosses no bridge.
            if !isNegated { found.append(.condition(.never)) }
        case ("limit", _), ("hashlimit", "--hashlimit-upto"), ("connlimit", "--connlimit-upto"):
            // Limits apply to excessive traffic: the packets of an ordinary flow are below every limit.
            skipValues()
        case ("hashlimit", "--hashlimit-above"), ("connlimit", "--connlimit-above"):
            skipValues()
            found.append(.condition(.never))
        case ("hashlimit", _), ("connlimit", _): skipValues()
        default:
            let start = position - 1
            skipValues()
            found.append(.condition(.unknown(words[max(0, start)..<position].joined(separator: " "))))
        }
    }

    /// Skips words up to the next option.
    private mutating func skipValues() {
        while position < words.count, !words[position].hasPrefix("-"), words[position] != "!" {
            position += 1
        }
    }

    // MARK: Targets

    /// Parses a target and its options.
    private mutating func target(isGoto: Bool) -> [Statement] {
        let name = take()
        if isGoto { return [.verdict(.goto(name))] }
        switch name {
        case "ACCEPT": return [.verdict(.accept)]
        case "DROP", "REJECT": return [.verdict(.drop)]
        case "RETURN": return [.verdict(.return)]
        case "MASQUERADE", "SNAT", "DNAT", "REDIRECT", "NETMAP":
            return Translation(target: name, words[position...]).map { [.verdict(.translate($0))] } ?? []
        case "NFQUEUE", "QUEUE", "TPROXY", "SYNPROXY", "STEAL": return [.verdict(.undecided(name))]
        case "MARK", "CONNMARK": return [markChange(isOfConnection: name == "CONNMARK")]
        case "NOTRACK": return [.untrack]
        case "CT": return words[position...].contains("--notrack") ? [.untrack] : [.nothing]
        case "LOG", "NFLOG", "ULOG", "TRACE", "TCPMSS", "CHECKSUM", "CLASSIFY", "SET", "TTL", "HL", "DSCP",
            "TOS", "ECN", "TEE", "AUDIT", "SECMARK", "CONNSECMARK", "LED", "RATEEST", "TCPOPTSTRIP",
            "IDLETIMER":
            return [.nothing]
        default: return [.verdict(.jump(name))]
        }
    }

    /// Parses the options of MARK and CONNMARK.
    private mutating func markChange(isOfConnection: Bool) -> Statement {
        let option = take()
        switch option {
        case "--set-xmark", "--set-mark":
            let (value, mask) = Self.marks(take())
            let keep = option == "--set-xmark" ? ~mask : ~(mask | value)
            return .mark(.bits(keep: keep, change: value), isOfConnection: isOfConnection)
        case "--and-mark":
            return .mark(.bits(keep: Self.marks(take()).0, change: 0), isOfConnection: isOfConnection)
        case "--or-mark":
            let value = Self.marks(take()).0
            return .mark(.bits(keep: ~value, change: value), isOfConnection: isOfConnection)
        case "--save-mark", "--restore-mark":
            var (ours, theirs) = (UInt32.max, UInt32.max)
            while position < words.count {  // each turn takes a word
                switch take() {
                case "--nfmask": ours = Self.marks(take()).0
                case "--ctmask": theirs = Self.marks(take()).0
                case "--mask":
                    ours = Self.marks(take()).0
                    theirs = ours
                default: break
                }
            }
            let change: MarkChange = ours == theirs ? .copy(mask: ours) : .unknown
            return .mark(change, isOfConnection: option == "--save-mark")
        default: return .mark(.unknown, isOfConnection: isOfConnection)
        }
    }

    // MARK: Values

    /// The pattern of a prefix.
    private static func prefix(_ text: String) -> Pattern {
        guard let prefix = try? IPPrefix(parsing: text) else { return .unknown }
        return .prefix(prefix)
    }

    /// A name that ends in `+` matches any rest.
    private static func device(_ text: String) -> Pattern {
        .word(text.hasSuffix("+") ? text.dropLast() + "*" : text)
    }

    /// The pattern of a range of addresses or a single one.
    private static func range(_ text: String) -> Pattern {
        let ends = text.split(separator: "-").map { IPAddress($0) }
        guard ends.count == 2, let first = ends[0], let last = ends[1], first.family == last.family,
            first <= last
        else { return .unknown }
        return .addresses(first...last)
    }

    /// As `80,443,8000:8100`.
    private static func ports(_ text: String) -> [Pattern] {
        text.split(separator: ",").map { part in
            let ends = part.split(separator: ":", omittingEmptySubsequences: false)
            let first = ends.first.map { $0.isEmpty ? 0 : UInt64($0) } ?? nil
            let last = ends.last.map { $0.isEmpty ? 65_535 : UInt64($0) } ?? nil
            guard let first, let last, first <= last else { return .unknown }
            return .numbers(first...last)
        }
    }

    /// The pattern of an address type list.
    private static func types(_ text: String) -> [Pattern] {
        text.lowercased().split(separator: ",").map { .word(String($0)) }
    }

    /// The bits of TCP flags.
    private static func flags(_ text: String) -> Int {
        if text == "ALL" { return 0x3F }
        return text.lowercased().split(separator: ",").reduce(0) { $0 | (Transport.flags[String($1)] ?? 0) }
    }

    /// A type of ICMP, as in `8`, `8/0`, `echo-request` or `any`. Echo messages have code 0.
    private static func messageType(_ text: String) -> Pattern {
        guard text != "any" else { return .any }
        let parts = text.split(separator: "/")
        return parts.count == 2 && parts[1] != "0" ? .word("") : .word(String(parts.first ?? ""))
    }

    /// As `0x10/0xff`; the mask is all bits if it is left out.
    private static func marks(_ text: String) -> (UInt32, UInt32) {
        let parts = text.split(separator: "/").map { part in
            part.hasPrefix("0x") ? UInt32(part.dropFirst(2), radix: 16) : UInt32(part)
        }
        guard let first = parts.first, let value = first else { return (0, 0) }
        return (value, parts.count > 1 ? parts[1] ?? .max : .max)
    }
}
