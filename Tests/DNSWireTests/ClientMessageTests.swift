import DNSWire
import TestSupport
import Testing

@Suite("Messages of clients") struct ClientMessageTests {
    @Test("each is answered, refused or ignored as the RFCs say", arguments: rows)
    fileprivate func outcome(row: Row) {
        let outcome: Row.Outcome =
            switch ClientMessage(reading: row.message.span) {
            case .ignore, .cookieRequest: .ignore
            case .query(let query): .query(hasEDNS: query.edns != nil, isSigned: query.isSigned)
            case .reject(let rcode, let question, let edns):
                .reject(rcode.rawValue, hasQuestion: question != nil, hasEDNS: edns != nil)
            }
        #expect(outcome == row.outcome)
    }

    @Test func `flags and EDNS are read as they stand`() throws {
        let cookie: [UInt8] = [0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]
        let octets = query(flags: 0x0130, additionals: [opt(size: 100, ttl: 0x8000, [0xFD, 0xE9, 0, 0] + cookie)])
        guard case .query(let query) = ClientMessage(reading: octets.span) else {
            Issue.record("refused")
            return
        }
        #expect(query.recursionDesired && query.checkingDisabled && query.authenticDataAsked)
        let edns = try #require(query.edns)
        #expect(edns.payloadSize == 512, "less than 512 is read as 512 (RFC 6891 section 6.2.3)")
        #expect(edns.wantsDNSSEC && edns.version == 0 && edns.extendedRcode == 0)
        let range = edns.option(10, in: octets.span)
        #expect(range.map { Array(octets[$0]) } == Array(cookie.dropFirst(4)))
        let absent = edns.option(15, in: octets.span)
        #expect(absent == nil)
        #expect(Array(octets[query.question.range]) == PlainQuestion(www, type: 1).wire)
    }

    @Test func `any octets whatever give one of the outcomes`() {
        let seed: UInt64 = 0x0BAD_CAFE
        var random = SplitMix64(seed: seed)
        let whole = query(answers: [address], additionals: [opt(root, [0, 10, 0, 2, 1, 1]), address])
        for _ in 0..<20_000 {
            var octets = random.oneIn(4) ? random.octets(random.number(in: 0..<60)) : whole
            for _ in 0..<random.number(in: 0..<4) where !octets.isEmpty {
                octets[random.number(in: 0..<octets.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            if random.oneIn(3) { octets.removeLast(random.number(in: 0..<octets.count + 1)) }
            if case .query(let query) = ClientMessage(reading: octets.span) {
                #expect(query.question.end <= octets.count, "seed \(seed), message \(hexadecimal(octets))")
            }
        }
    }
}

/// A client's message, and what must become of it.
private struct Row: Sendable, CustomTestStringConvertible {
    enum Outcome: Equatable, Sendable {
        case query(hasEDNS: Bool, isSigned: Bool)
        case ignore
        case reject(Int, hasQuestion: Bool, hasEDNS: Bool)
    }

    let reason: String
    let message: [UInt8]
    let outcome: Outcome

    init(_ reason: String, _ message: [UInt8], _ outcome: Outcome) {
        self.reason = reason
        self.message = message
        self.outcome = outcome
    }

    var testDescription: String { reason }
}

private let www = PlainName("mysql.test.svc.prod.cluster.local")
private let root = PlainName(labels: [])

/// A query for `www` with these records.
private func query(
    flags: UInt16 = 0x0100, answers: [PlainRecord] = [], additionals: [PlainRecord] = [], questions: Int = 1
) -> [UInt8] {
    var message = PlainMessage()
    message.id = 0x1234
    message.flags = flags
    message.questions = Array(repeating: PlainQuestion(www, type: 1), count: questions)
    message.answers = answers
    message.additionals = additionals
    return message.encoded()
}

private func opt(_ owner: PlainName = root, size: Int = 1232, ttl: UInt32 = 0, _ options: [UInt8] = []) -> PlainRecord {
    PlainRecord(owner, type: 41, recordClass: size, ttl: ttl, [.octets(options)])
}

private let address = PlainRecord(www, type: 1, [.octets([10, 0, 0, 1])])
private let formatError = Row.Outcome.reject(1, hasQuestion: true, hasEDNS: false)
private let formatErrorEDNS = Row.Outcome.reject(1, hasQuestion: true, hasEDNS: true)
private let unreadable = Row.Outcome.reject(1, hasQuestion: false, hasEDNS: false)
private let header: [UInt8] = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]

private let rows = [
    Row("a plain question", query(), .query(hasEDNS: false, isSigned: false)),
    Row("a question with EDNS", query(additionals: [opt()]), .query(hasEDNS: true, isSigned: false)),
    Row(
        "an unknown option is passed over (RFC 6891 section 6.1.2)",
        query(additionals: [opt(root, [0xFD, 0xE9, 0, 1, 7])]), .query(hasEDNS: true, isSigned: false)),
    Row("records that a query need not have", query(answers: [address]), .query(hasEDNS: false, isSigned: false)),
    Row(
        "OPT before another additional record", query(additionals: [opt(), address]),
        .query(hasEDNS: true, isSigned: false)),
    Row(
        "TSIG signs it (RFC 8945)",
        query(additionals: [PlainRecord(www, type: 250, recordClass: 255, ttl: 0, [.octets([1, 2, 3])])]),
        .query(hasEDNS: false, isSigned: true)),
    Row(
        "SIG(0) is ignored where it need not be there (RFC 2931 section 3.2)",
        query(additionals: [PlainRecord(root, type: 24, recordClass: 255, ttl: 0, [.octets([UInt8](repeating: 0, count: 19))])]),
        .query(hasEDNS: false, isSigned: false)),
    Row("nothing", [], .ignore),
    Row("a header that ends early", Array(query().prefix(11)), .ignore),
    Row("an answer gets no answer, or two forwarders talk for ever", query(flags: 0x8100), .ignore),
    Row("an answer with nonsense behind the header", query(flags: 0x8000) + [1], .ignore),
    Row("NOTIFY (RFC 8906 section 7)", query(flags: 0x2000), .reject(4, hasQuestion: false, hasEDNS: false)),
    Row(
        "NOTIFY with EDNS (RFC 6891 section 7)", query(flags: 0x2000, additionals: [opt()]),
        .reject(4, hasQuestion: false, hasEDNS: true)),
    Row(
        "an unassigned opcode, and no question", [1, 2, 0x78, 0] + [UInt8](repeating: 0, count: 8),
        .reject(4, hasQuestion: false, hasEDNS: false)),
    Row("a header alone", Array(query(questions: 0).prefix(12)), unreadable),
    Row("two questions (RFC 9619 section 4)", query(questions: 2), unreadable),
    Row("a question that the message ends before", header, unreadable),
    Row("a question without its class", header + www.wire + [0, 1], unreadable),
    Row("a pointer in the question to itself", header + [0xC0, 12, 0, 1, 0, 1], unreadable),
    Row("a pointer in the question into the header", header + [1, 0x61, 0xC0, 4, 0, 1, 0, 1], unreadable),
    Row("a pointer in the question forwards", header + [0xC0, 18, 0, 1, 0, 1, 0], unreadable),
    Row("a label type of RFC 2673, withdrawn", header + [0x41, 1, 0, 0, 1, 0, 1], unreadable),
    Row(
        "a name of 256 octets",
        header + (0..<3).flatMap { _ in [63] + [UInt8](repeating: 0x61, count: 63) }
            + [62] + [UInt8](repeating: 0x61, count: 62) + [0, 0, 1, 0, 1], unreadable),
    Row("an octet behind the end", query() + [0], formatError),
    Row("an octet behind OPT", query(additionals: [opt()]) + [0], formatErrorEDNS),
    Row("OPT twice (RFC 6891 section 6.1.1)", query(additionals: [opt(), opt()]), formatErrorEDNS),
    Row("OPT below a name", query(additionals: [opt(www)]), formatError),
    Row("OPT in the answer section", query(answers: [opt()]), formatError),
    Row(
        "OPT owned by a pointer to a root label",
        query(additionals: [opt()]).dropLast(11)
            + [0xC0, UInt8(12 + www.length - 1), 0, 41, 4, 208, 0, 0, 0, 0, 0, 0], formatError),
    Row(
        "an option that runs past OPT: the answer has OPT (RFC 6891 section 7)",
        query(additionals: [opt(root, [0, 10, 0, 9, 1])]), formatErrorEDNS),
    Row("an option without its length", query(additionals: [opt(root, [0, 10, 0])]), formatErrorEDNS),
    Row("OPT that is cut off", query(additionals: [opt()]).dropLast(1), formatError),
    Row("an additional record that is counted but missing", Array(query(additionals: [opt()]).dropLast(11)), formatError),
    Row(
        "EDNS version 1 (RFC 6891 section 6.1.3)", query(additionals: [opt(ttl: 0x0001_0000)]),
        .reject(16, hasQuestion: true, hasEDNS: true)),
    Row(
        "EDNS version 1, whose options may look otherwise", query(additionals: [opt(ttl: 0x0001_0000, [0, 10, 0])]),
        .reject(16, hasQuestion: true, hasEDNS: true)),
]
