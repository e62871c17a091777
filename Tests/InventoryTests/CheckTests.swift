import DomainNames
import IPAddressing
import Inventory
import Testing

/// `Inventory.check()` on inventories made by hand; the files in `InventoryFileTests/Wrong` cover the rest.
@Suite("Check") struct CheckTests {
    private func cluster(_ key: String, pods: [String] = [], services: [String] = []) throws -> Cluster {
        Cluster(
            key: key,
            dns: [try #require(Endpoint("10.255.\(key.utf8.count).\(key.utf8.first ?? 0)", defaultPort: 53))],
            pods: try pods.map { try IPPrefix(parsing: $0) },
            services: try services.map { try IPPrefix(parsing: $0) })
    }

    @Test("a consistent inventory has no problem")
    func consistent() throws {
        let inventory = Inventory(clusters: [
            try cluster("a", pods: ["10.1.0.0/16", "fd00:1::/48"], services: ["10.2.0.0/16"]),
            try cluster("b", pods: ["10.3.0.0/16", "fd00:3::/48"], services: ["10.4.0.0/16"]),
        ])
        #expect(inventory.check() == [])
        #expect(Inventory().check() == [])
    }

    @Test(
        "prefixes of two clusters that share an address are an error that names both",
        arguments: [
            ("10.1.0.0/16", "10.1.0.0/16", true), ("10.1.0.0/16", "10.1.2.3/32", true),
            ("10.1.2.0/24", "10.0.0.0/8", true), ("fd00::/32", "fd00:0:1::/48", true),
            ("10.0.0.0/9", "10.128.0.0/9", false),
            ("10.0.0.0/8", "::ffff:a00:0/104", false), ("10.1.0.0/16", "10.2.0.0/16", false),
        ])
    func overlaps(first: String, second: String, overlap: Bool) throws {
        let inventory = Inventory(clusters: [
            try cluster("a", pods: [first]), try cluster("b", services: [second]),
        ])
        let errors = inventory.check().filter { $0.severity == .error && $0.other != nil }
        #expect(errors.map(\.path.description) == (overlap ? ["clusters.b.services[0]"] : []))
        #expect(errors.map(\.other?.description) == (overlap ? ["clusters.a.pods[0]"] : []))
    }

    @Test("each later claim of a prefix is told, however many there are")
    func manyOverlaps() throws {
        let inventory = Inventory(
            clusters: try ["a", "b", "c", "d"].map { try cluster($0, pods: ["10.1.0.0/16"]) })
        #expect(
            inventory.check().map(\.path.description) == [
                "clusters.b.pods[0]", "clusters.c.pods[0]", "clusters.d.pods[0]", "clusters.a", "clusters.b",
                "clusters.c", "clusters.d",
            ])
    }

    @Test("there may be 255 views: kept answers tell no more apart", arguments: [255, 256])
    func manyViews(count: Int) throws {
        var inventory = Inventory(clusters: [try cluster("a")])
        inventory.dns.clients = [try IPPrefix(parsing: "10.0.0.0/8")]
        inventory.dns.views = try (0..<count).map {
            View(name: "view\($0)", clients: [try IPPrefix(parsing: "10.\($0).0.0/16")])
        }
        let errors = inventory.check().filter { $0.severity == .error }
        #expect(errors.map(\.path.description) == (count > 255 ? ["dns.views[255]"] : []))
    }

    @Test("a suffix may have 123 octets, so that the longest service name fits before it")
    func room() throws {
        var long = try cluster("a")
        for (count, isRefused) in [(121 - 64, false), (122 - 64, true)] {
            let labels = [
                Array(repeating: UInt8(ascii: "x"), count: 63),
                Array(repeating: UInt8(ascii: "y"), count: count),
            ]
            long.names = [try DomainName(labels: labels)]
            #expect(Inventory(clusters: [long]).check().isEmpty == !isRefused, "\(count)")
        }
    }

    @Test("hosts are found by name in order of places, or by place and name")
    func references() throws {
        var one = try cluster("one")
        one.nodes = [Node(name: "relay", addresses: [IPAddress(v4: 1)])]
        var two = try cluster("two")
        two.hosts = [Host(name: "relay", addresses: [IPAddress(v4: 2)])]
        let inventory = Inventory(clusters: [one, two])
        #expect(inventory.host("relay", in: ["two", "one"])?.place == "two")
        #expect(inventory.host("relay", in: ["one", "two"])?.isNode == true)
        #expect(inventory.host("two/relay", in: ["one"])?.host.addresses == [IPAddress(v4: 2)])
        #expect(inventory.host("other", in: ["one", "two"]) == nil)
    }

    @Test(
        "an Ethernet address is six pairs of digits",
        arguments: [
            ("c2:6a:9b:e5:39:8d", "c2:6a:9b:e5:39:8d"), ("C2:6A:9B:E5:39:8D", "c2:6a:9b:e5:39:8d"),
            ("c2:6a:9b:e5:39", nil), ("c2:6a:9b:e5:39:8d:00", nil), ("c2-6a-9b-e5-39-8d", nil),
            ("2:6a:9b:e5:39:8d", nil),
            ("g2:6a:9b:e5:39:8d", nil), ("", nil),
        ] as [(String, String?)])
    func mac(text: String, expected: String?) {
        #expect(MACAddress(text)?.description == expected)
    }
}
