import IPAddressing
import Inventory
import Testing

@testable import NetworkPlanning

/// What an apply would refuse whatever its host is, is known from the file alone.
@Suite struct FileRefusalTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let reason: String
        let yaml: String
        let place: String
        let words: String

        var testDescription: String { reason }
    }

    @Test(arguments: cases) func `it is reported at its path`(row: Case) throws {
        let problems = NetworkPlanner(try Networks.inventory(yaml: row.yaml)).refusals()
        #expect(problems.contains { "\($0.path)" == row.place && $0.message.contains(row.words) }, "\(problems)")
        #expect(problems.allSatisfy { $0.severity == .error })
        #expect(Set(problems.map(\.message)).count == problems.count, "each once: \(problems)")
    }

    @Test(arguments: Networks.all) func `a network that can be applied has none`(name: String) throws {
        #expect(NetworkPlanner(try Networks.inventory(name)).refusals() == [])
    }

    @Test func `kept sources of two clusters behind two devices are fine`() throws {
        let yaml = Self.mapped + Self.kept(by: "up0", "up1")
        #expect(NetworkPlanner(try Networks.inventory(yaml: yaml)).refusals() == [])
    }

    /// Its nodes differ in their addresses alone.
    @Test(arguments: [10, 100]) func `a large mesh is checked by some of its hosts`(nodes: Int) throws {
        let planner = NetworkPlanner(try ScaleTests.mesh(clusters: 4, nodes: nodes))
        #expect(planner.sampledHosts.count <= NetworkPlanner.mostSampledHosts)
        #expect(planner.refusals() == [])
    }

    @Test func `each of many paths is checked once on its own host`() throws {
        var inventory = try Networks.inventory(
            yaml: "clusters: { prod: { pods: [10.244.0.0/16], nodes: { n1: { address: 10.9.0.1, pods: [10.244.0.0/24] } } } }"
        )
        for index in 0..<100 {
            let network = try IPPrefix(parsing: "172.16.\(index).0/24")
            inventory.sites.append(Site(key: "s\(index)", networks: [network]))
            inventory.paths.append(
                Path(ends: .oneWay(from: "s\(index)", to: "prod"), carrier: .relay(RelaySettings(relays: ["n1"]))))
        }
        let planner = NetworkPlanner(inventory)
        #expect(planner.sampledHosts.map(\.paths.count) == [100])
        #expect(planner.refusals() == [])
    }

    private static let mapped = """
        clusters:
          prod:
            pods: [10.244.0.0/16]
            services: [10.96.0.0/16]
            map: { 10.244.0.0/16: 10.200.0.0/16, 10.96.0.0/16: 10.208.0.0/16 }
            nodes: { n1: { address: 192.168.10.11, pods: [10.244.0.0/24] } }
            hosts: { relay: { address: 192.168.10.2 } }
          staging:
            pods: [10.244.0.0/16]
            services: [10.96.0.0/16]
            map: { 10.244.0.0/16: 10.201.0.0/16, 10.96.0.0/16: 10.209.0.0/16 }
            nodes: { n2: { address: 192.168.10.21, pods: [10.244.0.0/24] } }
            hosts: { relay: { address: 192.168.10.2 } }
        sites: { office: { networks: [172.16.0.0/18], router: 172.16.0.1 } }
        paths:

        """

    /// Paths into both clusters, by these devices of one relay.
    private static func kept(by devices: String...) -> String {
        zip(["prod", "staging"], devices).map { cluster, device in
            let relay = "{ host: relay, uplink: \(device), gateway: 192.168.10.11 }"
            return "  - { from: office, to: \(cluster), via: relay, relays: [\(relay)], source: keep }\n"
        }.joined()
    }

    static let cases = [
        Case(
            reason: "a node's address lies in its own pods' prefix",
            yaml: """
                clusters:
                  near: { pods: [10.1.0.0/16], nodes: { a: { address: 10.9.0.1, pods: [10.1.0.0/24] } } }
                  far: { pods: [10.2.0.0/16], nodes: { b: { address: 10.2.7.9, pods: [10.2.7.0/24] } } }
                paths: [{ between: [near, far], via: routed }]
                """, place: "paths[0]", words: "the route to 10.2.7.0/24 would cover 10.2.7.9, its own next hop"),
        Case(
            reason: "plain routes with a map",
            yaml: mapped + "  - { between: [prod, staging], via: routed }",
            place: "paths[0]", words: "use \"via: relay\""),
        Case(
            reason: "sources kept by a node of a mapped cluster",
            yaml: mapped + "  - { from: office, to: prod, via: relay, relays: [n1], source: keep }", place: "paths[0]",
            words: "needs a relay that is no node of prod"),
        Case(
            reason: "sources kept that others have, too",
            yaml: mapped + "  - { from: prod, to: staging, via: relay, relays: [staging/n2], source: keep }",
            place: "paths[0]", words: "use \"source: map\""),
        Case(
            reason: "a node of the near end as relay",
            yaml: mapped + "  - { from: prod, to: staging, via: relay, relays: [prod/n1] }", place: "paths[0]",
            words: "n1 is a node of prod, whose addresses are mapped"),
        Case(
            reason: "kept sources of two clusters behind one device",
            yaml: mapped + kept(by: "up0", "up0"), place: "paths", words: "come from both clusters by one device"),
        Case(
            reason: "two relays that keep sources without a map",
            yaml: """
                clusters:
                  prod:
                    pods: [10.244.0.0/16]
                    nodes:
                      n1: { address: 192.168.5.11, pods: [10.244.1.0/24] }
                      n2: { address: 192.168.5.12, pods: [10.244.2.0/24] }
                sites: { office: { networks: [192.168.7.0/24], router: 192.168.5.2 } }
                paths: [{ from: office, to: prod, via: relay, relays: [n1, n2], source: keep }]
                """, place: "paths[0]", words: "use one relay"),
    ]
}
