import DNSWire
import DomainNames
import TestSupport
import Testing

@Suite("Answers that cannot be mapped, or need care") struct AnswerMappingLimitsTests {
    private let owner = PlainName("mysql.test.svc.cluster.local")

    private func address(_ owner: PlainName, _ last: UInt8 = 1, ttl: UInt32 = 30) -> PlainRecord {
        PlainRecord(owner, type: 1, ttl: ttl, [.octets([10, 0, 0, last])])
    }

    private func opt(_ options: [UInt8] = [], owner: String = "", ttl: UInt32 = 0) -> PlainRecord {
        PlainRecord(PlainName(owner), type: 41, recordClass: 1232, ttl: ttl, [.octets(options)])
    }

    /// What mapping this answer throws.
    private func failure(_ asking: MappingCase, _ upstream: [UInt8]? = nil) -> MappingError? {
        var prepared = PreparedAnswer()
        do {
            try asking.prepare(upstream ?? asking.upstream(), into: &prepared)
            return nil
        } catch {
            return error as? MappingError
        }
    }

    // MARK: - Growing

    @Test("a name that would pass 255 octets fails the answer and is shown", arguments: [0, 1])
    func longName(place: Int) throws {
        // 247 octets under the inner suffix of 15; the outer one has 22.
        let labels = [63, 63, 63, 39].map { [UInt8](repeating: 0x78, count: $0) }
        let long = PlainName(labels: labels + PlainName("cluster.local").labels)
        #expect(long.length == 247)
        var asking = MappingCase()
        asking.answers = [place == 0 ? address(long) : PlainRecord(owner, type: 33, [.octets([0, 0, 0, 0, 0, 0]), .name(long)])]
        #expect(failure(asking) == nil, "254 octets")
        asking.answers[0] = PlainRecord(owner, type: 5, [.name(PlainName(labels: [[0x61]] + long.labels))])
        #expect(failure(asking) == .nameWouldExceedLimit(name: [1, 0x61] + long.wire), "256 octets")
    }

    /// A headless service of so many pods, whose mapped answer is longer than the cluster's.
    private func services(_ count: Int, withAddresses: Bool = false) -> MappingCase {
        var asking = MappingCase(outer: "a-rather-long-name-of-a-cluster.k8s.example.com", type: 33)
        asking.name = "mysql.test.svc." + asking.outer
        for index in 0..<count {
            let target = PlainName("pod-\(index).mysql.test.svc.cluster.local")
            asking.answers.append(PlainRecord(owner, type: 33, [.octets([0, 0, 0, 0, 0, 80]), .name(target)]))
            if withAddresses { asking.additionals.append(address(target)) }
        }
        return asking
    }

    @Test func `beyond 65,535 octets additional records go first, whole sets of them and without TC`() throws {
        let asking = services(700, withAddresses: true)
        let upstream = asking.upstream(.everywhere)
        #expect(upstream.count < 65_535)
        let message = try PlainMessage(decoding: asking.reply(to: upstream))
        #expect(message.answers.count == 700)
        #expect(!message.isTruncated)
        #expect((1..<700).contains(message.additionals.count))
        var twice = asking
        twice.additionals = asking.additionals.flatMap { [$0, address($0.owner, 2)] }
        let pairs = try PlainMessage(decoding: twice.reply(to: twice.upstream(.everywhere)))
        #expect(pairs.additionals.count % 2 == 0 && !pairs.additionals.isEmpty && !pairs.isTruncated)
    }

    @Test func `beyond 65,535 octets what a client can use arrives, with TC`() throws {
        var asking = services(1000)
        let upstream = asking.upstream(.owners)
        #expect(upstream.count < 60_000)
        let reply = try asking.reply(to: upstream)
        let message = try PlainMessage(decoding: reply)
        #expect(message.isTruncated && reply.count <= 65_535 && reply.count > 65_400)
        #expect(message.answers == Array(try services(1000).expected().prefix(message.answers.count)))
        // A complete set before it is an answer without it.
        asking.answers.insert(PlainRecord(owner, type: 16, [.octets([1, 0x61])]), at: 0)
        let first = try PlainMessage(decoding: asking.reply(to: asking.upstream(.owners)))
        #expect(first.answers.map(\.type) == [16] && first.isTruncated)
        // An alias is none.
        asking.answers[0] = PlainRecord(owner, type: 5, [.name(owner)])
        let alias = try PlainMessage(decoding: asking.reply(to: asking.upstream(.owners)))
        #expect(alias.answers.count > 700 && alias.isTruncated)
    }

    @Test func `beyond 65,535 octets authority records go in whole sets, with TC`() throws {
        var asking = services(700)
        let zone = PlainName("cluster.local")
        asking.authorities = (0..<500).map { PlainRecord(zone, type: 2, [.name(PlainName("ns\($0).elsewhere.example"))]) }
        asking.additionals = [address(owner)]
        let message = try PlainMessage(decoding: asking.reply(to: asking.upstream(.owners)))
        #expect(message.answers.count == 700 && message.authorities.isEmpty && message.additionals.isEmpty)
        #expect(message.isTruncated)
    }

    @Test func `an additional name that would pass 255 octets fails nothing`() throws {
        let labels = [63, 63, 63, 47].map { [UInt8](repeating: 0x78, count: $0) }
        let long = PlainName(labels: labels + PlainName("cluster.local").labels)
        var asking = MappingCase()
        asking.answers = [address(owner)]
        asking.additionals = [address(PlainName("a.cluster.local")), address(long)]
        let message = try asking.plainReply()
        #expect(message.answers.count == 1 && message.additionals.count == 1 && !message.isTruncated)
    }

    @Test func `TC of the cluster is passed on`() throws {
        var asking = MappingCase(flags: 0x8600)
        asking.answers = [address(owner)]
        let message = try asking.plainReply()
        #expect(message.isTruncated && message.answers.count == 1)
    }

    @Test func `the mapper and its answer can be used again after a failure`() throws {
        var asking = MappingCase()
        asking.answers = [address(owner), address(owner)]
        let mapping = NameMapping(
            inner: try DomainName(parsing: asking.inner), outer: try DomainName(parsing: asking.outer))
        var mapper = AnswerMapper()
        var prepared = PreparedAnswer()
        for turn in 0..<4 {
            asking.answers[1] = turn % 2 == 1 ? address(owner, 2) : PlainRecord(owner, type: 1, [.octets([1, 2, 3])])
            let upstream = asking.upstream()
            let question = asking.question
            let read = try Question(reading: upstream.span)
            do throws(MappingError) {
                try mapper.map(upstream.span, read, to: question.span, by: AnswerTerms(names: mapping), into: &prepared)
            } catch {
                #expect(turn % 2 == 0)
                continue
            }
            #expect(turn % 2 == 1)
            #expect(try PlainMessage(decoding: octets(of: prepared, to: asking.query(), limit: 512)).answers.count == 2)
        }
    }

    // MARK: - What the mapping leaves out or corrects

    @Test func `TTLs with the highest bit set become zero, others stay`() throws {
        for outer in ["prod.k8s.example.com", "cluster.local"] {
            var asking = MappingCase(outer: outer, name: "mysql.test.svc." + outer)
            let given: [UInt32] = [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF]
            asking.answers = given.map { address(owner, ttl: $0) }
            #expect(try asking.plainReply().answers.map(\.ttl) == [0, 1, 0x7FFF_FFFF, 0, 0])
        }
    }

    @Test func `signatures go where names were changed, and stay where they were not`() throws {
        let next = PlainField.name(PlainName("z.cluster.local"))
        for outer in ["prod.k8s.example.com", "cluster.local"] {
            var asking = MappingCase(outer: outer, name: "mysql.test.svc." + outer, flags: 0x84A0)
            asking.answers = [
                address(owner),
                PlainRecord(owner, type: 46, [.octets([UInt8](repeating: 0, count: 18)), next, .octets([1, 2])]),
                PlainRecord(owner, type: 47, [next, .octets([0, 1, 0x40])]), address(owner, 2),
                PlainRecord(owner, type: 50, [.octets([1, 0, 0, 0, 0, 1, 9, 0, 1, 0x40])]),
            ]
            let message = try PlainMessage(decoding: asking.reply(to: asking.upstream(), flags: 0x0120))
            let isSame = outer == "cluster.local"
            #expect(message.answers.map(\.type) == (isSame ? [1, 46, 47, 1, 50] : [1, 1]))
            #expect(message.flags & 0x0020 == (isSame ? 0x0020 : 0), "AD")
        }
    }

    @Test("the cluster's OPT is removed from any place", arguments: ["prod.k8s.example.com", "cluster.local"])
    func middleOPT(outer: String) throws {
        for place in 0..<3 {
            var asking = MappingCase(outer: outer, name: "mysql.test.svc." + outer)
            let pod = PlainName("pod-0.mysql.test.svc.cluster.local")
            asking.answers = [address(owner)]
            asking.additionals = [address(pod), address(pod, 2)]
            asking.additionals.insert(opt([0, 10, 0, 1, 9]), at: place)
            let reply = try asking.plainReply()
            #expect(reply.additionals.map(\.type) == [1, 1])
            let due = PlainName("pod-0.mysql.test.svc." + outer)
            #expect(reply.additionals.map(\.owner) == [due, due])
        }
    }

    @Test func `TSIG of the cluster's hop is removed`() throws {
        var asking = MappingCase()
        asking.additionals = [PlainRecord(PlainName("key"), type: 250, recordClass: 255, ttl: 0, [.octets([1])])]
        #expect(try asking.plainReply().additionals.isEmpty)
    }

    @Test("what is wrong with an answer is found under any suffix", arguments: ["prod.k8s.example.com", "cluster.local"])
    func malformed(outer: String) throws {
        let name = PlainField.name(PlainName("cluster.local"))
        let rows: [(reason: String, type: Int, data: [PlainField])] = [
            ("A of three octets", 1, [.octets([1, 2, 3])]), ("AAAA of four", 28, [.octets([1, 2, 3, 4])]),
            ("CNAME without data", 5, [.octets([])]), ("CNAME with an octet behind it", 5, [name, .octets([0])]),
            ("SOA with one name", 6, [name]), ("SOA that ends early", 6, [name, name, .octets([0, 0, 0, 1])]),
            ("MX without a name", 15, [.octets([0, 1])]), ("MX of one octet", 15, [.octets([0])]),
            ("SRV without a name", 33, [.octets([0, 0, 0, 0, 0, 80])]),
            ("NAPTR whose string runs out", 35, [.octets([0, 1, 0, 2, 9, 1])]),
            ("NAPTR without a name", 35, [.octets([0, 1, 0, 2, 0, 0, 0])]),
            ("SVCB of one octet", 64, [.octets([0])]),
            ("CNAME whose pointer goes forwards", 5, [.octets([0xFF, 0])]),
            ("CNAME with half a pointer", 5, [.octets([0xC0])]),
            ("MX whose name is cut off by its length", 15, [.octets([0, 1, 5, 0x61])]),
        ]
        for row in rows {
            var asking = MappingCase(outer: outer, name: "mysql.test.svc." + outer)
            asking.answers = [PlainRecord(owner, type: row.type, row.data), address(owner)]
            guard case .wire = failure(asking) else {
                Issue.record("accepted: \(row.reason)")
                continue
            }
        }
    }

    @Test func `an OPT that no answer may carry is refused`() throws {
        var asking = MappingCase()
        asking.additionals = [opt(), opt()]
        #expect(failure(asking) == .wire(.misplacedOPT(offset: 12 + 34 + 11)), "a second one")
        asking.additionals = [opt(owner: "a")]
        #expect(failure(asking) == .wire(.misplacedOPT(offset: 12 + 34)), "one below a name")
        asking.additionals = [opt([0, 10, 0, 2, 1])]
        #expect(failure(asking) == .wire(.dataLength(offset: 12 + 34 + 11)), "one whose option runs out")
        (asking.additionals, asking.answers) = ([], [opt()])
        #expect(failure(asking) == .wire(.misplacedOPT(offset: 12 + 34)), "one in the answer section")
    }

    @Test func `a response code above 15 concerns this hop only, and is not an answer`() throws {
        for outer in ["prod.k8s.example.com", "cluster.local"] {
            var asking = MappingCase(outer: outer, name: "mysql.test.svc." + outer)
            asking.additionals = [opt(ttl: 0x0100_0000)]
            #expect(failure(asking) == .wire(.extendedRcode(16)), "BADVERS would go out as NOERROR")
        }
    }

    @Test func `a pointer into the header is refused, since each client has its own`() throws {
        for outer in ["prod.k8s.example.com", "cluster.local"] {
            var asking = MappingCase(outer: outer, name: "mysql.test.svc." + outer)
            asking.answers = [PlainRecord(owner, type: 5, [.octets([0xC0, 4])])]
            guard case .wire(.headerPointer) = failure(asking) else {
                Issue.record("accepted under \(outer)")
                continue
            }
        }
    }

    @Test("each cut of an answer is refused", arguments: ["prod.k8s.example.com", "cluster.local"])
    func cuts(outer: String) throws {
        var asking = MappingCase(outer: outer, name: "mysql.test.svc." + outer)
        asking.answers = [address(owner), PlainRecord(owner, type: 5, [.name(PlainName("x.cluster.local"))])]
        asking.additionals = [opt([0, 10, 0, 1, 9])]
        let whole = asking.upstream()
        #expect(failure(asking, whole) == nil)
        for count in (12 + 34)..<whole.count {
            #expect(failure(asking, Array(whole.prefix(count))) != nil, "\(count) of \(whole.count) octets")
        }
    }
}
