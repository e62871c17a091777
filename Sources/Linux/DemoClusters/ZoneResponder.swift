package import DNSWire
import DomainNames
package import LDNSBridge

/// Answers questions from the records of zones, in the manner of a cluster's CoreDNS.
///
/// Logic without sockets: a message in, a reply out. It serves the demo and tests, not production.
package struct ZoneResponder: Sendable {
    /// The records of each owner.
    private let recordsByOwner: [DomainName: [ResourceRecord]]
    /// All owners, and the names between them and their zone's apex (empty non-terminals, RFC 8020).
    private let names: Set<DomainName>
    /// The zones: the owners of SOA records, the longest first.
    private let zones: [ResourceRecord]

    /// The most CNAME records that are followed; bounds the walk over a loop of them.
    private static let longestChain = 8

    /// - Parameter records: Of any number of zones; each has its SOA record.
    package init(_ records: [ResourceRecord]) {
        recordsByOwner = Dictionary(grouping: records, by: \.owner)
        zones = records.filter { Int($0.type) == RecordType.soa }
            .sorted { $0.owner.wire.count > $1.owner.wire.count }
        var names = Set(records.map(\.owner))
        for record in records {
            guard let apex = zones.first(where: { record.owner.isAtOrBelow($0.owner) })?.owner else {
                continue
            }
            var labels = record.owner.labels
            while labels.count > apex.labels.count {  // one label fewer each turn
                if let name = try? DomainName(labels: labels) { names.insert(name) }
                labels.removeFirst()
            }
        }
        self.names = names
    }

    /// Appends the reply to `message`; nothing if it must not get one.
    ///
    /// - Parameter isDatagram: Over UDP the client's size bounds the reply, and TC is set if it does not fit.
    /// fit.
    package func appendReply(to message: Span<UInt8>, isDatagram: Bool, into replies: inout OctetBuffer) {
        let base = replies.count
        switch ClientMessage(reading: message) {
        case .ignore, .cookieRequest:
            return
        case .reject(let rcode, let question, let edns):
            guard let header = try? MessageHeader(reading: message) else { return }
            let terms = Self.terms(header, edns, isDatagram: isDatagram)
            replies.appendEmptyReply(rcode, to: message.extracting(question?.range ?? 0..<0), terms)
        case .query(let query):
            let terms = Self.terms(query.header, query.edns, isDatagram: isDatagram)
            let question = message.extracting(query.question.range)
            guard let name = Self.name(in: question),
                let zone = zones.first(where: { name.isAtOrBelow($0.owner) })
            else {
                replies.appendEmptyReply(.refused, to: question, terms)
                return
            }
            var answer = PreparedAnswer()
            answer.begin(question: question)
            fill(&answer, name: name, type: query.question.type, zone: zone)
            replies.appendReply(answer, to: question, terms)
            // Authoritative, and no recursion here: AA is set and RA is not.
            let flags = UInt16(truncatingIfNeeded: replies.number16(at: base + 2))
            let own = (flags | MessageHeader.Flags.authoritative) & ~MessageHeader.Flags.recursionAvailable
            replies.set16(Int(own), at: base + 2)
        }
    }

    /// What the client accepts as a reply.
    private static func terms(_ header: MessageHeader, _ edns: EDNS?, isDatagram: Bool) -> ReplyTerms {
        let limit = isDatagram ? ReplyTerms.datagramLimit(edns: edns, ours: 4096) : 65_535
        return ReplyTerms(header: header, edns: edns, limit: limit)
    }

    /// The name of a question that consists of name, type and class.
    private static func name(in question: Span<UInt8>) -> DomainName? {
        try? DomainName(wire: (0..<(question.count - 4)).map { question[$0] })
    }

    // MARK: - Finding records

    /// The records that answer: those of the name, or the chain of CNAME records and what it leads to.
    private func fill(_ answer: inout PreparedAnswer, name: DomainName, type: Int, zone: ResourceRecord) {
        var counts = InlineArray<3, Int>(repeating: 0)
        var current = name
        var found: [ResourceRecord] = []
        for _ in 0..<Self.longestChain {
            let here = recordsByOwner[current] ?? []
            found += here.filter { Int($0.type) == type }
            guard type != RecordType.cname,
                let alias = here.first(where: { Int($0.type) == RecordType.cname }),
                let target = try? DomainName(wire: alias.data)
            else { break }
            found.append(alias)
            current = target
        }
        for record in found { append(record, .answer, answer: &answer, counts: &counts) }
        if found.isEmpty {
            append(zone, .authority, answer: &answer, counts: &counts)
            if !names.contains(name) { answer.octets.set16(ResponseCode.nameError.rawValue, at: 2) }
        }
        for record in targets(of: found) { append(record, .additional, answer: &answer, counts: &counts) }
        for section in 0..<3 { answer.octets.set16(counts[section], at: 6 + 2 * section) }
    }

    /// The addresses of the hosts that SRV records name (RFC 2782).
    private func targets(of records: [ResourceRecord]) -> [ResourceRecord] {
        records.filter { Int($0.type) == RecordType.srv }.flatMap { record -> [ResourceRecord] in
            guard let target = try? DomainName(wire: Array(record.data.dropFirst(6))) else { return [] }
            let addresses = [RecordType.a, RecordType.aaaa]
            return (recordsByOwner[target] ?? []).filter { addresses.contains(Int($0.type)) }
        }
    }

    // MARK: - Writing records

    /// Appends one record to the answer.
    private func append(
        _ record: ResourceRecord, _ section: RecordMark.Section, answer: inout PreparedAnswer,
        counts: inout InlineArray<3, Int>
    ) {
        // Offsets have 16 bits; no zone of the demo has such an answer.
        guard answer.octets.count + record.owner.wire.count + 10 + record.data.count < 65_000 else { return }
        if isQuestion(record.owner, of: answer) {
            answer.octets.append16(0xC000 | MessageHeader.length)
        } else {
            answer.octets.append(record.owner.wire)
        }
        answer.octets.append16(Int(record.type))
        answer.octets.append16(Int(record.recordClass))
        let ttlOffset = answer.octets.count
        answer.octets.append32(record.ttl)
        answer.octets.append16(record.data.count)
        answer.octets.append(record.data)
        answer.marks.append(
            RecordMark(
                ttlOffset: ttlOffset, end: answer.octets.count, type: Int(record.type), section: section))
        counts[Int(section.rawValue)] += 1
    }

    /// True if `name` is the question's name.
    private func isQuestion(_ name: DomainName, of answer: borrowing PreparedAnswer) -> Bool {
        guard name.wire.count == answer.questionNameLength else { return false }
        for index in name.wire.indices
        where foldedOctet(name.wire[index]) != foldedOctet(answer.octets[MessageHeader.length + index]) {
            return false
        }
        return true
    }
}
