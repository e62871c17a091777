import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import Testing

/// A mesh of many nodes stays a matter of its size, not of the square of it for each node.
@Suite struct ScaleTests {
    static func mesh(clusters: Int, nodes: Int) throws -> Inventory {
        let network = try IPPrefix(parsing: "100.64.0.0/16")
        var inventory = Inventory()
        for cluster in 0..<clusters {
            let pods = try IPPrefix(parsing: "10.\(cluster).0.0/16")
            inventory.clusters.append(
                Cluster(
                    key: "c\(cluster)", pods: [pods],
                    services: [try IPPrefix(parsing: "172.\(16 + cluster).0.0/16")], cni: .calicoIPIP,
                    nodes: try (0..<nodes).map { node in
                        Node(
                            name: "n\(node)",
                            addresses: [IPAddress(v4: UInt32(0xC0A8_0000 + cluster * 256 + node + 1))],
                            pods: [try IPPrefix(parsing: "10.\(cluster).\(node).0/24")], device: "eth0")
                    }))
        }
        inventory.paths = [
            Path(
                ends: .mutual(inventory.clusters.map(\.key)),
                carrier: .vxlan(VXLANSettings(id: 7, network: network)))
        ]
        return inventory
    }

    @Test func `each node of a large mesh knows all others once`() throws {
        let planner = NetworkPlanner(try Self.mesh(clusters: 10, nodes: 20))
        var octets = 0
        for host in planner.hosts {
            let plan = planner.plan(for: host)
            #expect(plan.neighbours.count == 199 && plan.forwardingEntries.count == 199)
            #expect(plan.routes.count == 180 + 9 && !plan.isRefused)
            octets += plan.text.utf8.count
        }
        #expect(octets > 0)
        let first = planner.plan(for: try #require(planner.hosts.first))
        #expect(Set(first.neighbours.map(\.value.mac)).count == 199)
        #expect(Set(first.neighbours.map(\.value.address)).count == 199)
    }

    /// 1,000 hosts of a mesh take less than two seconds with the release build; here only the growth is judged, by object.
    @Test func `the time for a planned object does not grow with the number of hosts`() throws {
        func nanosecondsPerObject(_ nodes: Int) throws -> Int64 {
            let planner = NetworkPlanner(try Self.mesh(clusters: 4, nodes: nodes))
            var objects = 0
            let time = ContinuousClock().measure {
                for host in planner.hosts {
                    let plan = planner.plan(for: host)
                    objects += plan.routes.count + plan.neighbours.count + plan.forwardingEntries.count
                }
            }
            return Int64(time / .nanoseconds(1)) / Int64(max(1, objects))
        }
        _ = try nanosecondsPerObject(5)
        let (small, large) = (try nanosecondsPerObject(10), try nanosecondsPerObject(60))
        #expect(large < small * 3, "\(small) ns an object for 40 hosts, \(large) ns for 240")
    }

    @Test func `if a derived address is in use another one is found, the same on each host`() throws {
        var inventory = try Self.mesh(clusters: 3, nodes: 4)
        guard case .vxlan(var mesh) = inventory.paths[0].carrier else { return }
        mesh.network = try IPPrefix(parsing: "100.64.0.0/24")
        inventory.paths[0].carrier = .vxlan(mesh)
        let planner = NetworkPlanner(inventory)
        let plans = planner.plans()
        let own = plans.compactMap { $0.addresses.first?.value.address }
        #expect(Set(own).count == 12)
        for plan in plans {
            let others = Set(plan.neighbours.map(\.value.address))
            #expect(others.union(plan.addresses.map(\.value.address)) == Set(own))
            #expect(plan.notes.contains { $0.severity == .advice && $0.message.contains("is taken") })
        }
    }
}
