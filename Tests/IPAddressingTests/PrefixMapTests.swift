import IPAddressing
import Testing

@Suite("Prefix map") struct PrefixMapTests {
    private func map(_ pairs: [(String, String)]) throws -> PrefixMap {
        PrefixMap(
            try pairs.map { inner, outer in
                try #require(PrefixPair(inner: try IPPrefix(parsing: inner), outer: try IPPrefix(parsing: outer)))
            })
    }

    @Test("two ranges make a pair only if family and length are equal")
    func pairs() throws {
        let inner = try IPPrefix(parsing: "10.244.0.0/16")
        #expect(PrefixPair(inner: inner, outer: try IPPrefix(parsing: "10.200.0.0/16")) != nil)
        #expect(PrefixPair(inner: inner, outer: try IPPrefix(parsing: "10.200.0.0/17")) == nil)
        #expect(PrefixPair(inner: inner, outer: try IPPrefix(parsing: "fd00::/16")) == nil)
    }

    @Test(
        "host bits stay, the first and the last address included",
        arguments: [
            ("10.244.0.0", "10.200.0.0"), ("10.244.1.7", "10.200.1.7"), ("10.244.255.255", "10.200.255.255"),
            ("10.96.0.10", "10.208.0.10"), ("10.111.255.255", "10.223.255.255"), ("10.245.0.7", "192.168.3.7"),
            ("fd00:10:244::7", "fd6e:1::7"), ("fd00:10:244:ff:ffff:ffff:ffff:ffff", "fd6e:1:0:ff:ffff:ffff:ffff:ffff"),
        ])
    func bothWays(inner: String, outer: String) throws {
        let map = try map([
            ("10.244.0.0/16", "10.200.0.0/16"), ("10.96.0.0/12", "10.208.0.0/12"),
            ("10.245.0.0/24", "192.168.3.0/24"), ("fd00:10:244::/56", "fd6e:1::/56"),
        ])
        let (innerAddress, outerAddress) = (try #require(IPAddress(inner)), try #require(IPAddress(outer)))
        #expect(map.outer(of: innerAddress) == outerAddress)
        #expect(map.inner(of: outerAddress) == innerAddress)
    }

    @Test("an address in no range has no other", arguments: ["10.95.255.255", "10.246.0.0", "9.0.0.1", "fd00::1", "::"])
    func outside(text: String) throws {
        let map = try map([("10.244.0.0/16", "10.200.0.0/16"), ("10.96.0.0/12", "10.208.0.0/12")])
        let address = try #require(IPAddress(text))
        #expect(map.outer(of: address) == nil)
        #expect(map.inner(of: address) == nil)
        #expect(PrefixMap().outer(of: address) == nil)
    }

    @Test("single addresses and whole families are ranges, too")
    func extremes() throws {
        let map = try map([("10.0.0.1/32", "192.0.2.9/32"), ("::/0", "::/0")])
        #expect(map.outer(of: try #require(IPAddress("10.0.0.1"))) == IPAddress("192.0.2.9"))
        #expect(map.outer(of: try #require(IPAddress("ffff::1"))) == IPAddress("ffff::1"))
    }

    @Test(
        "a prefix has the images of its parts",
        arguments: [
            ("10.244.0.0/16", ["10.200.0.0/16"]), ("10.244.7.0/24", ["10.200.7.0/24"]),
            ("10.96.0.0/12", ["10.208.0.0/16", "10.209.0.0/24"]), ("10.1.0.0/16", []),
        ])
    func prefixes(inner: String, outer: [String]) throws {
        let map = try map([
            ("10.244.0.0/16", "10.200.0.0/16"), ("10.96.0.0/16", "10.208.0.0/16"), ("10.97.0.0/24", "10.209.0.0/24"),
        ])
        #expect(map.outer(of: try IPPrefix(parsing: inner)).map(\.description) == outer)
        for prefix in outer where outer.count == 1 {
            #expect(map.inner(of: try IPPrefix(parsing: prefix)).map(\.description) == [inner])
        }
    }
}
