import IPAddressing
import TestSupport
import Testing

@testable import Forwarding

@Suite struct ReverseRoutingTests {
    /// The reverse name of the first `labels` octets or nibbles of `address`, after twelve octets of header.
    private func message(_ address: IPAddress, labels: Int) -> [UInt8] {
        var parts: [String] = address.octets.flatMap { octet in
            address.family == .v4
                ? ["\(octet)"] : [String(octet >> 4, radix: 16), String(octet & 15, radix: 16)]
        }
        parts = Array(parts.prefix(labels))
        let zone = address.family == .v4 ? "in-addr.arpa" : "ip6.arpa"
        return Array(repeating: 0, count: 12)
            + PlainName((parts.reversed() + [zone]).joined(separator: ".")).wire
    }

    @Test(arguments: [AddressFamily.v4, .v6])
    func `the owner is the cluster with all addresses below the name`(family: AddressFamily) throws {
        var random = SplitMix64(seed: 42)
        let width = family.bitWidth
        let unit = family == .v4 ? 8 : 4
        for _ in 0..<3_000 {
            let base = UInt128(random.next()) << 64 | UInt128(random.next())
            let address = IPAddress(family: family, bits: base)
            let prefix = try #require(IPPrefix(around: address, length: random.number(in: 1..<width + 1)))
            let routing = ReverseRouting([.init(prefix: prefix, target: 7, group: 0, map: PrefixMap())])
            // A name near the prefix: some of its bits are changed.
            let flip = UInt128(1) << UInt128(random.number(in: 0..<width))
            let other = IPAddress(family: family, bits: random.oneIn(2) ? base : base ^ flip)
            let labels = random.number(in: 0..<width / unit + 1)
            let range = try #require(IPPrefix(around: other, length: labels * unit))
            let wire = message(other, labels: labels)
            let expected: ReverseRouting.Owner =
                prefix.contains(range)
                ? .cluster(target: 7) : range.contains(prefix) ? .aboveCluster : .unowned
            let found = routing.owner(of: wire.span, nameLength: wire.count - 12, family: family)
            #expect(found == expected, "\(prefix) \(range)")
        }
    }

    @Test(arguments: [
        ("x.17.172.in-addr.arpa", ReverseRouting.Owner.unowned, "a label that is no number, above the prefix"),
        ("x.16.17.172.in-addr.arpa", .cluster(target: 1), "a label that is no number, inside the prefix"),
        ("0/25.16.17.172.in-addr.arpa", .cluster(target: 1), "a delegation of RFC 2317"),
        ("016.17.172.in-addr.arpa", .unowned, "a leading zero: no address is written so"),
        ("256.17.172.in-addr.arpa", .unowned, "no octet"),
        ("17.172.in-addr.arpa", .aboveCluster, "a node on the way"),
        ("in-addr.arpa", .aboveCluster, "the zone itself"),
        ("9.5.4.16.17.172.in-addr.arpa", .cluster(target: 1), "more labels than an address has"),
    ])
    func `odd names`(name: String, owner: ReverseRouting.Owner, reason: String) throws {
        let prefix = try IPPrefix(parsing: "172.17.16.0/20")
        let routing = ReverseRouting([.init(prefix: prefix, target: 1, group: 0, map: PrefixMap())])
        let wire = Array(repeating: 0, count: 12) + PlainName(name).wire
        #expect(routing.owner(of: wire.span, nameLength: wire.count - 12, family: .v4) == owner, "\(reason)")
    }
}
