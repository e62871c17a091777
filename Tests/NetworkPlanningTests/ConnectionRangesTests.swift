import IPAddressing
import NetworkModel
import NetworkPlanning
import Testing

/// Connections that a plan deletes, found in one listing.
@Suite struct ConnectionRangesTests {
    /// As `conntrack -L` prints them.
    private static let listing = """
        udp 17 29 src=10.1.0.5 dst=10.9.0.2 sport=5 dport=9 [UNREPLIED] src=10.9.0.2 dst=10.1.0.5 sport=9 dport=5
        udp 17 29 src=10.1.0.6 dst=10.9.0.3 sport=5 dport=9 src=10.9.0.3 dst=192.168.1.1 sport=9 dport=5
        tcp 6 99 ESTABLISHED src=10.1.0.5 dst=10.9.0.77 sport=5 dport=9 src=10.9.0.77 dst=10.1.0.5 sport=9 dport=5
        tcp 6 99 ESTABLISHED src=10.2.0.1 dst=10.8.4.4 sport=5 dport=9 src=10.8.4.4 dst=192.168.1.1 sport=9 dport=5
        tcp 6 99 ESTABLISHED src=10.3.0.1 dst=10.9.1.1 sport=5 dport=9 src=10.9.1.1 dst=10.3.0.1 sport=9 dport=5

        """

    @Test func `untranslated ones go by their source, all of a range at once, and others stay`() throws {
        let found = try commands(
            [range("10.1.0.0/16", "10.9.0.0/24"), range("10.2.0.0/16", "10.8.0.0/16", .all), range("10.7.0.0/16", "10.9.0.0/16")])
        #expect(
            found == [
                "conntrack -D -f ipv4 -s 10.1.0.5 -d 10.9.0.0/24 -q 10.1.0.5",
                "conntrack -D -f ipv4 -s 10.2.0.0/16 -d 10.8.0.0/16",
            ])
    }

    @Test func `one listing holds all ranges of a family, and each family has its own`() throws {
        let both = try ConnectionRanges.byFamily([
            range("10.1.0.0/16", "10.9.0.0/24"), range("10.2.0.0/16", "10.8.0.0/16"), range("fd00::/64", "fd01::/64"),
        ])
        #expect(
            both.map { "\($0.listing)" } == [
                "conntrack -L -f ipv4 -s 10.0.0.0/14 -d 10.8.0.0/15", "conntrack -L -f ipv6 -s fd00::/64 -d fd01::/64",
            ])
    }

    @Test func `two thousand ranges need one listing and a command for each source`() throws {
        let ranges = try (0..<2_000).map { try range("10.1.0.0/16", "10.\(8 + $0 / 250).\($0 % 250).0/24") }
        let families = ConnectionRanges.byFamily(ranges)
        #expect(families.count == 1)
        #expect(try commands(ranges).count == 1)
        // A listing that is too long is made of parts.
        var parts = families
        var count = 0
        while let part = parts.popLast() {  // ends at single ranges
            if let halves = part.halves { parts += halves } else { count += 1 }
        }
        #expect(count == 2_000)
    }

    private func commands(_ ranges: [ConnectionRange]) throws -> [String] {
        let connections = TrackedConnection.read(Array(Self.listing.utf8))
        return ConnectionRanges.byFamily(ranges).flatMap { $0.deletions(of: connections) }.map { "\($0)" }
    }

    private func range(
        _ source: String, _ destination: String, _ part: ConnectionRange.Part = .untranslated
    ) throws -> ConnectionRange {
        try ConnectionRange(source: IPPrefix(parsing: source), destination: IPPrefix(parsing: destination), part: part)
    }
}
