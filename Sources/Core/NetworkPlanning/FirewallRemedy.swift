import IPAddressing
import NetworkModel
import PacketPath

/// The commands that accept a plan's traffic where we may not add rules.
struct FirewallRemedy {
    /// The place of the rule that drops.
    private let place: RulePlace

    /// The remedy for the rule at `place`.
    init(_ place: RulePlace) { self.place = place }

    /// One for each kind of traffic that is dropped, put first in the chain that the kernel calls.
    func lines(_ shut: [PlannedFlow]) -> [String] {
        if place.owner == .nft, place.table == "firewalld", place.hook == .forward {
            return firewalldLines(shut)
        }
        var seen: Set<String> = []
        return shut.map { line($0) }.filter { seen.insert($0).inserted }
    }

    /// The command that accepts the traffic of `planned`.
    private func line(_ planned: PlannedFlow) -> String {
        let accept = accept(planned)
        switch place.owner {
        case .nft:
            let rule = accept.filterRule(because: planned.accept.because)
            return "nft 'insert rule \(place.family.rawValue) \(place.table) \(place.baseChain) \(rule)'"
        case .iptables(let program):
            var words = accept.rule(in: place.baseChain, because: "").words
            // A rule of another owner gets no comment of ours.
            if let comment = words.firstIndex(of: "comment") {
                words.removeSubrange((comment - 1)...(comment + 2))
            }
            return "\(program) -t \(place.table) -I \(place.baseChain) 1 " + words.joined(separator: " ")
        }
    }

    /// The traffic as the chain sees it.
    private func accept(_ planned: PlannedFlow) -> ForwardAccept {
        let isEarly = [.ingress, .prerouting, .input].contains(place.hook)
        let accept = isEarly ? planned.accept.value.untranslated : planned.accept.value
        guard planned.flow.isReply else { return accept }
        return isEarly ? accept.incomingAnswers : accept.answers
    }

    /// A policy of firewalld(1) 0.9 or later for what is forwarded between any two of its zones. It accepts
    /// answers by itself, and packets changed by a service's translation (`ct status dnat`).
    private func firewalldLines(_ shut: [PlannedFlow]) -> [String] {
        let policy = "firewall-cmd --permanent --policy namebridge"
        var seen: Set<ForwardAccept> = []
        let rules = shut.compactMap { planned -> String? in
            let accept = planned.accept.value.untranslated
            guard case .pair(let source, let destination) = accept.match, seen.insert(accept).inserted else {
                return nil
            }
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
