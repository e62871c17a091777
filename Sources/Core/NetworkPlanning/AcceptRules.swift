import IPAddressing
import NetworkModel

extension HostPlan {
    /// The rules of iptables that let the plan's traffic through a foreign chain which drops by default.
    ///
    /// `DOCKER-USER` where Docker made it, since Docker asks it first; else `FORWARD` where its policy is to
    /// drop.
    /// Rules of ours that are there stay, even where the policy has become kinder since.
    func acceptRules(on observed: HostState) -> [Desired<IPTablesRule>] {
        accepts.flatMap { desired -> [Desired<IPTablesRule>] in
            guard let state = observed.iptables.first(where: { $0.family == desired.value.family }),
                let chain = state.acceptChain
            else { return [] }
            return [
                Desired(desired.value.rule(in: chain, because: desired.because), because: desired.because)
            ]
        }
    }
}

extension IPTablesState {
    /// The chain that an accept of ours belongs in; nil where nothing drops.
    var acceptChain: String? {
        if chain("DOCKER-USER", of: "filter") != nil { return "DOCKER-USER" }
        guard let forward = chain("FORWARD", of: "filter") else { return nil }
        let dropsAtEnd = forward.rules.last.map { ["DROP", "REJECT"].contains($0.target) } ?? false
        if forward.policy == "DROP" || dropsAtEnd { return "FORWARD" }
        return forward.rules.contains(where: \.isOurs) ? "FORWARD" : nil
    }
}

extension ForwardAccept {
    /// The rule in the words that `iptables-save` prints it in.
    func rule(in chain: String, because: String) -> IPTablesRule {
        var words: [String]
        switch match {
        case .pair(let source, let destination):
            words = ["-s", source.description, "-d", destination.description]
        case .originalPair(let source, let destination):
            words = [
                "-s", source.description, "-m", "conntrack", "--ctorigdst", destination.shortDescription,
            ]
        case .answers(let client):
            words = ["-d", client.description, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"]
        }
        // The kernel takes 255 octets.
        let comment = String((Ownership.tag + because).prefix(200))
        words += ["-m", "comment", "--comment", comment, "-j", "ACCEPT"]
        return IPTablesRule(family: family, table: "filter", chain: chain, words: words)
    }
}
