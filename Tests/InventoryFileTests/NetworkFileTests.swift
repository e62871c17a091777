import Foundation
import IPAddressing
import Inventory
import InventoryFile
import Testing

/// Networks as people have them, one file each, with the warnings that they earn.
@Suite("Network files") struct NetworkFileTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Networks")

    private func read(_ name: String) throws -> (inventory: Inventory?, problems: [Diagnostic]) {
        let text = try Data(contentsOf: Self.folder.appending(path: name + ".yaml"))
        return InventoryFile.read(Array(text), name: name + ".yaml")
    }

    @Test(
        "a network that works is accepted, with a warning for each address that will hurt",
        arguments: [
            ("relay-between-clusters", []), ("one-link", []), ("office-over-vpn", []),
            ("office-to-cluster", ["clusters.prod.pods[0]", "clusters.prod.services[0]"]),
            ("vxlan-mesh", ["paths[0].vxlan.network"]),
        ])
    func accepted(name: String, warnings: [String]) throws {
        let (inventory, problems) = try read(name)
        #expect(inventory != nil, "\(problems)")
        #expect(problems.map(\.path.description) == warnings)
        #expect(problems.allSatisfy { $0.severity == .warning })
    }

    @Test("relays keep their order and their source address")
    func relays() throws {
        let inventory = try #require(try read("relay-between-clusters").inventory)
        let expected = RelaySettings(relays: ["web02", "master01"], source: .snat(.nodeAddress))
        #expect(inventory.paths.map(\.carrier) == [.relay(expected)])
        #expect(inventory.paths.map(\.targets) == [PathTargets(pods: true, services: false)])
        #expect(inventory.cluster("new")?.subnets.map(\.routeTable) == ["node-rt-0", "pod-rt-0", "nat-rt-0"])
        #expect(inventory.host("web02", in: ["old", "new"])?.podPrefixes.map(\.description) == ["172.26.95.0/26"])
        #expect(inventory.cluster("new")?.names == [])
    }

    @Test("a relay may stand in the site, and keep the client's address")
    func relayInSite() throws {
        let inventory = try #require(try read("office-to-cluster").inventory)
        let expected = RelaySettings(relays: ["branch/gateway"], source: .keep)
        #expect(inventory.paths.last?.carrier == .relay(expected))
        #expect(inventory.host("branch/gateway", in: ["prod"])?.place == "branch")
    }

    @Test("a mesh keeps the addresses that were given to its nodes")
    func mesh() throws {
        let inventory = try #require(try read("vxlan-mesh").inventory)
        guard case .vxlan(let mesh)? = inventory.paths.first?.carrier else {
            Issue.record("no mesh")
            return
        }
        #expect(mesh.device == "vxlan-test" && mesh.underlay == "eth0" && mesh.mtu == nil)
        #expect(mesh.endpoints.map(\.node) == ["001", "002", "003", "004", "005", "c3/006"])
        #expect(mesh.endpoints.first?.mac == MACAddress("c2:6a:9b:e5:39:8d"))
        #expect(mesh.endpoints.first?.address == IPAddress("179.17.1.21"))
    }

    @Test("a tunnel's end is a host of the cluster")
    func endpoint() throws {
        let inventory = try #require(try read("office-over-vpn").inventory)
        let expected = RelaySettings(relays: ["node1"], endpoint: "vpn")
        #expect(inventory.paths.map(\.carrier) == [.relay(expected)])
        #expect(inventory.host("vpn", in: ["shop"])?.isNode == false)
    }
}
