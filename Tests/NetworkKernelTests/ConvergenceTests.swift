import InventoryFile
import NetworkKernel
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// Commands of each plan made to fail, and the process killed before them: the host ends up as it was or as
/// planned, never in between. With NAMEBRIDGE_EVERY_STEP=1 in the environment it is every command of every plan.
@Suite struct ConvergenceTests {
    @Test(arguments: LabHosts.all)
    func `an apply brings the host to its plan, and a second one has nothing to do`(lab: LabHosts) throws {
        let run = try Run(lab)
        #expect(try run.apply())
        #expect(try !run.apply())
        #expect(try run.remove())
        #expect(run.kernel.state.deviations(from: run.fresh) == [])
        #expect(try run.store.records() == [] && run.store.journal() == nil)
    }

    @Test(arguments: LabHosts.all)
    func `whichever call fails, the host is as before, and the next apply works`(lab: LabHosts) throws {
        let plan = try lab.plan()
        for call in Run.steps(1...(try Run.calls(of: plan))) {
            let run = try Run(plan)
            run.kernel.fault = .failure(at: call)
            #expect(throws: KernelError.self) { try run.apply() }
            #expect(run.kernel.state.deviations(from: run.fresh) == [], "call \(call)")
            #expect(try run.store.journal() == nil, "call \(call)")
            #expect(try run.apply(), "call \(call)")
            #expect(try run.remove())
            #expect(run.kernel.state.deviations(from: run.fresh) == [], "call \(call)")
        }
    }

    @Test(arguments: LabHosts.all, [Recovery.apply, .remove, .undo])
    func `after a kill at any step the next run converges`(lab: LabHosts, recovery: Recovery) throws {
        let plan = try lab.plan()
        for call in Run.steps(1...(try Run.calls(of: plan))) {
            let run = try Run(plan)
            run.kernel.fault = .death(at: call)
            #expect(throws: KernelError.self) { try run.apply() }
            run.kernel.fault = nil
            switch recovery {
            case .apply:
                _ = try run.apply()
                #expect(try !run.apply(), "call \(call)")
                _ = try run.remove()
            case .remove: _ = try run.remove()
            case .undo: _ = try run.undo()
            }
            #expect(run.kernel.state.deviations(from: run.fresh) == [], "call \(call)")
            #expect(try run.store.journal() == nil && run.store.records() == [], "call \(call)")
        }
    }

    @Test(arguments: LabHosts.all)
    func `a killed removal is undone or finished`(lab: LabHosts) throws {
        let plan = try lab.plan()
        let whole = try Run(plan)
        _ = try whole.apply()
        let start = whole.kernel.calls
        _ = try whole.remove()
        for call in Run.steps((start + 1)...whole.kernel.calls) {
            let run = try Run(plan)
            _ = try run.apply()
            run.kernel.fault = .death(at: call)
            #expect(throws: KernelError.self) { try run.remove() }
            run.kernel.fault = nil
            _ = try run.remove()
            #expect(run.kernel.state.deviations(from: run.fresh) == [], "call \(call)")
        }
    }

    @Test func `a change by another program in the meantime stays`() throws {
        let run = try Run(LabHosts(network: "relay-between-clusters", host: "web02"))
        _ = try run.apply()
        run.kernel.disturb { state in
            state.routes.append(contentsOf: run.fresh.routes.prefix(0))
            state.tables.append(FilterTable(family: .ip, name: "hers"))
        }
        _ = try run.remove()
        #expect(run.kernel.state.tables.contains { $0.name == "hers" })
    }

    @Test(arguments: [true, false])
    func `an apply whose undo timer was killed is undone by the next command`(isRemoval: Bool) throws {
        let run = try Run(LabHosts(network: "vxlan-mesh", host: "001"))
        #expect(try run.apply(.init(confirmationSeconds: 60, armUndo: { _ in })))
        run.second += 60
        #expect(throws: KernelError.self, "the timer may be about to come") { try run.apply() }
        #expect(throws: KernelError.self) { try run.remove() }
        run.second += 60
        if isRemoval {
            #expect(try !run.remove(), "nothing is left to remove")
            #expect(run.kernel.state.deviations(from: run.fresh) == [])
        } else {
            #expect(try run.apply(), "it begins with a host that has nothing")
        }
        #expect(run.announced.contains { $0.contains("not confirmed in time") })
        #expect(try run.store.journal() == nil)
    }

    @Test func `a switch that another hand turned off goes back to what it was first`() throws {
        for first in [0, 1] {
            let run = try Run(LabHosts(network: "office-to-cluster", host: "relay1"))
            let forwarding = try #require(
                run.plan.resolved(on: run.fresh).settings.map(\.value.setting).first { $0.name == .forwarding })
            run.kernel.disturb { $0.settings[forwarding] = first }
            _ = try run.apply()
            run.kernel.disturb { $0.settings[forwarding] = 0 }
            _ = try run.apply()
            #expect(run.kernel.state.settings[forwarding] == 1)
            _ = try run.remove()
            #expect(run.kernel.state.settings[forwarding] == first)
            #expect(try run.store.records() == [])
        }
    }

    /// Who finds what a killed process has left.
    enum Recovery { case apply, remove, undo }
}
