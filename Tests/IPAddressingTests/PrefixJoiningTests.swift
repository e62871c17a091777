import IPAddressing
import Testing

@Suite struct PrefixJoiningTests {
    @Test(arguments: [
        (["10.0.0.0/26", "10.0.0.64/26"], ["10.0.0.0/25"], "halves"),
        (["10.0.0.64/26", "10.0.0.128/26"], ["10.0.0.64/26", "10.0.0.128/26"], "neighbours of different halves"),
        (["10.0.0.192/26", "10.0.0.0/26", "10.0.0.128/26", "10.0.0.64/26"], ["10.0.0.0/24"], "all quarters"),
        (["10.0.0.0/24", "10.0.0.0/26", "10.0.0.0/24"], ["10.0.0.0/24"], "one inside of another, and twice"),
        (["fd00::/65", "fd00:0:0:0:8000::/65", "10.0.0.0/26"], ["10.0.0.0/26", "fd00::/64"], "both families"),
        ([], [], "none"),
    ])
    func `prefixes are as few as can be`(prefixes: [String], expected: [String], reason: String) throws {
        let parsed = try prefixes.map { try IPPrefix(parsing: $0) }
        #expect(Set(joined(parsed).map(\.description)) == Set(expected), "\(reason)")
    }
}
