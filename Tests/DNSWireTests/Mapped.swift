import DNSWire
import DomainNames
import TestSupport

/// What the tests of the mapping ask, and a cluster's answer to it.
struct MappingCase {
    var inner = "cluster.local"
    var outer = "prod.k8s.example.com"
    /// The name that the client asks.
    var name = "mysql.test.svc.prod.k8s.example.com"
    var type = 1
    /// Sections of the cluster's answer; its header and question follow from the rest.
    var answers: [PlainRecord] = []
    var authorities: [PlainRecord] = []
    var additionals: [PlainRecord] = []
    var flags: UInt16 = 0x8400
    /// The names for which the cluster is believed.
    var bailiwick = Bailiwick.unchecked

    /// The cluster's whole answer.
    func upstream(_ compression: PlainMessage.Compression = .everywhere) -> [UInt8] {
        var message = PlainMessage()
        message.id = 0x7777
        message.flags = flags
        let asked = PlainName(name).replacing(PlainName(outer), with: PlainName(inner))
        message.questions = [PlainQuestion(asked, type: type)]
        (message.answers, message.authorities, message.additionals) = (answers, authorities, additionals)
        return message.encoded(compression)
    }

    /// Type and class IN after the client's name.
    var question: [UInt8] { PlainQuestion(PlainName(name), type: type).wire }

    /// A client's query, with OPT where a payload size is given.
    func query(payloadSize: Int? = nil, flags: UInt16 = 0x0100) -> [UInt8] {
        var message = PlainMessage()
        message.id = 0xBEEF
        message.flags = flags
        message.questions = [PlainQuestion(PlainName(name), type: type)]
        if let payloadSize {
            message.additionals = [
                PlainRecord(PlainName(labels: []), type: 41, recordClass: payloadSize, ttl: 0, [.octets([])])
            ]
        }
        return message.encoded()
    }

    /// Maps `upstream` back; throws what the mapper throws.
    func prepare(_ upstream: [UInt8], into prepared: inout PreparedAnswer) throws {
        let mapping = NameMapping(inner: try DomainName(parsing: inner), outer: try DomainName(parsing: outer))
        var mapper = AnswerMapper()
        let asked = question
        try mapper.map(
            upstream.span, Question(reading: upstream.span), to: asked.span,
            by: AnswerTerms(names: mapping, bailiwick: bailiwick), into: &prepared)
    }

    /// The reply's octets to a client that asks so.
    func reply(
        to upstream: [UInt8], payloadSize: Int? = nil, flags: UInt16 = 0x0100, limit: Int = 65_535,
        freshness: AnswerFreshness = .age(0), rotation: UInt32 = 0, error: ExtendedError? = nil
    ) throws -> [UInt8] {
        var prepared = PreparedAnswer()
        try prepare(upstream, into: &prepared)
        return octets(
            of: prepared, to: query(payloadSize: payloadSize, flags: flags), limit: limit, freshness: freshness,
            rotation: rotation, error: error)
    }

    /// What the answer section must hold under the outer suffix.
    func expected() throws -> [PlainRecord] {
        let checker = MappingChecker(inner: PlainName(inner), outer: PlainName(outer), query: query(), limit: 65_535)
        return try checker.expectedSections(of: PlainMessage(decoding: upstream()))[0]
    }

    /// The reply with all names written out.
    func plainReply(_ compression: PlainMessage.Compression = .everywhere) throws -> PlainMessage {
        try PlainMessage(decoding: reply(to: upstream(compression)))
    }
}

/// The reply that gives `prepared` to the client whose query this is.
func octets(
    of prepared: borrowing PreparedAnswer, to query: [UInt8], limit: Int, freshness: AnswerFreshness = .age(0),
    rotation: UInt32 = 0, error: ExtendedError? = nil
) -> [UInt8] {
    guard case .query(let asked) = ClientMessage(reading: query.span) else { return [] }
    let terms = ReplyTerms(header: asked.header, edns: asked.edns, limit: limit)
    var buffer = OctetBuffer(capacity: 64)
    let question = Array(query[asked.question.range])
    buffer.append16(0xFFFF)  // replies are written behind others
    buffer.appendReply(
        prepared, to: question.span, terms, ReplyVariant(freshness: freshness, rotation: rotation, error: error))
    return buffer.span.indices.dropFirst(2).map { buffer.span[$0] }
}
