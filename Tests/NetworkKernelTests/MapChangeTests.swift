import Foundation
import IPAddressing
import InventoryFile
import NetworkKernel
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// A relay gets outer addresses for its cluster, other ones, and none again: from the state of the last plan alone.
@Suite struct MapChangeTests {
    /// The relay of a cluster that its file writes with `map`.
    private static func plan(map: String) throws -> HostPlan {
        let office = RelayOffice(
            cluster: map.isEmpty ? [] : [map], relays: ["gate"], path: ["relays: [gate]", "source: snat"])
        let read = InventoryFile.read(Array(office.yaml.utf8), name: "map.yaml")
        let planner = NetworkPlanner(try #require(read.inventory, "\(read.problems)"))
        return planner.plan(for: try #require(planner.host(named: "gate")))
    }

    private static let plain = ""
    private static let mapped = "map: { 10.32.0.0/16: 10.200.0.0/16 }"
    private static let renumbered = "map: { 10.32.0.0/16: 10.210.0.0/16 }"

    private static func destinations(_ run: Run) -> Set<String> {
        Set(run.kernel.state.routes.filter { $0.isOurs && !$0.nextHops.isEmpty }.map { "\($0.destination)" })
    }

    @Test(arguments: [(plain, mapped), (mapped, plain), (mapped, renumbered)])
    func `whichever call of the change fails or is the last one, the host is as before or as planned`(
        old: String, new: String
    ) throws {
        let (first, second) = (try Self.plan(map: old), try Self.plan(map: new))
        let whole = try Run(first)
        _ = try whole.apply()
        let (start, before) = (whole.kernel.calls, whole.kernel.state)
        _ = try whole.apply(of: second)
        let after = whole.kernel.state
        for call in Run.steps((start + 1)...whole.kernel.calls) {
            for fault in [FakeKernel.Fault.failure(at: call), .death(at: call)] {
                let run = try Run(first)
                _ = try run.apply()
                run.kernel.fault = fault
                #expect(throws: KernelError.self) { try run.apply(of: second) }
                run.kernel.fault = nil
                if case .failure = fault { #expect(run.kernel.state.deviations(from: before) == [], "call \(call)") }
                _ = try run.apply(of: second)
                #expect(run.kernel.state.deviations(from: after) == [], "call \(call)")
                _ = try run.remove()
                #expect(run.kernel.state.deviations(from: run.fresh) == [], "call \(call)")
            }
        }
    }

    @Test func `the way of a replaced range stays while connections use it, and nothing else of it`() throws {
        let run = try Run(Self.plan(map: Self.mapped))
        let later = try Self.plan(map: Self.renumbered)
        _ = try run.apply()
        let old = try IPPrefix(parsing: "10.200.0.0/16")
        run.kernel.heldDestinations = [old]
        #expect(try run.apply(of: later))
        #expect(Self.destinations(run).isSuperset(of: ["10.200.0.0/16", "10.210.0.0/16"]))
        #expect(!run.kernel.state.routes.contains { $0.destination == old && $0.kind == .blackhole })
        #expect(try !run.apply(of: later))
        run.kernel.heldDestinations = []
        #expect(try run.apply(of: later))
        #expect(!Self.destinations(run).contains("10.200.0.0/16"))
        // A removal asks no connection.
        run.kernel.heldDestinations = [try IPPrefix(parsing: "10.210.0.0/16")]
        #expect(try run.remove())
        #expect(run.kernel.state.deviations(from: run.fresh) == [])
    }

    /// Between the steps and the look at what they have done.
    @Test func `a last connection that ends meanwhile undoes nothing`() throws {
        let run = try Run(Self.plan(map: Self.mapped))
        let later = try Self.plan(map: Self.renumbered)
        _ = try run.apply()
        run.kernel.heldDestinations = [try IPPrefix(parsing: "10.200.0.0/16")]
        var options = NetworkApplier<FakeKernel>.Options()
        options.proceeds = { [kernel = run.kernel] _ in
            kernel.heldDestinations = []
            return true
        }
        #expect(try run.apply(options, of: later))
        #expect(Self.destinations(run).isSuperset(of: ["10.200.0.0/16", "10.210.0.0/16"]))
        #expect(try run.apply(of: later))
        #expect(!Self.destinations(run).contains("10.200.0.0/16"))
    }
}
