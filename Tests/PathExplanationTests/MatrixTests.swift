import Foundation
import Inventory
import NetworkModel
import NetworkPlanning
import PacketPath
import PathExplanation
import Testing

/// Which places reach which, before and after the plans are applied.
@Suite struct MatrixTests {
    @Test func `every cell tells what is now and what will be`() throws {
        let matrix = try matrix("n4-broken")
        let rows = matrix.rows.map { row in "\(row.from) \(row.to) \(row.target): \(row.cells[0].text)" }
        #expect(
            rows == [
                "office shop pods: NO_ROUTE -> ok",
                "office shop services: NO_ROUTE -> depends: REPLY_BYPASSES_RELAY",
                "office shop dns: NO_ROUTE -> depends: REPLY_BYPASSES_RELAY",
            ])
        #expect(matrix.losses.isEmpty)
    }

    @Test func `a change that cuts what works is told`() throws {
        let inventory = try PlannedNetworkTests.inventory("n4-fixed")
        let matrix = PathMatrix(
            inventory, now: PathMatrix.Phase(observed: [:], isApplied: true),
            after: PathMatrix.Phase(observed: [:], isApplied: false))
        #expect(matrix.losses.map(\.target) == ["pods", "services", "dns"])
    }

    @Test func `a thousand nodes in four clusters have a row for each pair`() throws {
        let inventory = try CodeTests.inventory(Self.large)
        let start = ContinuousClock.now
        let matrix = PathMatrix(
            inventory, now: PathMatrix.Phase(observed: [:], isApplied: false),
            after: PathMatrix.Phase(observed: [:], isApplied: true))
        print("matrix of 1,000 nodes: \(matrix.rows.count) rows in \(ContinuousClock.now - start)")
        #expect(matrix.rows.count == 36)
        let lost = matrix.rows.first { $0.cells[0].after.verdict != .reachable }
        #expect(lost == nil)
    }

    @Test func `of a large file the nodes that are asked for have the addresses that they have in the whole`() throws {
        let inventory = try CodeTests.inventory(Self.large)
        let from = try #require(ExplainedEnd("c0/n77", in: inventory))
        let to = try #require(ExplainedEnd("10.3.199.7", in: inventory))
        let explanation = Explanation(ExplainedQuestion(from: from, to: to), in: inventory)
        let hosts = explanation.exchanges.flatMap(\.request.hops).map(\.host)
        #expect(explanation.verdict == .reachable && hosts.contains("n77") && hosts.contains("n199"), "\(hosts)")
        // n77 of c0 and n77 of c3 have the same last octets: the second one gets another address in the segment.
        let route = explanation.exchanges.flatMap(\.request.steps).first { $0.rule.contains("10.3.199.0/24") }
        let plan = NetworkPlanner(inventory)
        let node = try #require(plan.host(named: "c3/n199"))
        let own = plan.plan(for: node).addresses.map { "\($0.value.address)" }
        #expect(own.contains { route?.rule.contains("via \($0) ") == true }, "\(route?.rule ?? "-") \(own)")
    }

    /// Four clusters of 250 nodes each in one segment.
    private static let large: String = {
        var text = "clusters:\n"
        for cluster in 0..<4 {
            text += "  c\(cluster):\n    dns: [10.\(cluster + 100).0.10]\n    pods: [10.\(cluster).0.0/16]\n"
            text += "    services: [10.\(cluster + 100).0.0/16]\n    cni: calico-bgp\n    nodes:\n"
            for node in 0..<250 {
                text += "      n\(node): { address: 192.168.\(cluster).\(node + 1), pods: [10.\(cluster).\(node).0/24] }\n"
            }
        }
        text += "paths:\n  - between: [c0, c1, c2, c3]\n    via: vxlan\n"
        return text + "    vxlan: { id: 77, network: 10.255.0.0/20 }\n"
    }()

    private func matrix(_ network: String) throws -> PathMatrix {
        PathMatrix(
            try PlannedNetworkTests.inventory(network), now: PathMatrix.Phase(observed: [:], isApplied: false),
            after: PathMatrix.Phase(observed: [:], isApplied: true))
    }
}
