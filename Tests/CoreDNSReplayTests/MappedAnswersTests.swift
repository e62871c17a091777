import DNSWire
import DomainNames
import IPAddressing
import TestSupport
import Testing

/// The names that clients may call a cluster: longer than its domain, far from it, and shorter.
private let suffixes = ["prod.cluster.local", "prod.k8s.example.com", "p.lan", "cluster.local"]

/// How a client asks, and how much room its reply has.
private struct Asking: Sendable {
    let title: String
    /// The payload size in the client's OPT; nil without EDNS.
    let payloadSize: Int?
    let limit: Int

    static let all = [
        Asking(title: "UDP", payloadSize: nil, limit: 512),
        Asking(title: "UDP, EDNS 512", payloadSize: 512, limit: 512),
        Asking(title: "UDP, EDNS 1232", payloadSize: 1232, limit: 1232),
        Asking(title: "UDP, EDNS 4096", payloadSize: 4096, limit: 4096),
        Asking(title: "TCP", payloadSize: nil, limit: 65_535),
        Asking(title: "TCP, EDNS", payloadSize: 1232, limit: 65_535),
    ]
}

@Suite("Answers of real CoreDNS servers, mapped") struct MappedAnswersTests {
    @Test func `the recording is whole`() {
        #expect(recordedExchanges.count == 652)
    }

    /// Ranges that hold all IPv4 addresses of the recorded clusters, and IPv6 ones.
    private static let ranges: [(inner: String, outer: String)] = [
        ("10.0.0.0/9", "172.128.0.0/9"), ("10.128.0.0/9", "100.0.0.0/9"), ("172.16.0.0/12", "192.160.0.0/12"),
        ("fd00::/8", "fc00::/8"),
    ]

    @Test("each record comes back under the suffix that was asked", arguments: suffixes, [false, true])
    func mapping(suffix: String, hasMap: Bool) throws {
        var addresses = PlainAddressMap()
        var pairs: [PrefixPair] = []
        for (inner, outer) in hasMap ? Self.ranges : [] {
            let (inner, outer) = (try IPPrefix(parsing: inner), try IPPrefix(parsing: outer))
            pairs.append(try #require(PrefixPair(inner: inner, outer: outer)))
            addresses.add(inner: inner.address.octets, outer: outer.address.octets, length: inner.length)
        }
        var changed = 0
        let inner = PlainName("cluster.local")
        let outer = PlainName(suffix)
        let mapping = NameMapping(
            inner: try DomainName(parsing: "cluster.local"), outer: try DomainName(parsing: suffix))
        let bailiwick = Bailiwick.cluster(
            ClusterBailiwick(ClusterSuffixes([(mapping.outer, 0)]), own: 0, suffix: mapping.outer))
        var mapper = AnswerMapper()
        var prepared = PreparedAnswer()
        var checked = 0
        for exchange in recordedExchanges {
            let upstream = exchange.responseOctets
            let query = clientQuery(of: exchange, inner, outer)
            let question = query.questions[0].wire
            let answerQuestion = try Question(reading: upstream.span)
            try mapper.map(
                upstream.span, answerQuestion, to: question.span,
                by: AnswerTerms(names: mapping, addresses: PrefixMap(pairs), bailiwick: bailiwick),
                into: &prepared)
            if prepared.holdsAddress({ outer in pairs.contains { $0.outer.contains(outer) } }) { changed += 1 }
            #expect(mapper.droppedRecords == 0, "\(exchange.title): a real server is believed")
            var whole = 0
            for asking in Asking.all.reversed() {
                let asked = bytes(of: query, asking)
                let reply = try writeReply(prepared, to: asked, limit: asking.limit)
                if asking.limit == 65_535 { whole = max(whole, reply.count) }
                var checker = MappingChecker(inner: inner, outer: outer, query: asked, limit: asking.limit)
                checker.addresses = addresses
                checker.mayCut = whole > asking.limit
                let objections = checker.objections(to: reply, madeFrom: upstream)
                #expect(objections.isEmpty, "\(exchange.title), asked by \(asking.title)")
                checked += 1
            }
        }
        #expect(checked == 652 * Asking.all.count)
        #expect(hasMap ? changed > 100 : changed == 0)
    }

    /// The recorded query as a client of ours would put it: its name under the outer suffix.
    private func clientQuery(of exchange: RecordedExchange, _ inner: PlainName, _ outer: PlainName) -> PlainMessage {
        guard var query = try? PlainMessage(decoding: exchange.queryOctets) else { return PlainMessage() }
        query.questions[0].name = query.questions[0].name.replacing(inner, with: outer)
        query.id = 0xBEEF
        query.additionals = []
        return query
    }

    private func bytes(of query: PlainMessage, _ asking: Asking) -> [UInt8] {
        var query = query
        if let size = asking.payloadSize {
            query.additionals = [PlainRecord(PlainName(labels: []), type: 41, recordClass: size, ttl: 0, [.octets([])])]
        }
        return query.encoded()
    }

    private func writeReply(_ prepared: borrowing PreparedAnswer, to query: [UInt8], limit: Int) throws -> [UInt8] {
        guard case .query(let asked) = ClientMessage(reading: query.span) else { throw UnreadableQuery() }
        let terms = ReplyTerms(header: asked.header, edns: asked.edns, limit: limit)
        var buffer = OctetBuffer(capacity: 512)
        buffer.appendReply(prepared, to: query.span.extracting(asked.question.range), terms)
        return buffer.span.indices.map { buffer.span[$0] }
    }
}

/// Our own reader refuses a query that the recording client sent.
private struct UnreadableQuery: Error {}
