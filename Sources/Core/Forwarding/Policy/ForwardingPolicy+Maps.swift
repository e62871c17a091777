import DNSWire
import DomainNames
package import IPAddressing

// Clusters that others see under outer addresses.

extension ForwardingPolicy {
    /// How an answer of the group at `position` of the target becomes one for clients.
    func answerTerms(_ target: RouteTarget, _ position: Int) -> AnswerTerms {
        let usual = terms[target.index]
        // A target of one question only has them anew; all groups of a target have the same bailiwick.
        return targets[target.index] === target
            ? usual[position] : target.answerTerms(ofGroupAt: position, usual[0].bailiwick)
    }

    /// The inner address that an outer one stands for, and its cluster's key; nil if it is in no outer range.
    package func innerAddress(of outer: IPAddress) -> (address: IPAddress, cluster: String)? {
        guard let group = outerOwners?.longestMatch(outer),
            let inner = groups[group].ranges.inner(of: outer)
        else { return nil }
        return (inner, groups[group].name)
    }

    /// What is said of a reverse name that several clusters have, as it is inside of them.
    func sharedAddress(_ clusters: [Int], _ view: Int) -> LocalZone {
        let names = clusters.filter { views[view].access?.permits(cluster: groups[$0].name) ?? true }.map {
            let ranges = groups[$0].ranges.pairs.map(\.outer.description).joined(separator: ", ")
            return groups[$0].name + (ranges.isEmpty ? "" : " (from outside \(ranges))")
        }
        let text =
            names.isEmpty
            ? "several clusters have this address"
            : "several clusters have this address: " + names.joined(separator: "; ")
        return LocalZone(names: .denied, reason: ExtendedError(.other, text))
    }

    /// Where the question goes if it is for a pod's name with an outer address in it, as in
    /// `10-200-1-7.shop.pod.prod.cluster.local`; nil if it is not. The cluster is asked for the inner one.
    func targetOfOuterPodName(
        _ target: RouteTarget, _ message: Span<UInt8>, _ question: Question, suffixStart: Int
    ) -> RouteTarget? {
        guard let outer = DashedPodName.address(message, suffixStart: suffixStart),
            let group = outerOwners?.longestMatch(outer), let position = target.groups.firstIndex(of: group),
            let domain = groups[group].domain, let inner = groups[group].ranges.inner(of: outer),
            let asked = try? DomainName(wire: DashedPodName.copy(message, 0..<question.nameLength)),
            let name = DashedPodName.name(
                inner, namespaceOf: message, suffixStart: suffixStart, below: domain)
        else { return nil }
        return RouteTarget(
            target, askingGroupAt: position, NameMapping(inner: name, outer: asked))
    }
}

/// Names of pods by their addresses: `<a-b-c-d>.<namespace>.pod` (Kubernetes DNS-Based Service Discovery
/// 1.1.0 section 2.1), of IPv6 with a hyphen for each colon as CoreDNS has it.
enum DashedPodName {
    /// The address in the name whose labels stand before `suffixStart`, an offset into the name behind the
    /// header of `message`; nil if it is no such name.
    static func address(_ message: Span<UInt8>, suffixStart: Int) -> IPAddress? {
        let start = Question.nameStart
        let end = start + suffixStart
        guard suffixStart > 0 else { return nil }
        let namespace = start + 1 + Int(message[start])
        guard namespace < end else { return nil }
        let top = namespace + 1 + Int(message[namespace])
        guard top + 4 == end, message[top] == 3 else { return nil }
        for (index, letter) in zip(1..., "pod".utf8) where foldedOctet(message[top + index]) != letter {
            return nil
        }
        let label = copy(message, 1..<(1 + Int(message[start])))
        guard label.allSatisfy({ $0 < 0x80 && $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: ":") }) else {
            return nil
        }
        let text = String(decoding: label, as: UTF8.self)
        return IPAddress(text.replacing("-", with: ".")) ?? IPAddress(text.replacing("-", with: ":"))
    }

    /// The name of `address` in the same namespace below `domain`; nil if it would be too long.
    static func name(
        _ address: IPAddress, namespaceOf message: Span<UInt8>, suffixStart: Int, below domain: DomainName
    ) -> DomainName? {
        let label = "\(address)".utf8.map { octet in
            octet == UInt8(ascii: ".") || octet == UInt8(ascii: ":") ? UInt8(ascii: "-") : octet
        }
        let rest = 1 + Int(message[Question.nameStart])
        let wire = [UInt8(label.count)] + label + copy(message, rest..<suffixStart) + domain.wire
        return try? DomainName(wire: wire)
    }

    /// Octets of the name behind the header.
    static func copy(_ message: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
        range.map { message[Question.nameStart + $0] }
    }
}
