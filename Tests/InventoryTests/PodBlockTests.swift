import IPAddressing
import Inventory
import Testing

/// What answers depend on, and what not.
@Suite struct PodBlockTests {
    private static func inventory(
        _ address: String = "10.0.0.1", block: String = "10.244.0.0/26", server: String = "10.96.0.10"
    ) throws -> Inventory {
        let node = Node(
            name: "n1", addresses: [try #require(IPAddress(address))], pods: [try IPPrefix(parsing: block)])
        var cluster = Cluster(key: "prod", dns: [Endpoint(address: try #require(IPAddress(server)), port: 53)])
        cluster.pods = [try IPPrefix(parsing: "10.244.0.0/16")]
        cluster.nodes = [node]
        return Inventory(clusters: [cluster])
    }

    @Test func `a block that moves changes no answer, an address, a server or a node does`() throws {
        let before = try Self.inventory().withoutPodBlocks
        #expect(try Self.inventory(block: "10.244.7.0/26").withoutPodBlocks == before)
        #expect(try Self.inventory("10.0.0.2").withoutPodBlocks != before)
        #expect(try Self.inventory(server: "10.96.0.11").withoutPodBlocks != before)
        var more = try Self.inventory()
        more.clusters[0].nodes.append(Node(name: "n2", addresses: [try #require(IPAddress("10.0.0.2"))]))
        #expect(more.withoutPodBlocks != before)
    }
}
