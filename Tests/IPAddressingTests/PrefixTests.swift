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

    @Test(
        "a prefix has two halves, an address none",
        arguments: [
            ("10.96.0.0/16", "10.96.0.0/17 10.96.128.0/17"), ("0.0.0.0/0", "0.0.0.0/1 128.0.0.0/1"),
            ("10.0.0.0/31", "10.0.0.0/32 10.0.0.1/32"), ("fd00::/64", "fd00::/65 fd00::8000:0:0:0/65"),
            ("10.0.0.1/32", nil), ("fd00::1/128", nil),
        ])
    func halves(prefix: String, halves: String?) throws {
        #expect(try IPPrefix(parsing: prefix).halves.map { "\($0.low) \($0.high)" } == halves)
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

    @Test("50,000 prefixes, nested and side by side, make a table in a moment")
    func manyPrefixes() throws {
        var entries: [(prefix: IPPrefix, value: Int)] = [(try IPPrefix(parsing: "0.0.0.0/0"), -1)]
        for value in 0..<50_000 {
            let address = IPAddress(v4: 0x0A00_0000 | UInt32(value / 2) << 8)
            entries.append((try #require(IPPrefix(around: address, length: value % 2 == 0 ? 24 : 25)), value))
        }
        let clock = ContinuousClock()
        let start = clock.now
        let table = IPPrefixTable(entries)
        // A search through all prefixes for each of them took minutes.
        #expect(clock.now - start < .seconds(10))
        for pair in stride(from: 0, to: 25_000, by: 999) {
            let first = 0x0A00_0000 | UInt32(pair) << 8
            #expect(table.longestMatch(IPAddress(v4: first)) == pair * 2 + 1)
            #expect(table.longestMatch(IPAddress(v4: first | 0xFF)) == pair * 2)
        }
        #expect(table.longestMatch(IPAddress(v4: 0x09FF_FFFF)) == -1)
        #expect(table.longestMatch(IPAddress(v4: .max)) == -1)
    }

    @Test("a prefix that ends with the last address, and one that stands twice")
    func lastAddress() throws {
        let table = IPPrefixTable([
            (try IPPrefix(parsing: "ff00::/8"), 1), (try IPPrefix(parsing: "ffff::/16"), 2),
            (try IPPrefix(parsing: "ffff::/16"), 3), (try IPPrefix(parsing: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"), 4),
        ])
        #expect(table.longestMatch(try #require(IPAddress("feff::1"))) == nil)
        #expect(table.longestMatch(try #require(IPAddress("ff00::"))) == 1)
        #expect(table.longestMatch(try #require(IPAddress("ffff::1"))) == 3)
        #expect(table.longestMatch(IPAddress(v6: .max)) == 4)
    }
}
