import Inventory
import NetworkPlanning
import Testing

/// What is said before the plans of many hosts.
@Suite struct SummaryTests {
    @Test func `the plans of all hosts begin with what they come to`() throws {
        let nodes = (1...30).map { "n\($0): { address: 10.9.0.\($0), pods: [10.1.\($0).0/24] }" }
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  near: { pods: [10.1.0.0/16], nodes: { \(nodes.joined(separator: ", ")) } }
                  far: { pods: [10.2.0.0/16], nodes: { f: { address: 10.9.1.1, pods: [10.2.0.0/24] }, g: { address: 10.9.1.2 } } }
                  idle: { pods: [10.3.0.0/16], nodes: { i: { address: 10.9.2.1 } } }
                paths: [{ between: [near, far], via: vxlan, vxlan: { id: 7, network: 10.255.0.0/24 } }]
                """)
        let planner = NetworkPlanner(inventory)
        var summary = PlanSummary(hosts: planner.hosts.count)
        for plan in planner.plans() { summary.add(plan) }
        let lines = summary.text.split(separator: "\n").map(String.init)
        #expect(lines.first == "# 32 of 33 hosts have a part: 32 node", "\(lines)")
        #expect(lines.contains { $0.hasPrefix("# near/n1 and 31 more: advice: ") }, "\(lines)")
        #expect(lines.contains { $0.hasPrefix("# far/g: warning: ") && $0.contains("the pods of g are not known") }, "\(lines)")
        #expect(lines.count < 15 && !summary.isRefused, "\(lines)")
    }
}
