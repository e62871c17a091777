import IPAddressing
import Inventory
import Testing

/// Maps that are proposed, and where clients stand.
@Suite("Maps") struct MapTests {
    private func prefixes(_ texts: [String]) throws -> [IPPrefix] { try texts.map { try IPPrefix(parsing: $0) } }

    private func kubeadm(_ key: String) throws -> Cluster {
        var cluster = Cluster(key: key, dns: [Endpoint(address: IPAddress(v4: 0x0A60_000A), port: 53)])
        cluster.pods = try prefixes(["10.244.0.0/16"])
        cluster.services = try prefixes(["10.96.0.0/12"])
        return cluster
    }

    @Test("clusters with their proposed maps have no problem, and no range is proposed twice", arguments: [2, 5, 12])
    func proposals(count: Int) throws {
        var inventory = Inventory(clusters: try (0..<count).map { try kubeadm("c\($0)") })
        let maps = inventory.proposedMaps(for: inventory.clusters.map(\.key))
        #expect(maps.count == count)
        for index in inventory.clusters.indices {
            inventory.clusters[index].addressMap = maps["c\(index)"] ?? PrefixMap()
        }
        #expect(inventory.check() == [])
        #expect(Set(maps.values.flatMap(\.pairs).map(\.outer)).count == 2 * count)
    }

    @Test("a client inside of a mapped cluster needs its own answers, of which the cache tells 255 kinds apart")
    func standings() throws {
        func inventory(_ count: Int) throws -> Inventory {
            Inventory(
                clusters: try (0..<count).map { index in
                    var cluster = Cluster(key: "c\(index)", names: [])
                    cluster.pods = try prefixes(["10.244.0.0/24"])
                    let outer = try IPPrefix(parsing: "10.\(1 + index / 256).\(index % 256).0/24")
                    cluster.addressMap = PrefixMap([PrefixPair(inner: cluster.pods[0], outer: outer)].compactMap { $0 })
                    return cluster
                })
        }
        #expect(try inventory(255).check() == [])
        let problems = try inventory(256).check()
        #expect(problems.count == 1 && problems.first?.severity == .error)
        #expect(problems.first?.message.contains("stand in 256 ways, expected at most 255") == true, "\(problems)")
    }

    @Test("what is in use is not proposed; shared space comes last")
    func inUse() throws {
        var inventory = Inventory(clusters: [try kubeadm("a")])
        let first = inventory.proposedMaps(for: ["a"])["a"]?.line
        #expect(first == "map: { 10.244.0.0/16: 10.200.0.0/16, 10.96.0.0/12: 10.208.0.0/12 }")
        let second = inventory.proposedMaps(for: ["a"], besides: try prefixes(["10.200.0.0/15", "10.210.0.0/24"]))
        #expect(second["a"]?.line == "map: { 10.244.0.0/16: 10.202.0.0/16, 10.96.0.0/12: 10.224.0.0/12 }")
        let third = inventory.proposedMaps(for: ["a"], besides: try prefixes(["10.0.0.0/8"]))
        #expect(third["a"]?.line == "map: { 10.244.0.0/16: 172.16.0.0/16, 10.96.0.0/12: 100.64.0.0/12 }")
        inventory.clusters[0].services = try prefixes(["10.0.0.0/8"])
        #expect(inventory.proposedMaps(for: ["a"]) == [:], "there is no room for that")
    }

    @Test("a file of very many prefixes is not proposed for")
    func many() throws {
        var cluster = try kubeadm("a")
        cluster.pods = (0..<65).map { IPPrefix(only: IPAddress(v4: 0x0B00_0000 + UInt32($0) * 2)) }
        #expect(Inventory(clusters: [cluster]).proposedMaps(for: ["a"]).isEmpty)
    }

    /// Two clusters with equal prefixes and maps, nodes apart.
    private func mapped() throws -> Inventory {
        var inventory = Inventory(clusters: [try kubeadm("a"), try kubeadm("b")])
        let maps = inventory.proposedMaps(for: ["a", "b"])
        for index in 0..<2 {
            inventory.clusters[index].addressMap = maps[inventory.clusters[index].key] ?? PrefixMap()
            let node = IPAddress(v4: 0xC0A8_0A0B + UInt32(index))
            inventory.clusters[index].nodes = [Node(name: "n", addresses: [node])]
        }
        return inventory
    }

    private func inside(_ inventory: Inventory, _ client: String, host: [String] = []) throws -> [Int] {
        let standings = ClientStandings(inventory, hostAddresses: try host.map { try #require(IPAddress($0)) })
        let table = IPPrefixTable(standings.entries.map { ($0.prefix, $0.standing) })
        return table.longestMatch(try #require(IPAddress(client)))?.inside ?? []
    }

    @Test("a client stands inside by ranges that one cluster alone has")
    func byRange() throws {
        let inventory = try mapped()
        #expect(try inside(inventory, "192.168.10.11") == [0])
        #expect(try inside(inventory, "192.168.10.12") == [1])
        #expect(try inside(inventory, "10.200.3.3") == [0], "its outer address")
        #expect(try inside(inventory, "10.244.3.3") == [], "both have it")
        #expect(try inside(inventory, "172.16.0.1") == [])
    }

    @Test("views and paths add to that, and keep to their clusters")
    func byViewAndPath() throws {
        var inventory = try mapped()
        inventory.sites = [Site(key: "office", networks: try prefixes(["172.16.0.0/16"]))]
        inventory.paths = [
            Path(ends: .oneWay(from: "office", to: "b"), carrier: .routed, isMapped: false),
            Path(ends: .mutual(["a", "b"]), carrier: .routed, isMapped: false),
        ]
        var view = View(name: "v", clients: try prefixes(["172.16.5.0/24"]))
        view.inside = ["a"]
        inventory.dns.views = [view]
        #expect(try inside(inventory, "172.16.0.1") == [1])
        #expect(try inside(inventory, "172.16.5.1") == [0, 1])
        #expect(try inside(inventory, "192.168.10.11") == [0, 1], "the path is mutual")
    }

    @Test("loopback stands where the host does, unless it seems to be in two places of the same addresses")
    func host() throws {
        var inventory = try mapped()
        #expect(try inside(inventory, "127.0.0.1", host: ["192.168.10.11"]) == [0])
        #expect(try inside(inventory, "::1", host: ["192.168.10.12", "172.16.0.1"]) == [1])
        #expect(try inside(inventory, "127.0.0.1", host: ["192.168.10.11", "192.168.10.12"]) == [])
        inventory.clusters[1].nodes = inventory.clusters[0].nodes
        #expect(try inside(inventory, "127.0.0.1", host: ["192.168.10.11"]) == [])
    }

    @Test("without maps there is nothing to stand inside of")
    func plain() throws {
        let inventory = Inventory(clusters: [try kubeadm("a")])
        #expect(ClientStandings(inventory, hostAddresses: [IPAddress(v4: 0x0AF4_0001)]).entries.isEmpty)
    }
}
