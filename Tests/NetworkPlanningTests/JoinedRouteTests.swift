import IPAddressing
import NetworkModel
import NetworkPlanning
import Testing

/// Blocks of pods that lie side by side on one node need one route.
@Suite struct JoinedRouteTests {
    @Test(arguments: [
        (["10.244.0.0/26", "10.244.0.64/26", "10.244.1.0/24"], ["10.244.0.0/25", "10.244.1.0/24"], "two halves and another"),
        (["10.244.0.0/26", "10.244.0.64/26", "10.244.0.128/25"], ["10.244.0.0/24"], "all of a prefix"),
        (["10.244.0.64/26", "10.244.0.128/26"], ["10.244.0.64/26", "10.244.0.128/26"], "neighbours that are no halves"),
    ])
    func `blocks of a node are joined, those of two nodes never`(
        blocks: [String], routes: [String], reason: String
    ) throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  c1: { pods: [10.250.0.0/16], nodes: { a: { address: 10.0.0.1, pods: [10.250.1.0/24] } } }
                  c2:
                    pods: [10.244.0.0/16]
                    nodes:
                      b: { address: 10.0.0.2, pods: [\(blocks.joined(separator: ", "))] }
                      c: { address: 10.0.0.3, pods: [10.244.2.0/26] }
                      d: { address: 10.0.0.4, pods: [10.244.2.64/26] }
                paths:
                  - { between: [c1, c2], via: vxlan, vxlan: { id: 10001, port: 4899, network: 10.255.0.0/24 } }

                """)
        let planner = NetworkPlanner(inventory)
        let plan = planner.plan(for: try #require(planner.host(named: "c1/a")))
        let found = plan.routes.map(\.value.destination.description).filter { $0.hasPrefix("10.244.") }
        #expect(found.sorted() == (routes + ["10.244.2.0/26", "10.244.2.64/26"]).sorted(), "\(reason)")
    }
}
