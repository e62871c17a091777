import DNSWire
import DomainNames
import Forwarding
import IPAddressing
import LDNSBridge

/// What to ask in place of a question that found nothing: each hint is a sentence.
///
/// Names that may exist are asked for, by the rules of the configuration and as the same client.
struct QueryHints {
    /// The configuration.
    let policy: ForwardingPolicy
    /// The client.
    let client: IPAddress
    /// The client's view.
    let view: Int
    /// The options that another command needs for the same configuration, such as ` --demo`.
    var otherCommand = ""

    /// Empty if the answer needs none.
    func hints(for name: DomainName, type: UInt16, _ answer: QueryAnswer) -> [String] {
        if answer.hasNoData { return otherTypes(name, type) }
        let isUnreached = answer.error?.code == ExtendedError.Code.noReachableAuthority.rawValue
        if isUnreached, otherCommand != " --demo" {
            return [
                "\"namebridge doctor\(otherCommand)\" says what is wrong with its servers, or the way to them"
            ]
        }
        guard answer.rcode == "NXDOMAIN" || answer.rcode == "REFUSED" else { return [] }
        if answer.rcode == "NXDOMAIN", Self.isOfEveryCluster(name) {
            return [
                "every cluster has this name: the server that answered is no DNS of a cluster, or the"
                    + " cluster's domain is another one; \"namebridge doctor\(otherCommand)\" asks it in each"
                    + " way"
            ]
        }
        let hints = NameHints(policy, view: view)
        let spelling = hints.spelling(of: name)
        let others = answer.rcode == "NXDOMAIN" ? hints.alternatives(to: name) : []
        let asked = (spelling.map { [$0] } ?? []) + others.map(\.name)
        let existing = Set(replies(asked.map { ($0, type) }).filter { $0.exists }.map(\.name))
        var sentences: [String] = []
        if let spelling {
            let words = existing.contains(spelling) ? ", which exists" : ""
            sentences.append("did you mean \(spelling)\(words)?")
        }
        for other in others where existing.contains(other.name) {
            sentences.append(sentence(about: other, insteadOf: name))
        }
        if sentences.isEmpty, let shape = shape(of: name, answer) { sentences.append(shape) }
        return sentences
    }

    /// True for the name of the API servers, which are a service of every cluster.
    private static func isOfEveryCluster(_ name: DomainName) -> Bool {
        let labels = name.folded.labels.prefix(3).map { String(decoding: $0, as: UTF8.self) }
        return labels == ["kubernetes", "default", "svc"]
    }

    /// A sentence about a name that exists.
    private func sentence(about other: NameHints.Candidate, insteadOf name: DomainName) -> String {
        let asked = name.folded.labels.prefix(2)
        let isExchanged = !asked.elementsEqual(other.name.folded.labels.prefix(2))
        return isExchanged
            ? "did you mean \(other.name), with service and namespace exchanged? It exists"
            : "\(other.cluster) has this name: \(other.name)"
    }

    /// What the name has besides records of `type`.
    private func otherTypes(_ name: DomainName, _ type: UInt16) -> [String] {
        let types = [RecordType.a, RecordType.aaaa].filter { $0 != Int(type) }.map { UInt16($0) }
        let found = replies(types.map { (name, $0) }).filter(\.exists).map { Mnemonics.type($0.type) }
        guard !found.isEmpty else { return [] }
        return ["the name has records of type \(found.joined(separator: ", "))"]
    }

    /// How a name of a service is written, for one that is too short to be one.
    private func shape(of name: DomainName, _ answer: QueryAnswer) -> String? {
        let count = name.labels.count
        if answer.rcode == "REFUSED" {
            return count < 3 ? "\"namebridge who-has\(otherCommand) \(name)\" asks every cluster" : nil
        }
        guard let error = answer.error, error.code == ExtendedError.Code.synthesized.rawValue else {
            return nil
        }
        return "a service is asked for as SERVICE.NAMESPACE.svc and the suffix of its cluster"
    }

    /// A question, and whether it has an answer.
    private struct Reply {
        let name: DomainName
        let type: UInt16
        /// True if the name has records of the type.
        let exists: Bool
    }

    /// Asks all questions at once.
    private func replies(_ questions: [(name: DomainName, type: UInt16)]) -> [Reply] {
        guard !questions.isEmpty else { return [] }
        var asking = AskingEngine(policy)
        for (number, question) in questions.enumerated() {
            let message = asking.message(question.name, type: question.type)
            asking.ask(message, number: UInt32(number), from: client)
        }
        asking.run()
        let replies = asking.replies
        return questions.enumerated().map { number, question in
            let answer = QueryAnswer(replies[UInt32(number)] ?? [])
            let exists = answer?.rcode == "NOERROR" && (answer?.answers.isEmpty == false)
            return Reply(name: question.name, type: question.type, exists: exists)
        }
    }
}
