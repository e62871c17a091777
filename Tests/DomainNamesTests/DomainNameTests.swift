import DomainNames
import Testing

@Suite("Domain names") struct DomainNameTests {
    @Test(
        "presentation form is read and written, any octet escaped",
        arguments: [
            ("mysql.test.svc.cluster.local", "mysql.test.svc.cluster.local"),
            ("a.b.", "a.b"), (".", "."), ("a\\.b.c", "a\\.b.c"), ("\\000\\255.x", "\\000\\255.x"), ("a\\b.c", "ab.c"),
            ("*.x", "*.x"), ("_http._tcp.x", "_http._tcp.x"), ("A\\032b", "A\\032b"),
        ])
    func text(input: String, output: String) throws {
        let name = try DomainName(parsing: input)
        #expect(name.description == output)
        #expect(try DomainName(parsing: output).wire == name.wire)
        #expect(try DomainName(wire: name.wire).wire == name.wire)
    }

    @Test("wrong names are refused with the reason")
    func refused() throws {
        #expect(throws: DomainNameError.emptyLabel) { try DomainName(parsing: "a..b") }
        #expect(throws: DomainNameError.emptyLabel) { try DomainName(parsing: "") }
        #expect(throws: DomainNameError.emptyLabel) { try DomainName(parsing: ".a") }
        #expect(throws: DomainNameError.badEscape) { try DomainName(parsing: "a\\25") }
        #expect(throws: DomainNameError.badEscape) { try DomainName(parsing: "a\\256") }
        let label = String(repeating: "x", count: 63)
        #expect(throws: DomainNameError.labelTooLong(octets: 64)) { try DomainName(parsing: label + "x") }
        _ = try DomainName(parsing: "\(label).\(label).\(label).\(label.dropLast(2))")
        #expect(throws: DomainNameError.nameTooLong(octets: 256)) {
            try DomainName(parsing: "\(label).\(label).\(label).\(label.dropLast(1))")
        }
        #expect(throws: DomainNameError.malformedWire) { try DomainName(wire: [1, 0x61]) }
        #expect(throws: DomainNameError.malformedWire) { try DomainName(wire: [0, 0]) }
        #expect(throws: DomainNameError.labelTooLong(octets: 0xC0)) { try DomainName(wire: [0xC0, 0]) }
    }

    @Test("comparing ignores ASCII case and respects label borders")
    func comparing() throws {
        let suffix = try DomainName(parsing: "Cluster.LOCAL")
        #expect(try DomainName(parsing: "cluster.local") == suffix)
        #expect(try DomainName(parsing: "a.CLUSTER.local").isAtOrBelow(suffix))
        #expect(try !DomainName(parsing: "acluster.local").isAtOrBelow(suffix))
        #expect(try !DomainName(parsing: "a\\.cluster.local").isAtOrBelow(suffix))
        #expect(try DomainName(parsing: "x").isAtOrBelow(.root))
        // 0x07 "cluster" 0x05 "local" inside one label must not pass for the suffix.
        #expect(try !DomainName(labels: [Array("a\u{7}cluster\u{5}local".utf8)]).isAtOrBelow(suffix))
        #expect(try DomainName(parsing: "[").wire != DomainName(parsing: "{").wire)
        #expect(try DomainName(parsing: "[") != DomainName(parsing: "{"))
    }
}
