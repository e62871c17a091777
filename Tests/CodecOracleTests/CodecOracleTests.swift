import DNSWire
import DomainNames
import LDNSBridge
import TestSupport
import Testing

@Suite("Our codec and libldns") struct CodecOracleTests {
    private static let maker = RandomMessage(domain: PlainName("cluster.local"))

    @Test("both take every valid message and read the same records in it", arguments: [0x5EED_0001, 0x5EED_0002] as [UInt64])
    func valid(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var reader = OurReader()
        for turn in 0..<1000 {
            let message = Self.maker.response(using: &random)
            let octets = message.encoded(random.pick(PlainMessage.Compression.allCases))
            let place: () -> Comment = { "seed \(seed), turn \(turn): \(hexadecimal(octets))" }
            let written = try reader.read(octets).get()
            let given = try MessageOracle(octets)
            try expectSame(try MessageOracle(written), given, place())
            // The test's own reader is held against libldns as well.
            #expect(try PlainMessage(decoding: octets) == message, place())
        }
    }

    @Test("valid answers are mapped as an independent reader expects", arguments: [0x5EED_0003, 0x5EED_0004] as [UInt64])
    func mapped(seed: UInt64) throws {
        let inner = PlainName("cluster.local")
        var random = SplitMix64(seed: seed)
        var mapper = AnswerMapper()
        var prepared = PreparedAnswer()
        var tooLong = 0
        for turn in 0..<1000 {
            let outer = PlainName(random.pick(["prod.cluster.local", "prod.k8s.example.com", "p.lan"]))
            let message = Self.maker.response(using: &random)
            let upstream = message.encoded(random.pick(PlainMessage.Compression.allCases))
            let query = Self.query(for: message, inner, outer, &random)
            let limit = random.pick([512, 1232, 65_535])
            guard case .query(let asked) = ClientMessage(reading: query.span) else {
                tooLong += 1  // the question itself is too long under the outer suffix
                continue
            }
            let question = Array(query[asked.question.range])
            let mapping = NameMapping(
                inner: try DomainName(wire: inner.wire), outer: try DomainName(wire: outer.wire))
            do throws(MappingError) {
                let given: Question
                do throws(WireError) { given = try Question(reading: upstream.span) } catch { throw .wire(error) }
                try mapper.map(upstream.span, given, to: question.span, by: AnswerTerms(names: mapping), into: &prepared)
            } catch {
                guard case .nameWouldExceedLimit(let name) = error else { throw error }
                #expect(name.count + outer.length - inner.length > 255)
                tooLong += 1
                continue
            }
            var buffer = OctetBuffer(capacity: 512)
            let terms = ReplyTerms(header: asked.header, edns: asked.edns, limit: limit)
            buffer.appendReply(prepared, to: question.span, terms)
            let reply = buffer.span.indices.map { buffer.span[$0] }
            var checker = MappingChecker(inner: inner, outer: outer, query: query, limit: limit)
            checker.looksAtBareOctets = false  // some labels hold the suffix's octets
            let objections = checker.objections(to: reply, madeFrom: upstream)
            #expect(objections.isEmpty, "seed \(seed), turn \(turn), \(outer): \(hexadecimal(upstream))")
        }
        #expect(tooLong < 100)
    }

    @Test(
        "both take or both refuse a damaged message, but for the differences that are listed",
        arguments: [0x5EED_0005, 0x5EED_0006, 0x5EED_0007, 0x5EED_0008] as [UInt64])
    func mutated(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var reader = OurReader()
        var (taken, refused) = (0, 0)
        var differences: [Difference: Int] = [:]
        for turn in 0..<5000 {
            let message = Self.maker.response(using: &random).encoded(random.pick(PlainMessage.Compression.allCases))
            let octets = random.mutated(message)
            let place: () -> Comment = { "seed \(seed), turn \(turn): \(hexadecimal(octets))" }
            let given = Result { () throws(LDNSError) in try MessageOracle(octets) }
            switch (reader.read(octets), given) {
            case (.success(let written), .success(let given)):
                try expectSame(try MessageOracle(written), given, place())
                taken += 1
            case (.failure, .failure): refused += 1
            case (.failure(let error), .success):
                let difference = Difference(refusing: octets, for: error)
                #expect(difference != nil, "only we refuse: \(error); \(place())")
                if let difference { differences[difference, default: 0] += 1 }
            case (.success, .failure(let error)):
                let difference = Difference(taking: octets)
                #expect(difference != nil, "only libldns refuses: \(error); \(place())")
                if let difference { differences[difference, default: 0] += 1 }
            }
        }
        #expect(taken > 500 && refused > 500)
        let listed = differences.values.reduce(0, +)
        #expect(listed < 100, "\(differences)")
    }

    /// A query that the answer may answer under `outer`, with OPT in half of the cases.
    private static func query(
        for message: PlainMessage, _ inner: PlainName, _ outer: PlainName, _ random: inout SplitMix64
    ) -> [UInt8] {
        var query = PlainMessage()
        query.id = UInt16(truncatingIfNeeded: random.next())
        query.flags = random.pick([0, 0x0100, 0x0110])
        query.questions = message.questions
        query.questions[0].name = query.questions[0].name.replacing(inner, with: outer)
        if random.oneIn(2) {
            query.additionals = [PlainRecord(PlainName(labels: []), type: 41, recordClass: 4096, ttl: 0, [.octets([])])]
        }
        return query.encoded()
    }

    /// The records of both, as libldns reads them, are the same; TTLs with the highest bit set became zero.
    private func expectSame(_ written: MessageOracle, _ given: MessageOracle, _ place: @autoclosure () -> Comment) throws {
        #expect(written.rcode == given.rcode, place())
        for section in MessageOracle.Section.allCases {
            let due = (given.records[section] ?? []).filter { $0.type != 250 }.map { record in
                ResourceRecord(
                    owner: record.owner, type: record.type, recordClass: record.recordClass,
                    ttl: record.ttl > 0x7FFF_FFFF ? 0 : record.ttl, data: record.data)
            }
            #expect(written.records[section] == due, place())
        }
    }
}
