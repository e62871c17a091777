import DomainNames
import Testing

@Suite("Suffix map") struct SuffixMapTests {
    private func map(_ names: [String]) throws -> SuffixMap<String> {
        SuffixMap(try names.map { (try DomainName(parsing: $0), $0) })
    }

    @Test(
        "the longest suffix on label borders wins, whatever the case",
        arguments: [
            ("mysql.svc.prod.cluster.local", "prod.cluster.local"),
            ("MYSQL.svc.PROD.Cluster.Local", "prod.cluster.local"),
            ("prod.cluster.local", "prod.cluster.local"),
            ("x.aprod.cluster.local", "cluster.local"),
            ("cluster.local", "cluster.local"),
            ("a.b.local", nil), ("local", nil), (".", nil), ("x\\.cluster.local", nil),
        ] as [(String, String?)])
    func longest(name: String, expected: String?) throws {
        let map = try map(["cluster.local", "prod.cluster.local", "deep.er.prod.cluster.local"])
        let match = map.longestMatch(try DomainName(parsing: name))
        #expect(match?.value == expected)
        if let match {
            let wire = try DomainName(parsing: name).wire
            #expect(try DomainName(wire: Array(wire[match.suffixStart...])) == DomainName(parsing: match.value))
        }
    }

    @Test("the root is a suffix of every name")
    func root() throws {
        let map = try map([".", "cluster.local"])
        #expect(map.longestMatch(try DomainName(parsing: "example.com"))?.value == ".")
        #expect(map.longestMatch(.root)?.value == ".")
    }

    @Test("the hash folds capitals and nothing else")
    func hash() throws {
        func hash(_ octets: [UInt8]) -> UInt64 {
            var hash = NameHash(key: 1)
            hash.combine(octets.span, from: 0, count: octets.count)
            return hash.value
        }
        for octet in UInt8.min...UInt8.max {
            let capital = Array(repeating: octet, count: 11)
            let folded = capital.map(foldedOctet)
            #expect(hash(capital) == hash(folded), "\(octet)")
            if foldedOctet(octet) == octet {
                #expect(hash(capital) != hash(capital.map { $0 ^ 0x20 }) || foldedOctet(octet ^ 0x20) == octet, "\(octet)")
            }
        }
    }
}
