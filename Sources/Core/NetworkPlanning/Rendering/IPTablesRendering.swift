import IPAddressing
import Inventory
import NetworkModel

/// The rules of the plan in the syntax of iptables, for hosts without our table: each is added once, at the
/// front of its chain, since a rule after a site's ACCEPT has no effect.
struct IPTablesRendering {
    /// The plan.
    private let plan: HostPlan

    /// The rendering of `plan`.
    init(_ plan: HostPlan) { self.plan = plan }

    /// The text.
    var text: String {
        let rules = rules
        guard !rules.isEmpty else { return "" }
        return "#!/bin/sh\n# \(plan.host.place)/\(plan.host.host.name)\nset -e\n" + Self.function + rules
    }

    /// The commands alone.
    var rules: String {
        var lines: [String] = []
        for chain in plan.table.chains {
            for rule in chain.rules.reversed() { lines += Self.commands(for: rule) }
        }
        for accept in plan.accepts.reversed() {
            lines.append(Self.once(accept.value.rule(in: "FORWARD", because: accept.because)))
        }
        var seen: Set<String> = []
        return lines.filter { seen.insert($0).inserted }.map { $0 + "\n" }.joined()
    }

    /// Adds a rule at the front of its chain unless it is there; what the commands call.
    static let function = """
        once() {
            program=$1 table=$2; shift 2
            "$program" -w 5 -t "$table" -C "$@" 2>/dev/null || "$program" -w 5 -t "$table" -I "$@"
        }

        """

    /// The command that adds `rule` once.
    private static func once(_ rule: IPTablesRule) -> String { "once \(rule.program) \(rule.table) \(rule)" }

    /// One command for each pair of prefixes; none for a rule that only counts.
    private static func commands(for rule: FilterRule) -> [String] {
        guard let (table, chain, target) = place(of: rule.action, family: rule.family) else { return [] }
        var alternatives: [[String]] = [[]]
        // Addresses stand first, as iptables lists them.
        let others = rule.matches.filter { $0 != .synchronize }
        for match in others + rule.matches.filter({ $0 == .synchronize }) {
            let options = words(for: match)
            alternatives = alternatives.flatMap { words in options.map { words + $0 } }
        }
        let comment = ["-m", "comment", "--comment", Ownership.tag + (rule.comment ?? "")]
        // A rule without addresses is for both families.
        let families = rule.family.map { [$0] } ?? AddressFamily.allCases
        return families.flatMap { family in
            alternatives.map { words in
                once(
                    IPTablesRule(family: family, table: table, chain: chain, words: words + comment + target))
            }
        }
    }

    /// The table and chain of a rule.
    private static func place(
        of action: FilterAction, family: AddressFamily?
    ) -> (table: String, chain: String, target: [String])? {
        switch action {
        case .masquerade: ("nat", "POSTROUTING", ["-j", "MASQUERADE", "--random-fully"])
        case .sourceTranslation(let address, _):
            ("nat", "POSTROUTING", ["-j", "SNAT", "--to-source", address.description, "--random-fully"])
        case .clampSegmentSize: ("mangle", "FORWARD", ["-j", "TCPMSS", "--clamp-mss-to-pmtu"])
        case .reject:
            (
                "filter", "FORWARD",
                [
                    "-j", "REJECT", "--reject-with",
                    family == .v6 ? "icmp6-addr-unreachable" : "icmp-host-unreachable",
                ]
            )
        default: nil
        }
    }

    /// The arguments for each alternative of a match.
    private static func words(for match: FilterMatch) -> [[String]] {
        switch match {
        case .source(let set): set.prefixes.map { ["-s", $0.description] }
        case .destination(let set): set.prefixes.map { ["-d", $0.description] }
        case .originalDestination(let set):
            set.prefixes.map { ["-m", "conntrack", "--ctorigdst", $0.shortDescription] }
        case .inDevice(let names): names.map { ["-i", $0] }
        case .outDevice(let names): names.map { ["-o", $0] }
        case .synchronize: [["-p", "tcp", "--tcp-flags", "SYN,RST", "SYN"]]
        case .transport(let name): [["-p", name]]
        case .destinationPort(let transport, let port): [["-p", transport, "--dport", String(port)]]
        case .connectionState(let states):
            [["-m", "conntrack", "--ctstate", states.joined(separator: ",").uppercased()]]
        case .mark(let value, let mask): [["-m", "mark", "--mark", "\(value)/\(mask)"]]
        case .connectionMark(let value, let mask): [["-m", "connmark", "--mark", "\(value)/\(mask)"]]
        case .originalDirection: [["-m", "conntrack", "--ctdir", "ORIGINAL"]]
        case .other: []
        }
    }
}

extension FilterRule {
    /// The family of its addresses; nil if it has none.
    fileprivate var family: AddressFamily? {
        for match in matches {
            switch match {
            case .source(let set), .destination(let set), .originalDestination(let set): return set.family
            default: continue
            }
        }
        return nil
    }
}
