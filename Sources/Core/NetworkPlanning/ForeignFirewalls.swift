import IPAddressing
import Inventory
package import NetworkModel

extension DifferenceCalculation {
    /// Chains of nft that drop what is forwarded and do not let the plan's traffic through; no rule of ours
    /// may be put there, and an accept of ours elsewhere does not overrule them. Each comes with the lines
    /// that its owner must enter.
    func foreignFirewalls() -> [Conflict] {
        guard !plan.accepts.isEmpty else { return [] }
        return observed.tables.filter { !$0.isOurs && !$0.isOfIPTables }.flatMap { table in
            table.chains.filter(\.dropsForwarded).compactMap { chain in
                let shut = plan.accepts.filter {
                    table.family.carries($0.value.family) && !table.accepts($0.value)
                }
                guard !shut.isEmpty else { return nil }
                let name = "\(table.family.rawValue) \(table.name)"
                let (place, remedy) =
                    table.name == "firewalld"
                    ? ("firewalld has no rule for it", Self.firewalldLines(shut))
                    : (
                        "enter these, and the same rules in the file that makes the table"
                            + " (/etc/nftables.conf in Debian)",
                        shut.map { accept in
                            let rule = accept.value.filterRule(because: accept.because)
                            return "nft 'insert rule \(name) \(chain.name) \(rule)'"
                        }
                    )
                return Conflict(
                    "the chain \(chain.name) of nft table \(name) drops traffic of the paths: \(place)",
                    remedy: remedy)
            }
        }
    }

    /// A policy of firewalld(1) 0.9 or later for what is forwarded between any two of its zones. It lets
    /// answers through by itself, and what a service's translation has changed (`ct status dnat`).
    private static func firewalldLines(_ accepts: [Desired<ForwardAccept>]) -> [String] {
        let policy = "firewall-cmd --permanent --policy namebridge"
        let rules = accepts.compactMap { accept -> String? in
            let match = accept.value.forFirewalld.match
            guard case .pair(let source, let destination) = match else { return nil }
            let family = "ip\(source.family)"
            return "\(policy) --add-rich-rule 'rule family=\"\(family)\" source address=\"\(source)\""
                + " destination address=\"\(destination)\" accept'"
        }
        return [
            "firewall-cmd --permanent --new-policy namebridge", "\(policy) --add-ingress-zone ANY",
            "\(policy) --add-egress-zone ANY",
        ] + rules + ["firewall-cmd --reload"]
    }
}

extension FilterFamily {
    /// True where tables of this family see packets of `family`.
    fileprivate func carries(_ family: AddressFamily) -> Bool {
        switch self {
        case .inet: true
        case .ip: family == .v4
        case .ip6: family == .v6
        case .arp, .bridge, .netdev: false
        }
    }
}

extension FilterTable {
    /// True for the tables that iptables-nft keeps, which `IPTablesState` describes.
    package var isOfIPTables: Bool {
        [.ip, .ip6].contains(family) && ["filter", "nat", "mangle", "raw", "security"].contains(name)
    }

    /// True where one of its rules accepts all of the traffic. Which rules come before it, and which chains
    /// lead there, is its owner's affair.
    fileprivate func accepts(_ accept: ForwardAccept) -> Bool {
        let accept = name == "firewalld" ? accept.forFirewalld : accept
        return chains.contains { chain in
            guard chain.hook == nil || chain.hook?.point == .forward else { return false }
            return chain.rules.contains { $0.action == .accept && $0.holds(for: accept) }
        }
    }
}

extension FilterChain {
    /// True for a base chain that may drop forwarded packets.
    package var filtersForwarded: Bool { hook?.point == .forward && hook?.type == .filter }

    /// True for a chain of forwarded packets that drops what none of its rules knows.
    package var dropsForwarded: Bool {
        guard filtersForwarded, let hook else { return false }
        return !hook.acceptsByDefault || endsWithRejection
    }

    private var endsWithRejection: Bool {
        guard let last = rules.last, last.matches.isEmpty else { return false }
        switch last.action {
        case .drop, .reject: return true
        default: return false
        }
    }
}

extension FilterRule {
    /// True where each of its conditions holds for all of the traffic.
    fileprivate func holds(for accept: ForwardAccept) -> Bool {
        matches.allSatisfy { match in
            switch (match, accept.match) {
            case (.source(let set), .pair(let source, _)), (.source(let set), .originalPair(let source, _)):
                set.contains(PrefixSet([source]))
            case (.destination(let set), .pair(_, let destination)),
                (.originalDestination(let set), .originalPair(_, let destination)):
                set.contains(PrefixSet([destination]))
            case (.destination(let set), .answers(let client)): set.contains(PrefixSet([client]))
            case (.connectionState(let states), .answers):
                states.contains("established") && states.contains("related")
            default: false
            }
        }
    }
}

extension ForwardAccept {
    /// What firewalld has words for: it lets by itself pass what a service's translation has changed.
    fileprivate var forFirewalld: ForwardAccept {
        guard case .originalPair(let source, let destination) = match else { return self }
        return ForwardAccept(.pair(source: source, destination: destination))
    }

    /// The rule in the words of nft.
    fileprivate func filterRule(because: String) -> FilterRule {
        let matches: [FilterMatch]
        switch match {
        case .pair(let source, let destination):
            matches = [.source(PrefixSet([source])), .destination(PrefixSet([destination]))]
        case .originalPair(let source, let destination):
            matches = [.source(PrefixSet([source])), .originalDestination(PrefixSet([destination]))]
        case .answers(let client):
            matches = [
                .connectionState(["established", "related"]), .destination(PrefixSet([client])),
            ]
        }
        return FilterRule(matches, .accept, comment: FilterRule.comment(because))
    }
}
