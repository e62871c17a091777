import DNSWire
import DomainNames
import TestSupport
import Testing

@Suite("Replies for one client") struct ReplyWritingTests {
    private let owner = PlainName("mysql.test.svc.cluster.local")

    /// An answer of so many A records, each of 16 octets with its pointer.
    private func addresses(_ count: Int, _ owner: PlainName? = nil) -> [PlainRecord] {
        (0..<count).map { PlainRecord(owner ?? self.owner, type: 1, [.octets([10, 0, UInt8($0 >> 8), UInt8($0 & 0xFF)])]) }
    }

    @Test(
        "ID, RD and CD are the client's; QR and RA are set, AA and Z never",
        arguments: [
            (0x0000, 0x8400, 0x8080, "nothing asked: the cluster's AA goes"),
            (0x0100, 0x8400, 0x8180, "RD is copied"),
            (0x0010, 0x8400, 0x8090, "CD is copied (RFC 4035 section 3.2.2)"),
            (0x0100, 0x8583, 0x8183, "NXDOMAIN stays; the cluster's own RD is not ours"),
            (0x0000, 0x8455, 0x8085, "REFUSED stays; Z and the cluster's CD go"),
            (0x0120, 0x84A0, 0x8180, "AD goes where names were changed"),
        ])
    func flags(asked: Int, given: Int, due: Int, reason: String) throws {
        var asking = MappingCase(flags: UInt16(given))
        asking.answers = addresses(1)
        let reply = try asking.reply(to: asking.upstream(), flags: UInt16(asked))
        #expect(Array(reply.prefix(2)) == [0xBE, 0xEF])
        #expect(Int(reply[2]) << 8 | Int(reply[3]) == due, "\(reason)")
    }

    @Test func `AD is set only for clients that ask for it`() throws {
        var asking = MappingCase(outer: "cluster.local", name: "mysql.test.svc.cluster.local", flags: 0x84A0)
        asking.answers = addresses(1)
        let plain = try asking.reply(to: asking.upstream(), flags: 0x0100)
        let withAD = try asking.reply(to: asking.upstream(), flags: 0x0120)
        #expect(plain[3] & 0x20 == 0)
        #expect(withAD[3] & 0x20 == 0x20, "RFC 6840 section 5.8")
    }

    @Test func `one answer serves clients that spell the question differently`() throws {
        var asking = MappingCase()
        asking.answers = addresses(2)
        var prepared = PreparedAnswer()
        try asking.prepare(asking.upstream(), into: &prepared)
        for name in [
            "mysql.test.svc.prod.k8s.example.com", "MYSQL.TEST.SVC.PROD.K8S.EXAMPLE.COM", "mYsql.tEst.svC.prod.k8S.example.coM",
        ] {
            asking.name = name
            let reply = try PlainMessage(decoding: octets(of: prepared, to: asking.query(), limit: 512))
            #expect(reply.questions[0].name == PlainName(name))
            #expect(reply.answers.map(\.owner) == [PlainName(name), PlainName(name)])
        }
    }

    @Test(
        "an answer is cut between records at the client's limit, with TC",
        arguments: [
            (512, false), (512, true), (1232, false), (1232, true), (4096, true), (65_535, false), (65_535, true),
        ])
    func cut(limit: Int, hasEDNS: Bool) throws {
        let fixed = 12 + 41 + (hasEDNS ? 11 : 0)
        let room = (limit - fixed) / 16
        let counts = limit == 65_535 ? [300] : [room - 1, room, room + 1, 300]
        for count in counts {
            var asking = MappingCase()
            asking.answers = addresses(count)
            let reply = try asking.reply(to: asking.upstream(), payloadSize: hasEDNS ? limit : nil, limit: limit)
            let message = try PlainMessage(decoding: reply)
            #expect(reply.count <= limit)
            #expect(message.answers.count == min(count, room), "\(count) records")
            #expect(message.isTruncated == (count > room))
            #expect(message.answers.map(\.data) == asking.answers.prefix(room).map(\.data))
            #expect((message.opt != nil) == hasEDNS)
        }
    }

    @Test func `a missing authority record sets TC, missing additional ones do not`() throws {
        var asking = MappingCase()
        asking.answers = addresses(20)
        asking.authorities = [PlainRecord(PlainName("cluster.local"), type: 2, [.name(PlainName("ns.dns.cluster.local"))])]
        asking.additionals = addresses(20, PlainName("ns.dns.cluster.local"))
        for extra in 0..<10 {
            asking.answers = addresses(20 + extra)
            let message = try PlainMessage(decoding: asking.reply(to: asking.upstream(), limit: 512))
            #expect(message.isTruncated == (message.authorities.isEmpty || message.answers.count < 20 + extra))
        }
    }

    @Test func `of an additional RRset that does not fit, nothing is sent`() throws {
        // RFC 2181 section 9: without TC, a set is whole or absent.
        var asking = MappingCase(type: 33)
        let targets = (0..<2).map { PlainName("pod-\($0).mysql.test.svc.cluster.local") }
        asking.answers = targets.map { PlainRecord(owner, type: 33, [.octets([0, 0, 0, 0, 0, 80]), .name($0)]) }
        asking.additionals = addresses(8, targets[0]) + addresses(20, targets[1])
        let message = try PlainMessage(decoding: asking.reply(to: asking.upstream(), limit: 512))
        #expect(!message.isTruncated)
        #expect(message.answers.count == 2)
        #expect(message.additionals.count == 8, "the second set would go past 512 octets")
        asking.additionals = addresses(30, targets[0])
        let none = try PlainMessage(decoding: asking.reply(to: asking.upstream(), limit: 512))
        #expect(!none.isTruncated && none.additionals.isEmpty)
    }

    @Test func `OPT is for who sent one, says DO as asked, and names our payload size`() throws {
        var asking = MappingCase()
        asking.answers = addresses(1)
        asking.additionals = [PlainRecord(PlainName(""), type: 41, recordClass: 4096, ttl: 0x8000, [.octets([0, 10, 0, 1, 7])])]
        #expect(try PlainMessage(decoding: asking.reply(to: asking.upstream())).opt == nil)
        let opt = try PlainMessage(decoding: asking.reply(to: asking.upstream(), payloadSize: 4096)).opt
        #expect(opt == PlainRecord(PlainName(""), type: 41, recordClass: 1232, ttl: 0, [.octets([])]))
    }

    // MARK: - Extended DNS Errors

    @Test(
        "the text of an error, then the error, gives way to records",
        arguments: [
            (10, 10, "just room for all of it"), (9, 6, "room for the code"), (6, 6, "just room for the code"),
            (5, 0, "no room"), (0, 0, "full"),
        ])
    func errorRoom(room: Int, length: Int, reason: String) throws {
        var asking = MappingCase()
        asking.answers = addresses(20)
        let size = 12 + 41 + 20 * 16 + 11
        let error = ExtendedError(code: 22, text: Array("none".utf8))
        let reply = try asking.reply(to: asking.upstream(), payloadSize: 1232, limit: size + room, error: error)
        let message = try PlainMessage(decoding: reply)
        #expect(message.answers.count == 20 && !message.isTruncated)
        let options: [UInt8] = length == 0 ? [] : length == 6 ? [0, 15, 0, 2, 0, 22] : [0, 15, 0, 6, 0, 22] + Array("none".utf8)
        #expect(message.opt?.data == [.octets(options)], "\(reason)")
    }

    @Test func `an error that the cluster gave goes on, ours goes first`() throws {
        var asking = MappingCase()
        asking.additionals = [
            PlainRecord(PlainName(""), type: 41, recordClass: 1232, ttl: 0, [.octets([0, 15, 0, 3, 0, 13, 0x78])])
        ]
        let passed = try PlainMessage(decoding: asking.reply(to: asking.upstream(), payloadSize: 1232)).opt
        #expect(passed?.data == [.octets([0, 15, 0, 3, 0, 13, 0x78])])
        let ours = ExtendedError(.staleAnswer, "old")
        let own = try PlainMessage(decoding: asking.reply(to: asking.upstream(), payloadSize: 1232, error: ours)).opt
        #expect(own?.data == [.octets([0, 15, 0, 5, 0, 3] + Array("old".utf8))])
        let without = try PlainMessage(decoding: asking.reply(to: asking.upstream(), error: ours))
        #expect(without.additionals.isEmpty, "no EDNS, no error")
    }

    @Test func `a long text is cut between characters`() {
        #expect(ExtendedError(.other, String(repeating: "x", count: 300)).text.count == 200)
        let umlauts = ExtendedError(.other, "x" + String(repeating: "ü", count: 150)).text
        #expect(umlauts.count == 199)
        #expect(String(validating: umlauts, as: UTF8.self) != nil)
    }

    // MARK: - Age

    @Test func `age lowers every TTL that is sent, not below zero`() throws {
        var asking = MappingCase()
        asking.answers = [5, 30, 29].map { PlainRecord(owner, type: 1, ttl: $0, [.octets([1, 2, 3, 4])]) }
        asking.authorities = [PlainRecord(PlainName("cluster.local"), type: 16, ttl: 28_800, [.octets([1, 0x61])])]
        let message = try PlainMessage(decoding: asking.reply(to: asking.upstream(), payloadSize: 1232, freshness: .age(29)))
        #expect(message.answers.map(\.ttl) == [0, 1, 0])
        #expect(message.authorities.map(\.ttl) == [28_771])
        asking.answers = addresses(60)
        let cutReply = try asking.reply(to: asking.upstream(), payloadSize: 512, limit: 512, freshness: .age(29))
        let cut = try PlainMessage(decoding: cutReply)
        #expect(cut.answers.allSatisfy { $0.ttl == 1 } && cut.isTruncated)
    }

    @Test func `a stale answer says the same seconds everywhere`() throws {
        var asking = MappingCase()
        asking.answers = [0, 300].map { PlainRecord(owner, type: 1, ttl: $0, [.octets([1, 2, 3, 4])]) }
        let message = try PlainMessage(decoding: asking.reply(to: asking.upstream(), freshness: .stale(30)))
        #expect(message.answers.map(\.ttl) == [30, 30])
    }

    // MARK: - Order of addresses

    @Test("addresses of one name trade places, all else stays", arguments: [0, 1, 2, 5, .max] as [UInt32])
    func rotation(steps: UInt32) throws {
        var asking = MappingCase()
        let pod = PlainName("pod-0.mysql.test.svc.cluster.local")
        let text = PlainRecord(owner, type: 16, [.octets([1, 0x61])])
        asking.answers = addresses(3) + [text] + addresses(1) + addresses(2, pod)
        asking.additionals = addresses(2, pod)
        let still = try asking.plainReply()
        let message = try PlainMessage(decoding: asking.reply(to: asking.upstream(), rotation: steps))
        let shift = Int(steps % 3)
        #expect(message.answers.prefix(3).map(\.data) == (0..<3).map { still.answers[($0 + shift) % 3].data })
        #expect(message.answers[3...4] == still.answers[3...4])
        #expect(Set(message.answers[5...6]) == Set(still.answers[5...6]))
        #expect(message.additionals == still.additionals)
    }

    /// SRV records that point to pods with names of different lengths.
    private func services(_ count: Int, to domain: String = "cluster.local") -> [PlainRecord] {
        (0..<count).map { index in
            let pod = String(repeating: "p", count: index % 7 + 1) + "-\(index)"
            let numbers = PlainField.octets([0, 0, 0, 0, 0, UInt8(index & 0xFF)])
            return PlainRecord(owner, type: 33, ttl: 30, [numbers, .name(PlainName("\(pod).mysql.test.svc." + domain))])
        }
    }

    @Test("services of one name trade places, whatever their lengths", arguments: [0, 1, 2, 6, 7, .max] as [UInt32])
    func serviceRotation(steps: UInt32) throws {
        for outer in ["prod.k8s.example.com", "cluster.local"] {
            var asking = MappingCase(outer: outer, name: "mysql.test.svc." + outer, type: 33)
            let text = PlainRecord(owner, type: 16, ttl: 30, [.octets([1, 0x61])])
            asking.answers = services(7) + [text] + services(2)
            asking.additionals = services(7).flatMap { record in
                record.data.compactMap { if case .name(let name) = $0 { name } else { nil } }
                    .map { PlainRecord($0, type: 1, ttl: 30, [.octets([10, 0, 0, 1])]) }
            }
            for compression in PlainMessage.Compression.allCases {
                let upstream = asking.upstream(compression)
                let still = try PlainMessage(decoding: asking.reply(to: upstream, freshness: .age(9)))
                let message = try PlainMessage(decoding: asking.reply(to: upstream, freshness: .age(9), rotation: steps))
                let shift = Int(steps % 7)
                #expect(Array(message.answers.prefix(7)) == (0..<7).map { still.answers[($0 + shift) % 7] })
                #expect(message.answers[7] == still.answers[7])
                #expect(Set(message.answers[8...9]) == Set(still.answers[8...9]))
                #expect(message.additionals == still.additionals)
                #expect(message.answers.allSatisfy { $0.ttl == 21 })
            }
        }
    }

    @Test func `a truncated service set rotates which records are sent`() throws {
        var asking = MappingCase(type: 33)
        asking.answers = services(40)
        let still = try PlainMessage(decoding: asking.reply(to: asking.upstream(), limit: 512))
        let message = try PlainMessage(decoding: asking.reply(to: asking.upstream(), limit: 512, rotation: 1))
        #expect(message.isTruncated && message.answers.count == still.answers.count && still.answers.count > 3)
        #expect(message.answers == Array(still.answers.dropFirst()) + [still.answers[0]])
    }

    @Test func `only addresses of the right length and one class trade places`() throws {
        var asking = MappingCase()
        asking.answers = [
            PlainRecord(owner, type: 1, recordClass: 3, [.octets([])]),
            PlainRecord(owner, type: 1, recordClass: 3, [.octets([1, 2, 3, 4, 5])]),
            PlainRecord(owner, type: 1, recordClass: 3, [.octets([1, 2, 3, 4])]),
            PlainRecord(owner, type: 1, [.octets([5, 6, 7, 8])]),
        ]
        let still = try asking.plainReply()
        let message = try PlainMessage(decoding: asking.reply(to: asking.upstream(), rotation: 1))
        #expect(message == still)
    }

    // MARK: - Without records

    @Test func `an error echoes the question, the ID and what is copied`() throws {
        let asking = MappingCase()
        let query = asking.query(payloadSize: 1232, flags: 0x0110)
        let header = try MessageHeader(reading: query.span)
        guard case .query(let asked) = ClientMessage(reading: query.span) else {
            Issue.record("refused")
            return
        }
        for (question, edns) in [(asking.question, asked.edns), ([], nil)] {
            var buffer = OctetBuffer(capacity: 64)
            buffer.append(7)
            let terms = ReplyTerms(header: header, edns: edns, limit: 512)
            buffer.appendEmptyReply(.badVersion, to: question.span, terms, error: ExtendedError(.other, "no"))
            let message = try PlainMessage(decoding: buffer.span.indices.dropFirst().map { buffer.span[$0] })
            #expect(message.id == 0xBEEF && message.flags == 0x8190)
            #expect(message.questions.map(\.wire) == (question.isEmpty ? [] : [question]))
            #expect(message.opt?.ttl == (edns == nil ? nil : 0x0100_0000), "BADVERS is 16")
            #expect(message.opt?.data == (edns == nil ? nil : [.octets([0, 15, 0, 4, 0, 0] + Array("no".utf8))]))
        }
    }
}
