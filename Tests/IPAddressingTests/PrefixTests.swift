import IPAddressing
import Testing

@Suite("Prefixes") struct PrefixTests {
    @Test("a prefix holds its own range and nothing else")
    func range() throws {
        let prefix = try IPPrefix(parsing: "172.17.32.0/19")
        #expect(prefix.lastAddress.description == "172.17.63.255")
        #expect(prefix.contains(try #require(IPAddress("172.17.63.255"))))
        #expect(!prefix.contains(try #require(IPAddress("172.17.64.0"))))
        #expect(!prefix.contains(try #require(IPAddress("::ffff:172.17.32.1"))))
        #expect(prefix.overlaps(try IPPrefix(parsing: "172.17.0.0/16")))
        #expect(!prefix.overlaps(try IPPrefix(parsing: "172.17.16.0/20")))
        #expect(try IPPrefix(parsing: "::/0").lastAddress.description == "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
    }

    @Test("host bits are an error that shows the prefix that was meant")
    func hostBits() throws {
        let meant = try IPPrefix(parsing: "10.0.32.0/21")
        #expect(throws: IPPrefixError.hostBits(meant: meant)) { try IPPrefix(parsing: "10.0.33.0/21") }
        #expect(throws: IPPrefixError.badLength) { try IPPrefix(parsing: "10.0.33.0/33") }
        #expect(throws: IPPrefixError.badLength) { try IPPrefix(parsing: "10.0.33.0/+8") }
        #expect(throws: IPPrefixError.notAnAddress) { try IPPrefix(parsing: "10.0.33/24") }
    }

    @Test("the longest prefix wins, and the table agrees with a plain search")
    func table() throws {
        var state: UInt64 = 0x5EED_0001
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        var entries: [(prefix: IPPrefix, value: Int)] = []
        for value in 0..<200 {
            let address = IPAddress(v4: UInt32(truncatingIfNeeded: 0x0A00_0000 | next() & 0xFFFF))
            entries.append((try #require(IPPrefix(around: address, length: Int(14 + next() % 19))), value))
        }
        let table = IPPrefixTable(entries)
        for _ in 0..<5_000 {
            let address = IPAddress(v4: UInt32(truncatingIfNeeded: 0x09FF_FF00 &+ next() & 0x3FFFF))
            let expected = entries.filter { $0.prefix.contains(address) }
                .enumerated().max { ($0.element.prefix.length, $0.offset) < ($1.element.prefix.length, $1.offset) }
            #expect(table.longestMatch(address) == expected?.element.value, "seed 0x5EED0001, \(address)")
        }
        #expect(table.longestMatch(IPAddress(v6: 1)) == nil)
    }
}
