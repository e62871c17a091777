import IPAddressing
import NetworkModel

extension ForwardAccept {
    /// The rule in the syntax of `iptables-save`.
    ///
    /// Before `input` nothing is translated: the destination there is the original one.
    func rule(in chain: String, because: String) -> IPTablesRule {
        var words: [String]
        switch match {
        case .originalPair(let source, let destination) where chain == "INPUT":
            words = ["-s", source.description, "-d", destination.description]
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

    /// The rule in the syntax of nft.
    func filterRule(because: String) -> FilterRule {
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

    /// The rule that accepts the answers.
    var answers: ForwardAccept {
        switch match {
        case .pair(let source, _), .originalPair(let source, _): ForwardAccept(.answers(client: source))
        case .answers: self
        }
    }

    /// The same traffic before any translation.
    var untranslated: ForwardAccept {
        guard case .originalPair(let source, let destination) = match else { return self }
        return ForwardAccept(.pair(source: source, destination: destination))
    }

    /// The answers as they arrive, when their destination may still be an address of this host.
    var incomingAnswers: ForwardAccept {
        guard case .pair(_, let destination) = match,
            let all = IPPrefix(around: IPAddress(family: family, bits: 0), length: 0)
        else { return answers }
        return ForwardAccept(.pair(source: destination, destination: all))
    }
}
