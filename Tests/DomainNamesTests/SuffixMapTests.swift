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

    /// The longest of `suffixes` that the name ends with, by trying each ending.
    private static func longestEnding(of name: DomainName, among suffixes: [DomainName]) -> DomainName? {
        let known = Set(suffixes)
        var start = 0
        while name.wire[start] != 0 {
            if let ending = try? DomainName(wire: Array(name.wire[start...])), known.contains(ending) { return ending }
            start += 1 + Int(name.wire[start])
        }
        return nil
    }

    @Test("names of every form find what a search through all suffixes finds")
    func search() throws {
        var state: UInt64 = 7
        func draw(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(count))
        }
        func name(_ labels: Int) throws -> DomainName {
            let text = (0..<labels).map { _ in ["a", "B", "ab", "b", "c"][draw(5)] }.joined(separator: ".")
            return try DomainName(parsing: text)
        }
        for round in 0..<40 {
            let suffixes = try (0..<(1 + draw(60))).map { _ in try name(1 + draw(6)) }
            let map = SuffixMap(suffixes.map { ($0, $0.folded) })
            for _ in 0..<50 {
                let asked = try name(1 + draw(8))
                let naive = Self.longestEnding(of: asked.folded, among: suffixes.map(\.folded))
                #expect(map.longestMatch(asked)?.value == naive, "round \(round): \(asked)")
            }
        }
    }

    @Test("a name's hash is of all its octets and no others, at every length", arguments: 1...40)
    func extent(count: Int) {
        func hash(_ octets: [UInt8], from start: Int) -> UInt64 {
            var hash = NameHash(key: 1)
            hash.combine(octets.span, from: start, count: count)
            return hash.value
        }
        var octets = (0..<(count + 6)).map { UInt8(48 + $0 % 10) }
        let first = hash(octets, from: 3)
        octets[2] ^= 1
        octets[3 + count] ^= 1
        #expect(hash(octets, from: 3) == first)
        #expect(hash(Array(octets[3...]), from: 0) == first)
        for index in 0..<count {
            octets[3 + index] ^= 1
            #expect(hash(octets, from: 3) != first, "octet \(index)")
            octets[3 + index] ^= 1
        }
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
