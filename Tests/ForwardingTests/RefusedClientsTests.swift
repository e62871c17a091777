import DNSWire
import DomainNames
import IPAddressing
import Inventory
import TestSupport
import Testing
import Time

@testable import Forwarding

/// Clients that `dns.clients` refuses.
@Suite struct RefusedClientsTests {
    private func time(_ seconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    @Test func `clients are counted by network, and the oldest network is replaced`() throws {
        var refused = RefusedClients()
        refused.note(try #require(IPAddress("172.20.5.7")), at: time(1))
        refused.note(try #require(IPAddress("172.20.5.8")), at: time(3))
        refused.note(try #require(IPAddress("2001:db8:1:2::9")), at: time(2))
        var other = RefusedClients()
        other.note(try #require(IPAddress("172.20.5.9")), at: time(2))
        let merged = RefusedClients.merged([refused, other])
        #expect(merged.map { "\($0.network)" } == ["172.20.5.0/24", "2001:db8:1:2::/64"])
        #expect(merged.map(\.count) == [3, 1] && merged[0].last == time(3))
        for network in 0..<UInt32(RefusedClients.capacity) {
            refused.note(IPAddress(v4: 0x0A00_0000 | network << 8), at: time(10))
        }
        #expect(refused.entries.count == RefusedClients.capacity)
        #expect(!refused.entries.contains { $0.network.address.bits >> 24 == 172 })
    }

    @Test(arguments: [
        ("10.9.9.9", "www.example.com", true, "a private address"),
        ("192.0.2.7", "www.example.com", false, "a stranger"),
        ("192.0.2.7", "web.shop.svc.prod.cluster.local", true, "it knows our names"),
        ("172.16.0.1", "web.shop.svc.prod.cluster.local", false, "it may ask"),
    ])
    func `a client that should likely be allowed is noted`(client: String, name: String, isNoted: Bool, reason: String) throws {
        var inventory = Inventory()
        inventory.dns.clients = [try IPPrefix(parsing: "172.16.0.0/16")]
        inventory.clusters = [Cluster(key: "prod", dns: [Endpoint(address: IPAddress(v4: 0xAC11_100A), port: 53)])]
        let engine = PlayedEngine(inventory)
        engine.ask(questionOctets(name), from: try #require(IPAddress(client)))
        #expect(engine.refusedClients.entries.count == (isNoted ? 1 : 0), "\(reason)")
        #expect(engine.counters.strangers == (client == "172.16.0.1" ? 0 : 1))
    }
}
