import IPAddressing
import Inventory
import InventoryFile
import NetworkKernel
import NetworkModel
import NetworkPlanning
import PathExplanation
import TestSupport
import Testing

/// An apply says what it does to packets, and one that cuts what works is refused.
@Suite struct CutPacketsTests {
    @Test(arguments: [
        (whole, "", "nothing changes"),
        (
            whole.replacing("[pods, services]", with: "[pods]"), "office -> prod dns|office -> prod services",
            "services are left out"
        ),
        (
            whole.split(separator: "\n").filter { !$0.contains("via: relay") && $0 != "paths:" }.joined(separator: "\n"),
            "office -> prod dns|office -> prod pods|office -> prod services", "the path is left out"
        ),
    ])
    func `what a change of the file cuts is told by place and target`(_ next: String, _ lost: String, _ why: String) throws {
        let (before, plan) = try Self.applied()
        let (inventory, changed) = try Self.plan(next)
        let steps = difference(from: before, to: changed).steps
        let earlier = ChangeForecast.View(inventory: try Self.plan(Self.whole).0, host: "prod/relay1")
        let forecast = ChangeForecast(
            ChangeForecast.View(inventory: inventory, host: "prod/relay1"), earlier: earlier, before: before, steps: steps)
        #expect(forecast.losses.map(\.name).sorted().joined(separator: "|") == lost, "\(why): \(forecast.lines) \(plan.host)")
        #expect(forecast.losses(without: [PlacePair(from: "office", to: "prod")]).isEmpty)
        #expect(forecast.losses(without: [PlacePair(from: "prod", to: "office")]).count == forecast.losses.count)
    }

    @Test func `the first apply has something to gain and nothing to lose`() throws {
        let (inventory, plan) = try Self.plan(Self.whole)
        let fresh = FakeHost.fresh(plan.host)
        let view = ChangeForecast.View(inventory: inventory, host: "prod/relay1")
        let forecast = ChangeForecast(
            view, earlier: nil, before: fresh, steps: difference(from: fresh, to: plan).steps)
        #expect(forecast.losses.isEmpty)
        #expect(
            forecast.lines.contains { $0.hasPrefix("office -> prod pods, all packets: FORWARDING_OFF -> ok") },
            "\(forecast.lines)")
    }

    @Test func `an apply that is refused for its packets changes nothing`() throws {
        let run = try Run(Self.plan(Self.whole).1)
        var options = NetworkApplier<FakeKernel>.Options()
        options.foresee = { _, steps throws(KernelError) in throw .cutsPackets(["\(steps.count > 0)"], between: []) }
        #expect(throws: KernelError.self) { try run.apply(options) }
        #expect(run.kernel.state == run.fresh && !run.announced.contains { $0.hasPrefix("nft") })
        options.foresee = { _, _ in ["office -> prod pods: ok"] }
        #expect(try run.apply(options))
        #expect(run.announced.first == "# office -> prod pods: ok")
    }

    @Test func `packets that differ from what was foreseen undo everything`() throws {
        let run = try Run(Self.plan(Self.whole).1)
        var options = NetworkApplier<FakeKernel>.Options()
        options.compare = { () throws(KernelError) in throw .packetsDiffer(["10.0.0.10:53 is silent"]) }
        do {
            _ = try run.apply(options)
            Issue.record("the apply stays")
        } catch {
            #expect("\(error)".contains("10.0.0.10:53 is silent") && "\(error)".contains("everything was undone"), "\(error)")
        }
        #expect(run.kernel.state == run.fresh)
        #expect(try run.store.journal() == nil)
    }

    @Test(
        arguments: [
            ("office->prod", "office->prod"), ("office -> prod", "office->prod"), ("office", nil), ("->prod", nil),
            ("a->b->c", nil),
        ] as [(String, String?)])
    func `two places are written with an arrow`(_ text: String, _ read: String?) {
        #expect(PlacePair(text).map { "\($0)" } == read)
    }

    // MARK: - A relay

    /// The relay with its plan applied.
    private static func applied() throws -> (HostState, HostPlan) {
        let plan = try plan(whole).1
        var state = FakeHost.fresh(plan.host)
        for step in difference(from: state, to: plan).steps { state.apply(step.change) }
        return (state, plan)
    }

    private static func plan(_ file: String) throws -> (Inventory, HostPlan) {
        let read = InventoryFile.read(Array(file.utf8), name: "test.yaml")
        guard let inventory = read.inventory else { throw Missing(what: "\(read.problems)") }
        let planner = NetworkPlanner(inventory)
        guard let host = planner.host(named: "relay1") else { throw Missing(what: "relay1") }
        return (inventory, planner.plan(for: host))
    }

    static let whole = """
        clusters:
          prod:
            dns: [172.17.16.10]
            pods: [172.17.32.0/19]
            services: [172.17.16.0/20]
            cni: calico-ipip
            kube-proxy: { mode: iptables }
            nodes:
              master1: { address: 172.17.14.11, pods: [172.17.33.0/24] }
            hosts:
              relay1: { address: 172.17.14.60, device: eth0 }
        sites:
          office: { networks: [172.16.0.0/18], router: 172.16.0.1 }
        paths:
          - { from: office, to: prod, via: relay, relays: [relay1], targets: [pods, services] }
        """
}
