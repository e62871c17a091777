import IPAddressing
import NetworkModel
import Testing

@Suite struct PrefixSetTests {
    @Test(arguments: [
        (["10.1.0.0/32", "10.1.0.1/32"], "10.1.0.0/31", "two halves are one"),
        (["10.0.0.0/8", "10.1.0.0/16"], "10.0.0.0/8", "what is inside goes"),
        (["10.0.0.0/25", "10.0.0.128/26", "10.0.0.192/26"], "10.0.0.0/24", "halves of halves"),
        (
            ["10.0.1.0/24", "10.0.2.0/24"], "{ 10.0.1.0/24, 10.0.2.0/24 }",
            "neighbours that are no halves stay"
        ),
        (["0.0.0.0/1", "128.0.0.0/1"], "0.0.0.0/0", "everything"),
        (["fd00::1", "fd00::2"], "{ fd00::1, fd00::2 }", "single addresses go without a length"),
    ])
    func `a set is the fewest prefixes that make it up`(
        texts: [String], expected: String, reason: String
    ) throws {
        let prefixes = try texts.map { try IPPrefix(parsing: $0) }
        #expect(PrefixSet(prefixes).description == expected, "\(reason)")
        #expect(PrefixSet(prefixes.reversed()).description == expected, "\(reason), in another order")
    }

    @Test(arguments: [
        ("10.0.0.0", "10.0.0.255", ["10.0.0.0/24"]),
        ("10.0.0.1", "10.0.0.4", ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/32"]),
        ("0.0.0.0", "255.255.255.255", ["0.0.0.0/0"]),
        ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ["::/0"]),
        ("10.0.0.2", "10.0.0.1", []),
    ])
    func `a range is taken apart into prefixes`(first: String, last: String, expected: [String]) throws {
        let prefixes = PrefixSet.prefixes(
            from: try #require(IPAddress(first)), through: try #require(IPAddress(last)))
        #expect(prefixes.map(\.description) == expected)
    }
}
