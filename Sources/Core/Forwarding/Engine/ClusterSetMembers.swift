import DNSWire
import DomainNames
import IPAddressing
import Telemetry

/// What tells the members of a cluster set apart in names and addresses (KEP-1645).
struct ClusterSetMembers: Hashable, Sendable {
    /// The IDs of the members in lower case, each with its place in `RouteTarget.groups`.
    let places: [[UInt8]: Int]

    /// True if members have addresses in common inside: then an endpoint's address alone does not tell whose
    /// it is.
    let haveSharedAddresses: Bool

    /// Whose name a name of the set's zone is.
    enum Owner {
        /// An endpoint of the member at this place.
        case member(Int)
        /// An endpoint of a cluster that is no member, or that the client may not ask.
        case unknown
        /// No endpoint: a service, which the member that answers has.
        case service
    }

    /// The owner of a name: the ID of an endpoint's cluster is in `<hostname>.<id>.<service>.<namespace>.svc`
    /// before `suffixStart`. An ID may have dots.
    func owner(of name: Span<UInt8>, suffixStart: Int) -> Owner {
        let starts = Self.labelStarts(name, suffixStart)
        guard starts.count >= 5, hasLabel(Array("svc".utf8), in: name, at: starts[starts.count - 1]),
            name[1] != UInt8(ascii: "_")
        else { return .service }
        // From behind the host name to the service.
        let range = (starts[1] + 1)..<starts[starts.count - 3]
        var id: [UInt8] = []
        for position in range {
            // Length octets between the labels are dots in the text.
            id.append(starts.contains(position) ? UInt8(ascii: ".") : foldedOctet(name[position]))
        }
        return places[id].map { .member($0) } ?? .unknown
    }

    /// True for `<id>.<service>.<namespace>.svc`, which must not exist, and all other names of four labels:
    /// none has a meaning.
    static func mustNotExist(_ name: Span<UInt8>, suffixStart: Int) -> Bool {
        let starts = labelStarts(name, suffixStart)
        return starts.count == 4 && hasLabel(Array("svc".utf8), in: name, at: starts[3])
            && name[starts[0] + 1] != UInt8(ascii: "_")
    }

    /// Where the labels before `suffixStart` begin.
    private static func labelStarts(_ name: Span<UInt8>, _ suffixStart: Int) -> [Int] {
        var starts: [Int] = []
        var position = 0
        while position < suffixStart {  // a checked name: each label is at least two octets
            starts.append(position)
            position += 1 + Int(name[position])
        }
        return starts
    }
}

extension TransactionTable {
    /// What an error of Lighthouse means, which has no answers but addresses: NOTIMP for a name that it has,
    /// NOTZONE for one that it does not have; nil for other errors, and other targets.
    ///
    /// NOTIMP to a question with EDNS may come from a server that does not know EDNS: it says something of
    /// the name only once the question was asked without. Addresses are what Lighthouse has answers for.
    func meaning(of answer: ServerAnswer, _ slot: Int) -> ResponseCode? {
        guard transactions[slot].target?.kind == .clusterSet, !asksForEndpoints(slot),
            let place = answer.attempt
        else { return nil }
        switch ResponseCode(of: answer.message, answer.header, from: answer.question.end) {
        case .notImplemented:
            let type = transactions[slot].question.type
            let isForAddress = type == RecordType.a || type == RecordType.aaaa
            return isForAddress || self[slot, place].usesEDNS ? nil : .noError
        case .notZone: return .nameError
        default: return nil
        }
    }

    /// Writes the answer of a zone that has no records to the question of `slot`.
    func begin(_ prepared: inout PreparedAnswer, for slot: Int, _ zone: LocalZone) {
        let shape = transactions[slot].question
        prepared.write(zone, start: shape.suffixStart, question: question(of: slot), type: shape.type)
    }
}
