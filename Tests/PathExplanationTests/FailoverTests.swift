import Inventory
import NetworkModel
import PacketPath
import PathExplanation
import TestSupport
import Testing

/// Paths whose relays are chosen by BGP or VRRP, which no plan makes.
@Suite struct FailoverTests {
    /// An office with a router of its own or one of the file, and two relays.
    private static func file(_ failover: String, hasGate: Bool) -> String {
        RelayOffice(
            cluster: ["services: [10.20.0.0/16]"],
            router: hasGate ? "r: { address: [172.16.0.1, 10.14.0.1] }" : "printer: { address: 172.16.9.9 }",
            path: ["relays: [relay1, { host: relay2, priority: 200 }]", failover]
        ).yaml
    }

    private static let ways = [
        "failover: bgp", "failover: vrrp\n    vrrp: { id: 78, address: 10.14.0.60 }",
    ]

    @Test(arguments: ways, [true, false])
    func `packets go through the relay of the highest priority, as is assumed`(_ way: String, _ hasGate: Bool) throws {
        let inventory = try CodeTests.inventory(Self.file(way, hasGate: hasGate))
        for target in ["prod/pods", "prod/services"] {
            let explanation = try explain(inventory, target)
            let text = ExplanationText(explanation, width: 200).lines.map(\.text).joined(separator: "\n")
            #expect(explanation.verdict == .reachable, "\(text)")
            let relays = explanation.exchanges.flatMap(\.request.hops).filter { $0.role == "relay" }.map(\.host)
            #expect(Set(relays) == ["relay2"], "\(text)")
            #expect(text.contains("assumed that") && text.contains("highest priority"), "\(text)")
            #expect(text.contains("learned by BGP from relay2") == way.hasSuffix("bgp"), "\(text)")
        }
        let matrix = PathMatrix(
            inventory, now: PathMatrix.Phase(observed: [:], isApplied: false),
            after: PathMatrix.Phase(observed: [:], isApplied: true))
        #expect(matrix.rows.allSatisfy { $0.cells[0].after.verdict == .reachable })
    }

    @Test func `where no relay has the virtual address the fix is keepalived`() throws {
        let inventory = try CodeTests.inventory(Self.file(Self.ways[1], hasGate: false))
        let observed = ["office/relay1": HostState(), "office/relay2": HostState()]
        let explanation = try explain(inventory, "prod/pods", observed)
        #expect(explanation.verdict != .reachable)
        #expect(explanation.fix.contains("keepalived"), "\(explanation.fix)")
        #expect(!explanation.fix.contains("net apply on the network"))
    }

    private func explain(
        _ inventory: Inventory, _ to: String, _ observed: [String: HostState] = [:]
    ) throws -> Explanation {
        let question = ExplainedQuestion(
            from: try #require(ExplainedEnd("office", in: inventory)),
            to: try #require(ExplainedEnd(to, in: inventory)))
        return Explanation(question, in: inventory, observed: observed)
    }
}
