import DomainNames
import LDNSBridge
import Testing

@Suite struct ZoneFileTests {
    @Test func `records keep their order, names and lifetimes`() throws {
        let text = """
            $TTL 30
            $ORIGIN cluster.local.
            @   IN SOA ns.dns hostmaster 1 7200 1800 86400 5
            web.shop.svc      A     10.0.0.7 ; one address
                         60   AAAA  fd00::7
            db.shop.svc  5 IN CNAME db.Example.COM.
            _http._tcp.web.shop.svc SRV ( 0 100
                80 web.shop.svc )
            dns-version TXT "1.1.0"
            """
        let records = try ZoneFile.read(Array(text.utf8), origin: .root)
        #expect(
            records.map { "\($0.owner) \($0.ttl) \(Mnemonics.type($0.type))" } == [
                "cluster.local 30 SOA", "web.shop.svc.cluster.local 30 A",
                "web.shop.svc.cluster.local 60 AAAA",
                "db.shop.svc.cluster.local 5 CNAME", "_http._tcp.web.shop.svc.cluster.local 30 SRV",
                "dns-version.cluster.local 30 TXT",
            ])
        #expect(records[1].data == [10, 0, 0, 7])
        #expect(records[3].data == (try DomainName(parsing: "db.Example.COM")).wire)
        #expect(
            records[4].data == [0, 0, 0, 100, 0, 80]
                + (try DomainName(parsing: "web.shop.svc.cluster.local")).wire)
        #expect(records[5].data == [5] + Array("1.1.0".utf8))
        #expect(records.allSatisfy { $0.recordClass == 1 })
    }

    @Test func `relative names are below the origin that is given`() throws {
        let origin = try DomainName(parsing: "a.test")
        let records = try ZoneFile.read(Array("www 5 IN A 192.0.2.1".utf8), origin: origin)
        #expect(records.map(\.owner) == [try DomainName(parsing: "www.a.test")])
    }

    @Test(arguments: [
        ("a IN A 10.0.0.1\nb IN A 10.0.0.999\n", 2),
        ("a IN A 10.0.0.1\n\n; note\nb IN NOSUCHTYPE x\n", 4),
        ("a..b IN A 10.0.0.1\n", 1),
        ("a IN A 10.0.0.1\nb IN A 10.0.0.999\n\n\n\nc IN A 10.0.0.2\n", 2),
        ("a IN A 10.0.0.999", 1),
        ("$INCLUDE other.zone\n", 1),
    ])
    func `a mistake is named with its line`(text: String, line: Int) throws {
        let error = try #require(throws: LDNSError.self) {
            try ZoneFile.read(Array(text.utf8), origin: .root)
        }
        guard case .zoneLine(let found, _) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(found == line)
    }

    @Test func `an empty file has no records`() throws {
        #expect(try ZoneFile.read([], origin: .root).isEmpty)
        #expect(try ZoneFile.read(Array("; nothing\n\n".utf8), origin: .root).isEmpty)
    }

    @Test func `an octet zero is refused`() {
        #expect(throws: LDNSError.self) { try ZoneFile.read(Array("a IN A 1.2.3.4\0\n".utf8), origin: .root) }
    }
}

@Suite struct RecordTextTests {
    @Test func `a line becomes a record`() throws {
        let record = try RecordText.read("web 30 IN A 10.0.0.7", origin: DomainName(parsing: "x.test"))
        #expect(record.owner == (try DomainName(parsing: "web.x.test")))
        #expect(record.ttl == 30 && record.type == 1 && record.data == [10, 0, 0, 7])
    }

    @Test(arguments: ["", "web", "web 30 IN A", "web 30 IN A 1.2.3", "web 30 IN NOPE x"])
    func `a wrong line is refused`(text: String) {
        #expect(throws: LDNSError.self) { try RecordText.read(text, origin: .root) }
    }
}

@Suite struct MnemonicsTests {
    @Test(
        arguments: [
            ("A", 1), ("AAAA", 28), ("SRV", 33), ("HTTPS", 65), ("SVCB", 64), ("ANY", 255),
            ("TYPE4711", 4711),
            ("NAPTR", 35), ("AXFR", 252),
        ] as [(String, UInt16)])
    func `types are named both ways`(name: String, number: UInt16) {
        #expect(Mnemonics.type(number) == name)
        #expect(Mnemonics.type(named: name.lowercased()) == number)
    }

    @Test(arguments: ["", "NOPE", "TYPE", "TYPE65536", "TYPE-1", "10.0.0.1", "a.b"])
    func `other words are no types`(name: String) {
        #expect(Mnemonics.type(named: name) == nil)
    }

    @Test(
        arguments: [("NOERROR", 0), ("SERVFAIL", 2), ("NXDOMAIN", 3), ("REFUSED", 5), ("BADVERS", 16)]
            as [(String, UInt16)])
    func `rcodes are named both ways`(name: String, number: UInt16) {
        #expect(Mnemonics.rcode(number) == name)
        #expect(Mnemonics.rcode(named: name) == number)
    }

    @Test func `numbers without a name are printed as numbers`() {
        #expect(Mnemonics.rcode(99) == "RCODE99")
        #expect(Mnemonics.opcode(0) == "QUERY")
        #expect(Mnemonics.opcode(9) == "OPCODE9")
        #expect(Mnemonics.recordClass(1) == "IN")
        #expect(Mnemonics.recordClass(4711) == "CLASS4711")
    }
}
