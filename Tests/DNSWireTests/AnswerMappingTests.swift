import DNSWire
import DomainNames
import TestSupport
import Testing

@Suite("Answers under the names that were asked") struct AnswerMappingTests {
    @Test("names in the data of each type come back under the suffix that was asked", arguments: rows)
    fileprivate func dataNames(row: Row) throws {
        for compression in PlainMessage.Compression.allCases {
            for section in 0..<3 {
                var asking = MappingCase(type: row.type)
                let record = PlainRecord(PlainName("MySQL.test.svc.Cluster.local"), type: row.type, row.given)
                let due = PlainRecord(PlainName("MySQL.test.svc.prod.k8s.example.com"), type: row.type, row.due)
                if section == 0 { asking.answers = [record, record] }
                if section == 1 { asking.authorities = [record, record] }
                if section == 2 { asking.additionals = [record, record] }
                let reply = try asking.plainReply(compression)
                #expect(reply.sections[section].map(flat) == [flat(due), flat(due)], "section \(section), \(compression)")
                #expect(reply.sections.joined().count == 2)
            }
        }
    }

    @Test("in data, only the types of RFC 1035 are compressed", arguments: rows)
    fileprivate func compression(row: Row) throws {
        var asking = MappingCase(type: row.type)
        let owner = PlainName("mysql.test.svc.cluster.local")
        asking.answers = [PlainRecord(owner, type: row.type, row.given), PlainRecord(owner, type: row.type, row.given)]
        let reply = try asking.reply(to: asking.upstream())
        let length = row.due.reduce(0) { sum, field in
            switch field {
            case .octets(let octets): sum + octets.count
            case .name(let name): sum + (row.mayCompress ? min(name.length, 2) : name.length)
            }
        }
        // The second record ends the message; its owner is a pointer, and all its names are in the first one.
        let last = Array(reply.suffix(12 + length))
        #expect(Array(last.prefix(4)) == [0xC0, 12] + octets16(row.type))
        #expect(Array(last[10..<12]) == octets16(length))
    }

    @Test func `the letter case of all that is not the suffix is kept`() throws {
        var asking = MappingCase(name: "MySQL.tEsT.svc.PROD.k8s.Example.COM")
        asking.answers = [
            PlainRecord(PlainName("MySQL.tEsT.svc.CLUSTER.local"), type: 5, [name("Pod-0.MySQL.tEsT.SVC.cluster.LOCAL")]),
            PlainRecord(PlainName("Pod-0.MySQL.tEsT.SVC.cluster.LOCAL"), type: 5, [name("WWW.Example.Net")]),
        ]
        let reply = try asking.plainReply(.none)
        #expect(reply.questions[0].name == PlainName("MySQL.tEsT.svc.PROD.k8s.Example.COM"))
        #expect(reply.answers[0].owner.labels.prefix(3) == PlainName("MySQL.tEsT.svc").labels.prefix(3))
        #expect(reply.answers[0].owner.isSame(as: reply.questions[0].name))
        #expect(reply.answers[0].data == [name("Pod-0.MySQL.tEsT.SVC.prod.k8s.example.com")])
        #expect(reply.answers[1].data == [name("WWW.Example.Net")])
    }

    @Test func `an owner that points at the question follows the case of each question`() throws {
        var asking = MappingCase(name: "mYsQl.TeSt.svc.pRoD.k8s.example.com")
        asking.answers = [PlainRecord(PlainName("mYsQl.TeSt.svc.cluster.local"), type: 1, [.octets([1, 2, 3, 4])])]
        let reply = try asking.plainReply(.owners)
        #expect(reply.answers[0].owner == reply.questions[0].name)
    }

    @Test(
        "owners follow the case of each question, however the cluster writes them",
        arguments: [
            "prod.k8s.example.com", "cluster.local",
        ])
    func ownerCase(outer: String) throws {
        for compression in PlainMessage.Compression.allCases {
            var asking = MappingCase(outer: outer, name: "mysql.test.svc." + outer, type: 33)
            let owner = PlainName("mysql.test.svc.CLUSTER.local")
            let pod = PlainName("pod-0.mysql.TEST.svc.cluster.local")
            asking.answers = [PlainRecord(owner, type: 33, [numbers, .name(pod)])]
            asking.authorities = [PlainRecord(PlainName("Cluster.local"), type: 2, [name("ns.dns.cluster.local")])]
            asking.additionals = [PlainRecord(pod, type: 1, [.octets([1, 2, 3, 4])])]
            var prepared = PreparedAnswer()
            try asking.prepare(asking.upstream(compression), into: &prepared)
            for spelling in ["mysql.test.svc.\(outer)", "MYSQL.test.SVC.\(outer.uppercased())", "mYsql.tEst.svC.\(outer)"] {
                asking.name = spelling
                let reply = try PlainMessage(decoding: octets(of: prepared, to: asking.query(), limit: 512))
                let asked = PlainName(spelling)
                #expect(reply.answers[0].owner == asked, "\(compression)")
                #expect(reply.additionals[0].owner == PlainName(labels: [Array("pod-0".utf8)] + asked.labels))
                #expect(reply.authorities[0].owner == PlainName(labels: Array(asked.labels.dropFirst(3))))
                // Data keeps its spelling.
                #expect(reply.answers[0].data.last == .name(PlainName("pod-0.mysql.TEST.svc." + outer)))
            }
        }
    }

    @Test func `owners in another case than the question's are pointers to it`() throws {
        for (asked, outer) in [
            ("MYSQL.Test.svc.PROD.k8s.example.com", "prod.k8s.example.com"), ("MYSQL.test.SVC.cluster.LOCAL", "cluster.local"),
        ] {
            var asking = MappingCase(outer: outer, name: asked)
            let owner = PlainName("mysql.test.svc.cluster.local")
            asking.answers = (0..<3).map { PlainRecord(owner, type: 1, [.octets([10, 0, 0, $0])]) }
            let reply = try asking.reply(to: asking.upstream(.none))
            #expect(reply.count == 12 + asking.question.count + 3 * 16)
        }
    }

    @Test func `pointers go backwards and names that stand already are pointed at`() throws {
        var asking = MappingCase(type: 33)
        let owner = PlainName("mysql.test.svc.cluster.local")
        for index in 0..<40 {
            let target = PlainName("pod-\(index).mysql.test.svc.cluster.local")
            asking.answers.append(PlainRecord(owner, type: 33, [numbers, .name(target)]))
            asking.additionals.append(PlainRecord(target, type: 1, [.octets([10, 0, 0, UInt8(index)])]))
        }
        let reply = try asking.reply(to: asking.upstream(.none))
        _ = try PlainMessage(decoding: reply)  // its decoder refuses every pointer that is not backwards
        // An SRV owner is a pointer, its target whole; an additional owner is one label and a pointer.
        let fixed = 12 + asking.question.count
        let targets = (0..<40).map { PlainName("pod-\($0).mysql.test.svc.prod.k8s.example.com").length }.reduce(0, +)
        let labels = (0..<40).map { 1 + "pod-\($0)".utf8.count }.reduce(0, +)
        #expect(reply.count == fixed + 40 * (2 + 10 + 6) + targets + 40 * (2 + 10 + 4) + labels)
    }

    @Test func `names past offset 0x3FFF are not pointed at`() throws {
        var asking = MappingCase(type: 16)
        let owner = PlainName("mysql.test.svc.cluster.local")
        let long = [UInt8](repeating: 200, count: 201)
        asking.answers = (0..<100).map { _ in PlainRecord(owner, type: 16, [.octets(long)]) }
        let late = PlainName("late.elsewhere.net")
        asking.additionals = (0..<3).map { PlainRecord(late, type: 1, [.octets([10, 0, 0, $0])]) }
        let reply = try asking.plainReply(.none)
        #expect(reply.additionals.map(\.owner) == [late, late, late])
        #expect(reply.answers.count == 100)
    }

    /// Owner, numbers and data; neighbouring octets joined.
    private func flat(_ record: PlainRecord) -> PlainRecord {
        var record = record
        var data: [PlainField] = []
        for field in record.data {
            if case .octets(let new) = field, case .octets(let old)? = data.last {
                data[data.count - 1] = .octets(old + new)
            } else {
                data.append(field)
            }
        }
        record.data = data
        // Any letter case of the owner's suffix will do: see the tests of letter case.
        record.owner = record.owner.lowercased
        return record
    }
}

/// A record's data as a cluster gives it and as the client must see it; `N(…)` are names, the rest octets.
private struct Row: Sendable, CustomTestStringConvertible {
    let reason: String
    let type: Int
    let given: [PlainField]
    let due: [PlainField]
    /// May a name in the data be written as a pointer (RFC 3597 section 4)?
    let mayCompress: Bool

    init(_ reason: String, _ type: Int, _ given: [PlainField], _ due: [PlainField], compress: Bool = false) {
        self.reason = reason
        self.type = type
        self.given = given
        self.due = due
        mayCompress = compress
    }

    var testDescription: String { reason }
}

private func name(_ text: String) -> PlainField { .name(PlainName(text)) }

private let numbers: PlainField = .octets([0, 1, 0, 2, 0, 80])
private let two: PlainField = .octets([0, 10])
private let serial: PlainField = .octets([UInt8](repeating: 9, count: 20))
private let inner = name("a.svc.cluster.local")
private let outer = name("a.svc.prod.k8s.example.com")
private let other = name("b.pod.cluster.local")
private let otherOuter = name("b.pod.prod.k8s.example.com")
private let foreign = name("www.example.net")
private let nearMiss = name("a.svc.acluster.local")
/// The name `a.cluster.local` uncompressed, as octets that must not be read as a name.
private let opaque: PlainField = .octets(PlainName("a.cluster.local").wire)

private let rows = [
    Row("NS", 2, [inner], [outer], compress: true),
    Row("CNAME", 5, [inner], [outer], compress: true),
    Row("CNAME that leaves the cluster", 5, [foreign], [foreign], compress: true),
    Row("CNAME to the domain itself", 5, [name("cluster.local")], [name("prod.k8s.example.com")], compress: true),
    Row("CNAME to a name that only looks alike", 5, [nearMiss], [nearMiss], compress: true),
    Row("CNAME to the root", 5, [name("")], [name("")], compress: true),
    Row("SOA, mname and rname", 6, [inner, other, serial], [outer, otherOuter, serial], compress: true),
    Row("SOA, rname outside", 6, [inner, foreign, serial], [outer, foreign, serial], compress: true),
    Row("MB", 7, [inner], [outer], compress: true),
    Row("PTR", 12, [inner], [outer], compress: true),
    Row("MINFO", 14, [inner, other], [outer, otherOuter], compress: true),
    Row("MX", 15, [two, inner], [two, outer], compress: true),
    Row("RP", 17, [inner, other], [outer, otherOuter]),
    Row("AFSDB", 18, [two, inner], [two, outer]),
    Row("RT", 21, [two, inner], [two, outer]),
    Row("PX", 26, [two, inner, other], [two, outer, otherOuter]),
    Row("SRV", 33, [numbers, inner], [numbers, outer]),
    Row("SRV, target outside", 33, [numbers, foreign], [numbers, foreign]),
    Row(
        "NAPTR, empty strings", 35, [.octets([0, 1, 0, 2]), .octets([0]), .octets([0]), .octets([0]), inner],
        [.octets([0, 1, 0, 2]), .octets([0]), .octets([0]), .octets([0]), outer]),
    Row(
        "NAPTR, strings of which one looks like a name", 35,
        [.octets([0, 1, 0, 2]), .octets([1, 0x73]), .octets([2, 0xC0, 12]), .octets([3, 1, 0x61, 0]), inner],
        [.octets([0, 1, 0, 2]), .octets([1, 0x73]), .octets([2, 0xC0, 12]), .octets([3, 1, 0x61, 0]), outer]),
    Row("KX", 36, [two, inner], [two, outer]),
    Row("DNAME", 39, [inner], [outer]),
    Row(
        "SVCB with parameters", 64, [.octets([0, 1]), inner, .octets([0, 3, 0, 2, 1, 0xBB])],
        [.octets([0, 1]), outer, .octets([0, 3, 0, 2, 1, 0xBB])]),
    Row(
        "HTTPS, target the owner itself (RFC 9460 section 2.5)", 65, [.octets([0, 1]), name(""), .octets([])],
        [.octets([0, 1]), name(""), .octets([])]),
    Row("HTTPS in alias mode", 65, [.octets([0, 0]), inner, .octets([])], [.octets([0, 0]), outer, .octets([])]),
    Row("LP", 107, [two, inner], [two, outer]),
    Row("A", 1, [.octets([10, 0, 0, 1])], [.octets([10, 0, 0, 1])]),
    Row("AAAA", 28, [.octets([UInt8](repeating: 0xC0, count: 16))], [.octets([UInt8](repeating: 0xC0, count: 16))]),
    Row("TXT that holds a name", 16, [.octets([17]), opaque], [.octets([17]), opaque]),
    Row("an unknown type, octet by octet (RFC 3597)", 65_280, [opaque], [opaque]),
    Row("an unknown type with what looks like a pointer", 65_281, [.octets([0xC0, 12])], [.octets([0xC0, 12])]),
    Row("an unknown type without data", 65_282, [.octets([])], [.octets([])]),
    Row("A of another class is opaque", 1, [.octets([1, 2, 3, 4])], [.octets([1, 2, 3, 4])]),
]
