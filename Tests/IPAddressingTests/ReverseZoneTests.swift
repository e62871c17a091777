import IPAddressing
import Testing

/// Prefixes and their reverse zones, both ways.
@Suite struct ReverseZoneTests {
    @Test(arguments: [
        "10.0.0.0/8", "10.96.0.0/16", "172.17.33.0/24", "10.96.0.10/32", "fd00::/8", "fd00:10:244::/48", "fd00::10/128",
    ])
    func `the zone of a prefix leads back to it`(text: String) throws {
        let prefix = try IPPrefix(parsing: text)
        #expect(IPPrefix(reverseZone: prefix.reverseZone) == prefix)
        #expect(IPPrefix(reverseZone: prefix.reverseZone.uppercased() + ".") == prefix)
    }

    @Test(arguments: [
        "in-addr.arpa", "ip6.arpa", "arpa", "", ".", "cluster.local", "256.in-addr.arpa", "010.in-addr.arpa", "x.10.in-addr.arpa",
        "1.2.3.4.5.in-addr.arpa", "10.ip6.arpa", "g.ip6.arpa", "+1.in-addr.arpa", "10..in-addr.arpa", "0/26.2.0.192.in-addr.arpa",
    ])
    func `other names have none`(name: String) {
        #expect(IPPrefix(reverseZone: name) == nil)
    }
}
