import IPAddressing
import Inventory
import Testing

@testable import Forwarding

/// Which relay's range an address is given.
@Suite struct RangeChoiceTests {
    @Test func `relays that carry have their shares by weight, and the others none`() throws {
        let table = try table(weights: [1, 3, 2])
        #expect(try shares(of: table, ["relay1"]) == [600, 0, 0])
        #expect(try shares(of: table, ["relay1", "relay2"]) == [150, 450, 0])
        #expect(try shares(of: table, ["relay1", "relay2", "relay3"]) == [100, 300, 200])
        // There is always one to choose.
        #expect(try shares(of: table, []) == [100, 300, 200])
    }

    @Test func `an address keeps its host bits in every range, and addresses of other ranges stay`() throws {
        let table = try table(weights: [1, 1, 1])
        table.choices[0].carry(["relay3"])
        for (before, after) in [
            ("10.200.0.0", "10.202.0.0"), ("10.201.255.255", "10.202.255.255"), ("10.202.9.9", "10.202.9.9"),
            ("10.211.3.4", "10.212.3.4"),
        ] {
            let address = try #require(IPAddress(before))
            #expect(table.image(of: address, draw: 1) == IPAddress(after))
        }
        #expect(table.image(of: try #require(IPAddress("10.244.0.1")), draw: 1) == nil)
    }

    /// How many of 600 draws each range gets.
    private func shares(of table: RangeTable, _ carrying: [String]) throws -> [Int] {
        table.choices[0].carry(carrying)
        let address = try #require(IPAddress("10.200.0.7"))
        var counts = [0, 0, 0]
        for draw in 0..<UInt64(600) {
            let image = try #require(table.image(of: address, draw: draw))
            counts[Int(image.bits >> 16 & 0xFF) - 200] += 1
        }
        return counts
    }

    private func table(weights: [Int]) throws -> RangeTable {
        var settings = RelaySettings(relays: [])
        settings.failover = .dns
        for (index, weight) in weights.enumerated() {
            var relay = Relay(host: "relay\(index + 1)")
            relay.weight = weight
            relay.addressMap = PrefixMap(
                try [("10.244.0.0/16", "10.\(200 + index).0.0/16"), ("10.96.0.0/16", "10.\(210 + index).0.0/16")].map {
                    try #require(PrefixPair(inner: IPPrefix(parsing: $0), outer: IPPrefix(parsing: $1)))
                })
            settings.relays.append(relay)
        }
        let path = Path(ends: .oneWay(from: "office", to: "prod"), carrier: .relay(settings))
        return RangeTable([try #require(RangeChoice(path, Inventory()))])
    }
}
