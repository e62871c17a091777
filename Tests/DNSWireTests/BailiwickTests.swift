import DNSWire
import DomainNames
import TestSupport
import Testing

@Suite("What a cluster may say") struct BailiwickTests {
    @Test("nothing outside of what it was asked for leaves towards a client", arguments: rows)
    fileprivate func bounds(row: Row) throws {
        for compression in PlainMessage.Compression.allCases {
            let name = row.name.isEmpty ? row.suffix : row.name + "." + row.suffix
            var asking = MappingCase(outer: row.suffix, name: name, type: row.type)
            asking.bailiwick = try bailiwick(row)
            let records = row.given.map(record)
            if row.section == 0 { asking.answers = records }
            if row.section == 1 { asking.authorities = records }
            if row.section == 2 { asking.additionals = records }
            let reply = try asking.plainReply(compression)
            #expect(reply.sections[row.section].map(\.type) == row.due, "\(compression)")
            #expect(reply.sections.joined().count == row.due.count)
        }
    }

    @Test func `behind an alias to outside comes the SOA of a negative answer`() throws {
        var asking = MappingCase(name: "web.test.svc." + prod)
        asking.bailiwick = try bailiwick(rows[0])
        asking.answers = [record((asked, 5, "db.example.net"))]
        asking.authorities = [
            record(("example.net", 6, "example.net")), record(("example.net", 2, "evil.example")),
            record(("prod.lan", 6, "evil.example")), record(("other.example", 6, "evil.example")),
        ]
        let owners = try asking.plainReply().authorities.map(\.owner)
        #expect(owners == [PlainName("example.net")])
    }

    @Test func `a reverse name has its own records, its like behind an alias, and the SOA of a no`() throws {
        let name = "9.33.17.172.in-addr.arpa"
        var asking = MappingCase(outer: prod, name: name, type: 12)
        asking.bailiwick = try bailiwick(rows[0])
        asking.answers = [
            record(("33.17.172.in-addr.arpa", 39, "evil.example")), record((name, 5, "9.0-63.33.17.172.in-addr.arpa")),
            record(("9.0-63.33.17.172.in-addr.arpa", 12, "web.test.svc.cluster.local")),
        ]
        asking.authorities = [record(("in-addr.arpa", 2, "evil.example"))]
        #expect(try asking.plainReply().sections.map { $0.map(\.type) } == [[5, 12], [], []])
        asking.answers = [
            record((name, 5, "9.34.17.172.in-addr.arpa")), record(("9.34.17.172.in-addr.arpa", 12, "evil.example")),
        ]
        #expect(try asking.plainReply().answers.map(\.type) == [5], "another cluster's, it may be")
        asking.answers = []
        asking.authorities = [record(("in-addr.arpa", 6, "in-addr.arpa")), record(("ip6.arpa", 6, "ip6.arpa"))]
        #expect(try asking.plainReply().authorities.map(\.owner) == [PlainName("in-addr.arpa")])
    }

    @Test func `a resolver is in bailiwick for all names`() throws {
        var asking = MappingCase(inner: "net", outer: "net", name: "www.example.net")
        asking.bailiwick = .allNames
        asking.answers = [
            record(("net", 39, "example")), record(("www.example.net", 5, "www.example")), record(("www.example", 1, "")),
            record(("elsewhere.example", 1, "")),
        ]
        asking.authorities = [record(("com", 2, "a.example"))]
        #expect(try asking.plainReply().sections.map { $0.map(\.type) } == [[39, 5, 1, 1], [2], []])
    }

    private func record(_ row: (owner: String, type: Int, target: String)) -> PlainRecord {
        let target = PlainField.name(PlainName(row.target))
        let data: [PlainField] =
            switch row.type {
            case 1: [.octets([10, 0, 0, 1])]
            case 16: [.octets([1, 0x61])]
            case 6: [target, target, .octets([UInt8](repeating: 0, count: 20))]
            default: [target]
            }
        return PlainRecord(PlainName(row.owner), type: row.type, data)
    }

    private func bailiwick(_ row: Row) throws -> Bailiwick {
        .cluster(
            ClusterBailiwick(
                try suffixes(), own: row.own, suffix: try DomainName(parsing: row.suffix), isAlone: row.isAlone))
    }
}

/// The suffixes of a configuration with several clusters, by their owners' numbers.
private func suffixes() throws -> ClusterSuffixes {
    ClusterSuffixes([
        (try DomainName(parsing: "prod.k8s.example.com"), 0),
        (try DomainName(parsing: "prod.lan"), 1),
        (try DomainName(parsing: "east.prod.lan"), 2),
        (try DomainName(parsing: "staging.cluster.local"), 3),
        (try DomainName(parsing: "cluster.local"), 4),
        (try DomainName(parsing: "in-addr.arpa"), 9),
    ])
}

/// What of a cluster's records reaches the client.
private struct Row: Sendable, CustomTestStringConvertible {
    let reason: String
    /// The suffix that is asked; its number.
    let suffix: String
    let own: Int
    /// The name asked, in front of the suffix.
    var name = "web.test.svc"
    var type = 1
    var section = 0
    /// Owner, type and target of each record, as the cluster gives them.
    let given: [(owner: String, type: Int, target: String)]
    /// The types of those that are due.
    let due: [Int]
    var isAlone = true

    var testDescription: String { reason }
}

private let asked = "web.test.svc.cluster.local"
private let prod = "prod.k8s.example.com"

private let rows = [
    Row(
        reason: "DNAME at the root", suffix: prod, own: 0,
        given: [("", 39, "evil.example"), (asked, 5, "web.evil.example"), ("web.evil.example", 1, "")], due: [5, 1]),
    Row(
        reason: "DNAME above the domain", suffix: prod, own: 0,
        given: [("local", 39, "evil.example"), (asked, 5, "web.evil.example")], due: [5]),
    Row(
        reason: "DNAME of the domain, which no other suffix lies below", suffix: prod, own: 0,
        given: [("cluster.local", 39, "other.cluster.local"), (asked, 5, "web.test.svc.other.cluster.local")], due: [39, 5]),
    Row(
        reason: "DNAME of the domain, below which another cluster's suffix lies", suffix: "prod.lan", own: 1,
        given: [("cluster.local", 39, "evil.example"), (asked, 5, "web.evil.example")], due: [5]),
    Row(
        reason: "DNAME inside the domain, beside the other suffix", suffix: "prod.lan", own: 1,
        given: [("svc.cluster.local", 39, "evil.example"), (asked, 5, "web.evil.example")], due: [39, 5]),
    Row(
        reason: "DNAME of the shared domain", suffix: "cluster.local", own: 4,
        given: [("cluster.local", 39, "evil.example"), (asked, 5, "web.evil.example")], due: [5]),
    Row(
        reason: "DNAME at the shared domain itself, which is asked", suffix: "cluster.local", own: 4, name: "",
        given: [("cluster.local", 39, "evil.example"), ("cluster.local", 1, "")], due: [1]),
    Row(
        reason: "DNAME of a cluster that shares its names with others", suffix: "cluster.local", own: 4,
        given: [("svc.cluster.local", 39, "evil.example"), (asked, 5, "web.evil.example")], due: [5], isAlone: false),
    Row(
        reason: "an alias to another cluster's name, and that name's address", suffix: "cluster.local", own: 4,
        given: [(asked, 5, "web.svc.staging.cluster.local"), ("web.svc.staging.cluster.local", 1, "")], due: [5]),
    Row(
        reason: "the same through another cluster's suffix outside the domain", suffix: prod, own: 0,
        given: [(asked, 5, "web.svc.prod.lan"), ("web.svc.prod.lan", 1, "")], due: [5]),
    Row(
        reason: "an alias through another cluster's name to outside", suffix: prod, own: 0,
        given: [(asked, 5, "a.prod.lan"), ("a.prod.lan", 5, "b.example"), ("b.example", 1, "")], due: [5]),
    Row(
        reason: "the other suffix of the same cluster below this one", suffix: "prod.lan", own: 1,
        given: [(asked, 5, "web.svc.east.cluster.local"), ("web.svc.east.cluster.local", 1, "")], due: [5]),
    Row(
        reason: "an alias that leaves the domain, with addresses", suffix: prod, own: 0,
        given: [(asked, 5, "db.example.net"), ("db.example.net", 5, "db1.example.org"), ("db1.example.org", 1, "")],
        due: [5, 5, 1]),
    Row(
        reason: "behind an alias that leaves the domain no word about zones", suffix: prod, own: 0,
        given: [
            (asked, 5, "com"), ("com", 2, "evil.example"), ("com", 6, "evil.example"), ("com", 39, "evil.example"),
            ("com", 1, ""),
        ],
        due: [5, 1]),
    Row(
        reason: "nor where that was asked", suffix: prod, own: 0, type: 2,
        given: [(asked, 5, "com"), ("com", 2, "evil.example")], due: [5]),
    Row(
        reason: "of a name outside only what was asked", suffix: prod, own: 0,
        given: [(asked, 5, "db.example.net"), ("db.example.net", 16, ""), ("db.example.net", 1, "")], due: [5, 1]),
    Row(
        reason: "addresses before their aliases", suffix: prod, own: 0,
        given: [("c.example.net", 1, ""), ("b.example.net", 5, "c.example.net"), (asked, 5, "b.example.net")],
        due: [5, 5, 1]),
    Row(
        reason: "an address before its alias inside the domain, and a stranger's", suffix: "cluster.local", own: 4,
        given: [("b.svc.cluster.local", 1, ""), ("www.bank.example", 1, ""), (asked, 5, "b.svc.cluster.local")],
        due: [5, 1]),
    Row(
        reason: "NS above an outside name", suffix: prod, own: 0, section: 1,
        given: [("com", 2, "evil.example"), ("", 2, "evil.example"), ("local", 2, "evil.example")], due: []),
    Row(
        reason: "NS of the domain", suffix: prod, own: 0, section: 1,
        given: [("cluster.local", 2, "ns.dns.cluster.local")], due: [2]),
    Row(
        reason: "NS of the shared domain, below which others lie", suffix: "cluster.local", own: 4, section: 1,
        given: [
            ("cluster.local", 2, "evil.example"), ("staging.cluster.local", 2, "evil.example"),
            ("cluster.local", 6, "cluster.local"),
        ], due: [6]),
    Row(
        reason: "SOA above the domain", suffix: prod, own: 0, section: 1,
        given: [("local", 6, "local"), ("", 6, "local"), ("cluster.local", 6, "cluster.local")], due: [6]),
    Row(
        reason: "additional records of others", suffix: "cluster.local", own: 4, section: 2,
        given: [("web.staging.cluster.local", 1, ""), ("www.example.net", 1, ""), ("a.svc.cluster.local", 1, "")], due: [1]),
]
