import DNSWire
import DemoClusters
import DomainNames
import Foundation
import LDNSBridge
import Testing

@Suite struct ZoneResponderTests {
    private let prod: ZoneResponder

    init() throws {
        prod = ZoneResponder(try demoRecords("prod"))
    }

    @Test(arguments: [
        ("web.shop.svc.cluster.local", "A", ["web.shop.svc.cluster.local 30 A 0a600c07"], "one address"),
        (
            "WEB.shop.SVC.cluster.local", "AAAA",
            ["WEB.shop.SVC.cluster.local 30 AAAA fd000010009600000000000000000c07"], "case is ignored"
        ),
        (
            "dns-version.cluster.local", "TXT", ["dns-version.cluster.local 28800 TXT 05312e312e30"],
            "the schema"
        ),
        (
            "7.12.96.10.in-addr.arpa", "PTR",
            ["7.12.96.10.in-addr.arpa 30 PTR 03776562" + "0473686f700373766307636c7573746572056c6f63616c00"],
            "a reverse name"
        ),
    ])
    func `existing records are returned`(
        name: String, type: String, answer: [String], reason: String
    ) throws {
        let reply = try ask(prod, name, type)
        #expect(reply.rcode == 0 && reply.isAuthoritative && !reply.recursionAvailable)
        #expect(reply.records[.answer]?.map(line) == answer, "\(reason)")
        #expect(reply.records[.authority] == [])
    }

    @Test(
        arguments: [
            ("cart.shop.svc.cluster.local", "AAAA", 0, "another type: NODATA"),
            ("shop.svc.cluster.local", "A", 0, "a name between others: NODATA"),
            ("nosuch.shop.svc.cluster.local", "A", 3, "no such name"),
            ("_tcp.nosuch.cluster.local", "SRV", 3, "no such branch"),
            ("9.9.96.10.in-addr.arpa", "PTR", 3, "no such address"),
        ] as [(String, String, UInt8, String)])
    func `a missing name is answered with the SOA record`(
        name: String, type: String, rcode: UInt8, reason: String
    ) throws {
        let reply = try ask(prod, name, type)
        #expect(reply.rcode == rcode, "\(reason)")
        #expect(reply.records[.answer] == [])
        #expect(reply.records[.authority]?.map(\.type) == [6])
    }

    @Test func `a service's port leads to its addresses`() throws {
        let reply = try ask(prod, "_http._tcp.web.shop.svc.cluster.local", "SRV")
        #expect(reply.records[.answer]?.count == 1)
        #expect(reply.records[.additional]?.map(\.type) == [1, 28])
    }

    @Test func `an external name is given without its addresses`() throws {
        let reply = try ask(prod, "mail.shop.svc.cluster.local", "A")
        #expect(reply.records[.answer]?.map(\.type) == [5])
    }

    @Test func `names of other zones are refused`() throws {
        #expect(try ask(prod, "example.com", "A").rcode == 5)
    }

    @Test func `a large answer is truncated over UDP and complete over TCP`() throws {
        let name = "workers.batch.svc.cluster.local"
        let small = try ask(prod, name, "A")
        #expect(small.isTruncated && (small.records[.answer]?.count ?? 0) < 60)
        let large = try ask(prod, name, "A", payloadSize: 4096)
        #expect(!large.isTruncated && large.records[.answer]?.count == 60)
        let stream = try ask(prod, name, "A", isDatagram: false)
        #expect(!stream.isTruncated && stream.records[.answer]?.count == 60)
    }

    @Test func `a loop of aliases ends`() throws {
        let text = "@ 5 IN SOA a b 1 1 1 1 1\na 5 IN CNAME b\nb 5 IN CNAME a\n"
        let loop = ZoneResponder(try ZoneFile.read(Array(text.utf8), origin: DomainName(parsing: "x.test")))
        #expect(try ask(loop, "a.x.test", "A").records[.answer]?.count == 8)
    }

    @Test func `both clusters have names of their own and names in common`() throws {
        let staging = ZoneResponder(try demoRecords("staging"))
        #expect(try ask(staging, "checkout.shop.svc.cluster.local", "A").rcode == 3)
        #expect(try ask(prod, "docs.preview.svc.cluster.local", "A").rcode == 3)
        let web = try ask(staging, "web.shop.svc.cluster.local", "A").records[.answer]
        #expect(web?.map(\.data) == [[10, 96, 12, 7]])
    }
}

// MARK: - Asking

/// The records of a demo cluster's file.
private func demoRecords(_ cluster: String) throws -> [ResourceRecord] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    let text = try Data(contentsOf: folder.appending(path: "config/demo/\(cluster).zone"))
    return try ZoneFile.read(Array(text), origin: .root)
}

private func ask(
    _ responder: ZoneResponder, _ name: String, _ type: String, payloadSize: UInt16? = nil,
    isDatagram: Bool = true
) throws -> MessageOracle {
    let number = try #require(Mnemonics.type(named: type))
    var query: [UInt8] = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, payloadSize == nil ? 0 : 1]
    query += try DomainName(parsing: name).wire + [UInt8(number >> 8), UInt8(number & 255), 0, 1]
    if let payloadSize {
        query += [0, 0, 41, UInt8(payloadSize >> 8), UInt8(payloadSize & 255), 0, 0, 0, 0, 0, 0]
    }
    var replies = OctetBuffer(capacity: 512)
    responder.appendReply(to: query.span, isDatagram: isDatagram, into: &replies)
    let reply = replies.span
    return try MessageOracle(reply.indices.map { reply[$0] })
}

/// `OWNER TTL TYPE DATA`, the data in hexadecimal.
private func line(_ record: ResourceRecord) -> String {
    let data = record.data.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    return "\(record.owner) \(record.ttl) \(Mnemonics.type(record.type)) \(data)"
}
