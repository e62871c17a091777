import Foundation
import Inventory
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
