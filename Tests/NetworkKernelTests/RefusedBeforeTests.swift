import IPAddressing
import Inventory
import InventoryFile
import NetworkKernel
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// A plan says before an apply what the kernel would not take.
@Suite struct RefusedBeforeTests {
    @Test(
        arguments: [
            (nil, "eth0", false, "nothing is in the way"),
            (VXLANLink(id: 10001, port: 8472, local: nil, underlay: nil), "eth0", true, "the number is taken"),
            (VXLANLink(id: 1, port: 8472, local: nil, underlay: nil), "eth0", false, "flannel's number on the same port"),
            (VXLANLink(id: 0, port: 8472, local: nil, underlay: nil), "eth0", true, "Cilium's device takes every number"),
            (VXLANLink(id: 0, port: 4789, local: nil, underlay: nil), "eth0", false, "it does so on another port"),
            (nil, "eth9", true, "the underlay is not there"),
        ] as [(VXLANLink?, String, Bool, String)])
    func `what the kernel would not make is refused before`(
        other: VXLANLink?, underlay: String, isRefused: Bool, what: String
    ) throws {
        let file = """
            clusters:
              c1: { pods: [10.234.0.0/16], nodes: { n1: { address: 192.168.0.1, pods: [10.234.1.0/24] } } }
              c2: { pods: [10.235.0.0/16], nodes: { n2: { address: 192.168.0.2, pods: [10.235.1.0/24] } } }
            paths:
              - between: [c1, c2]
                via: vxlan
                vxlan: { id: 10001, port: 8472, network: 10.255.1.0/24, underlay: \(underlay) }
            """
        let plan = try Self.plan(file)
        var state = FakeHost.fresh(plan.host)
        if let other { state.links.append(Link(name: "other", kind: .vxlan(other))) }
        let difference = difference(from: state, to: plan)
        #expect(difference.isRefused == isRefused, "\(what): \(difference.notes)")
        #expect(FakeKernel.takes(difference, on: state) == !isRefused, "\(what)")
    }

    private static func plan(_ file: String) throws -> HostPlan {
        let read = InventoryFile.read(Array(file.utf8), name: "test.yaml")
        guard let inventory = read.inventory else { throw Missing(what: "\(read.problems)") }
        let planner = NetworkPlanner(inventory)
        guard let host = planner.host(named: "n1") else { throw Missing(what: "n1") }
        return planner.plan(for: host)
    }
}

extension FakeKernel {
    /// True if the kernel takes every step.
    fileprivate static func takes(_ difference: Difference, on state: HostState) -> Bool {
        do { try FakeKernel(state).perform(difference.steps) { _ in } } catch { return false }
        return true
    }
}
