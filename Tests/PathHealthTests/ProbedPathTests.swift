import IPAddressing
import Inventory
import PathHealth
import Testing

/// Which paths a host probes, and where to.
@Suite struct ProbedPathTests {
    private func inventory(_ health: PathHealthSettings = PathHealthSettings()) throws -> Inventory {
        let endpoint = try #require(Endpoint("10.96.0.10", defaultPort: 53))
        let outside = try #require(Endpoint("192.0.2.10:30053", defaultPort: 53))
        let node = Node(name: "n1", addresses: [try address("172.16.0.9")])
        let prod = Cluster(
            key: "prod", dns: [outside, endpoint], pods: [try prefix("10.244.0.0/16")],
            services: [try prefix("10.96.0.0/16")], nodes: [node])
        let office = Site(key: "office", networks: [try prefix("172.16.0.0/18")])
        let path = Path(
            ends: .oneWay(from: "office", to: "prod"), carrier: .relay(RelaySettings(relays: ["n1"])),
            health: health)
        return Inventory(clusters: [prod], sites: [office], paths: [path])
    }

    private func prefix(_ text: String) throws -> IPPrefix { try IPPrefix(parsing: text) }

    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test func `a host of the site probes the DNS servers that the path leads to, and gates answers`() throws {
        let paths = try inventory().probedPaths(ownAddresses: [try address("172.16.3.4")])
        #expect(paths.map(\.name) == ["office -> prod via n1"])
        #expect(paths.first?.targets.map { "\($0.endpoint)" } == ["10.96.0.10:53"])
        #expect(paths.first?.onDown == .servfail)
    }

    @Test func `where each relay has a range of its own each is probed at its address of the server`() throws {
        var inventory = try inventory()
        var relays: [Relay] = []
        for (name, outer) in [("n1", "10.208.0.0/16"), ("n2", "10.209.0.0/16")] {
            var relay = Relay(host: name)
            relay.addressMap = PrefixMap(
                [PrefixPair(inner: try prefix("10.96.0.0/16"), outer: try prefix(outer))].compactMap { $0 })
            relays.append(relay)
        }
        var settings = RelaySettings(relays: relays)
        settings.failover = .dns
        inventory.paths[0].carrier = .relay(settings)
        var probe = ProbeSettings()
        probe.targets = [try #require(Endpoint("10.96.0.9:80", defaultPort: 53))]
        inventory.paths[0].health.probe = probe
        inventory.takeRelayMaps()
        let paths = inventory.probedPaths(ownAddresses: [try address("172.16.3.4")])
        #expect(paths.map(\.name) == ["office -> prod via n1", "office -> prod via n2"])
        #expect(
            paths.map { $0.targets.map { "\($0.endpoint)" } }
                == [["10.208.0.10:53", "10.208.0.9:80"], ["10.209.0.10:53", "10.209.0.9:80"]])
    }

    @Test func `a host elsewhere, or at the far end, does not see what the site sees`() throws {
        #expect(try inventory().probedPaths(ownAddresses: [try address("192.168.9.1")]) == [])
        #expect(try inventory().probedPaths(ownAddresses: [try address("172.16.0.9")]) == [])
        #expect(try inventory().probedPaths(ownAddresses: [try address("10.244.7.7"), try address("172.16.1.1")]) == [])
    }

    @Test func `the file can ask for it anywhere, and switch it off`() throws {
        var probe = ProbeSettings()
        let target = try #require(Endpoint("10.244.1.1:80", defaultPort: 53))
        probe.targets = [target]
        let asked = try inventory(PathHealthSettings(probe: probe))
            .probedPaths(ownAddresses: [try address("192.168.9.1")])
        #expect(asked.first?.onDown == .answer)
        #expect(asked.first?.targets.map(\.mayRefuse) == [true, false])
        let gated = try inventory(PathHealthSettings(onDown: .servfail)).probedPaths(ownAddresses: [])
        #expect(gated.map(\.onDown) == [.servfail])
        let off = try inventory(PathHealthSettings(probe: ProbeSettings(isOn: false)))
        #expect(off.probedPaths(ownAddresses: [try address("172.16.3.4")]) == [])
    }
}
