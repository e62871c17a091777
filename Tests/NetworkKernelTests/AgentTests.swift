import LinuxSystem
import NetworkKernel
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// An agent restores lost objects: soon, once, at growing intervals if they are contested, and not after a removal.
@Suite struct AgentTests {
    @Test(arguments: LabHosts.all)
    func `a loss is reported and repaired soon after its burst`(lab: LabHosts) throws {
        let run = try AgentRun.started(lab)
        #expect(run.isWhole)
        run.flushRules()
        run.flushRoutes()
        run.wait(milliseconds: 40)
        #expect(!run.isWhole, "the burst may go on")
        run.wait(milliseconds: 10)
        #expect(run.isWhole)
        let news = run.takeNews()
        #expect(news.count == 2 && news[0].hasPrefix("lost") && news[1].hasSuffix("after 50 ms"), "\(news)")
        let status = try #require(run.status)
        #expect(status.repairs == 1 && status.desired == status.present && status.healed > 0)
        #expect(status.lastLoss?.milliseconds == 50 && status.lastLoss?.time == 1_000)
    }

    @Test func `its own changes cause no further check`() throws {
        let run = try AgentRun.started()
        run.flushRoutes()
        run.wait(milliseconds: 50)
        run.agent.listen()
        #expect(run.sleep == 60_000)
        let calls = run.run.kernel.calls
        run.wait(milliseconds: 30_000)
        #expect(run.run.kernel.calls == calls)
    }

    @Test func `a silent next hop is reported once, resolved again, and reported when it answers`() throws {
        let run = try AgentRun.started()
        let gateway = try #require(run.run.plan.routes.first?.value.nextHops.first?.gateway)
        let device = try #require(run.run.plan.links.first?.value.name)
        run.run.kernel.disturb {
            $0.unresolvedNeighbours = [UnresolvedNeighbour(device: device, address: gateway)]
        }
        run.wait(milliseconds: run.sleep)
        #expect(run.takeNews() == [], "it may be asked just now")
        run.wait(milliseconds: 1_000)
        #expect(run.takeNews() == ["silent [\(gateway)]"] && run.status?.silent.count == 1)
        run.wait(milliseconds: 180_000)
        #expect(run.takeNews() == [] && run.isWhole)
        #expect(run.asked.count >= 5 && Set(run.asked) == [gateway])
        run.run.kernel.disturb { $0.unresolvedNeighbours = [] }
        run.wait(milliseconds: 60_000)
        #expect(run.takeNews() == ["answering [\(gateway)]"] && run.status?.silent == [])
    }

    @Test func `events of foreign objects cause no check`() throws {
        let run = try AgentRun.started()
        let calls = run.run.kernel.calls
        run.disturb([
            KernelEvent(.table("hers"), isGone: true), KernelEvent(.transaction), KernelEvent(.neighbour(device: 2)),
            KernelEvent(.link(name: "cali1", index: 40, isUp: true)), KernelEvent(.setting(device: 40)),
        ]) { _ in }
        run.wait(milliseconds: 10_000)
        #expect(run.run.kernel.calls == calls)
    }

    @Test func `without an event the full check finds a loss, without its time`() throws {
        let run = try AgentRun.started()
        run.disturb([]) { $0.tables.removeAll { $0.isOurs } }
        run.wait(milliseconds: 60_000)
        #expect(run.isWhole && run.takeNews().last?.hasSuffix("after unknown") == true)
    }

    @Test func `lost events cause a check at once`() throws {
        let run = try AgentRun.started()
        run.run.kernel.disturb { $0.routes.removeAll { $0.isOurs } }
        run.events.isIncomplete = true
        run.agent.listen()
        run.wait(milliseconds: 50)
        #expect(run.isWhole)
    }

    @Test func `an object removed again and again is reported once and restored at growing intervals`() throws {
        let run = try AgentRun.started()
        var repaired = 0
        var contested: [String] = []
        for _ in 0..<300 {  // five minutes
            if run.isWhole { run.flushRules() }
            run.wait(milliseconds: 1_000)
            let news = run.takeNews()
            repaired += news.filter { $0.hasPrefix("repaired") }.count
            contested += news.filter { $0.hasPrefix("contested") }
        }
        #expect(contested == ["contested nft table namebridge"])
        #expect((10...20).contains(repaired), "\(repaired)")
        #expect(run.status?.contested == ["nft table namebridge"])
    }

    @Test func `the status has the missing objects, and the paths that need them`() throws {
        let run = try AgentRun.started(LabHosts(network: "office-to-cluster", host: "relay1"))
        let whole = try #require(run.status)
        #expect(whole.paths.map(\.carrier) == ["relay"] && whole.paths.allSatisfy { $0.desired > 0 && $0.missing == 0 })
        run.run.kernel.refusal = { $0.contains("route prepend 172.17.33.0/24") }
        run.flushRoutes()
        run.wait(milliseconds: 500)
        let off = try #require(run.status)
        #expect(off.missing.count == 1 && off.missing[0].contains("172.17.33.0/24"), "\(off.missing)")
        #expect(off.paths.map(\.missing) == [1] && off.paths.map(\.desired) == whole.paths.map(\.desired))
        run.run.kernel.refusal = nil
        run.wait(milliseconds: 60_000)
        #expect(run.status?.missing == [] && run.status?.paths == whole.paths)
    }

    @Test(arguments: LabHosts.all)
    func `every missing object is needed by a path`(lab: LabHosts) throws {
        let run = try Run(lab)
        let pathPlans = try lab.pathPlans()
        let missing = difference(from: run.fresh, to: run.plan).steps.drift
        #expect(!missing.isEmpty)
        for loss in missing {
            #expect(pathPlans.contains { $0.count(of: [loss], on: run.fresh) == 1 }, "\(loss.text)")
        }
    }

    @Test func `another object is restored at once although one is contested`() throws {
        let run = try AgentRun.started()
        for _ in 0..<7 {
            run.flushRules()
            run.wait(milliseconds: 300)
        }
        #expect(!run.isWhole)
        run.flushRoutes()
        run.wait(milliseconds: 50)
        #expect(run.isWhole)
    }

    @Test func `an object that stays is no longer contested`() throws {
        let run = try AgentRun.started()
        for _ in 0..<6 {
            run.flushRules()
            run.wait(milliseconds: 2_000)
        }
        run.wait(milliseconds: 120_000)
        #expect(run.isWhole && run.status?.contested == [])
        run.flushRules()
        run.wait(milliseconds: 50)
        #expect(run.isWhole)
    }

    @Test func `a removal lasts until the next apply, also after a crash`() throws {
        let run = try AgentRun.started()
        #expect(try run.run.remove())
        run.flushRules()
        run.wait(milliseconds: 120_000)
        #expect(run.run.kernel.state.deviations(from: run.run.fresh) == [] && run.takeNews() == ["idle"])
        #expect(run.status?.desired == 0)

        let second = try AgentRun(sharing: run)
        try second.agent.start()
        second.agent.follow(.success(AgentRun.good))
        second.runUntilQuiet()
        #expect(second.takeNews() == ["idle"])

        second.agent.stop()
        let third = try AgentRun(sharing: run)
        try third.agent.start()
        third.agent.follow(.success(AgentRun.good))
        third.runUntilQuiet()
        #expect(third.isWhole && third.takeNews() == ["keeping"], "a start in order is a wish")
    }

    @Test func `while another changes the host it waits`() throws {
        let run = try AgentRun.started()
        let lock = try run.run.store.lock()
        run.flushRules()
        run.wait(milliseconds: 500)
        #expect(!run.isWhole && lock.number >= 0 && run.takeNews() == [])
    }

    /// The kernel takes the mesh's device along with the one that it is on.
    @Test func `everything possible is restored although the device of one object is gone`() throws {
        let run = try AgentRun.started(LabHosts(network: "vxlan-mesh", host: "001"))
        let uplink = run.run.kernel.state
        run.disturb([KernelEvent(.link(name: "eth0", index: 2, isUp: false), isGone: true)]) { state in
            state.links.removeAll { $0.name != "lo" && $0.name != "tunl0" }
            state.addresses.removeAll { $0.device != "lo" }
            state.routes = []
            state.neighbours = []
            state.forwardingEntries = []
            state.settings = state.settings.filter { ["all", "default", "tunl0"].contains($0.key.device) }
        }
        run.flushRules()
        run.wait(milliseconds: 50)
        #expect(run.run.kernel.state.ownTable != nil)
        let news = run.takeNews()
        #expect(news.count == 3 && news[0].hasPrefix("lost") && news[2] == "failed", "\(news)")
        #expect(news[1] == "repaired \(run.run.kernel.state.ownRules) after 50 ms")
        let status = try #require(run.status)
        #expect(status.present < status.desired && status.trouble?.contains("this host has no device eth0") == true)

        // It comes back, and the rest with it.
        run.disturb([KernelEvent(.link(name: "eth0", index: 2, isUp: true))]) { state in
            state.links = uplink.links.filter { !$0.isOurs }
            state.addresses = uplink.addresses.filter { $0.device == "eth0" }
            state.routes = uplink.routes.filter { !$0.isOurs && $0.nextHops.contains { $0.device == "eth0" } }
            for (setting, value) in uplink.settings where setting.device == "eth0" { state.settings[setting] = value }
        }
        run.wait(milliseconds: 60_000)
        #expect(run.isWhole && run.takeNews().contains("recovered"))
        #expect(run.status?.trouble == nil)
    }

    @Test func `a command that always fails does not prevent other repairs`() throws {
        let run = try AgentRun.started(LabHosts(network: "office-to-cluster", host: "relay1"))
        run.run.kernel.refusal = { $0.contains("route prepend 172.17.33.0/24") }
        run.flushRules()
        run.flushRoutes()
        run.wait(milliseconds: 500)
        let missing = difference(from: run.run.kernel.state, to: run.run.plan).steps
        #expect(missing.count == 1 && missing[0].text.contains("172.17.33.0/24"), "\(missing)")
        #expect(run.takeNews().contains("failed") && run.status?.trouble?.contains("172.17.33.0/24") == true)
        run.run.kernel.refusal = nil
        run.wait(milliseconds: 60_000)
        #expect(run.isWhole && run.takeNews().contains("recovered"))
    }

    @Test func `what a setting was is known after a repair of which a part fails`() throws {
        let run = try AgentRun.started(LabHosts(network: "office-to-cluster", host: "relay1"))
        let record = try #require(try run.run.store.records().first { $0.previous != $0.ours })
        // As for a device that is new since the apply: nothing is recorded of it yet.
        try run.run.store.write(try run.run.store.records().filter { $0.setting != record.setting })
        run.disturb([]) { $0.settings[record.setting] = record.previous }
        run.run.kernel.refusal = { $0.contains("route prepend 172.17.33.0/24") }
        run.flushRoutes()
        run.wait(milliseconds: 500)
        #expect(run.run.kernel.state.settings[record.setting] == record.ours)
        #expect(try run.run.store.records().contains(record))
        run.run.kernel.refusal = nil
        run.wait(milliseconds: 60_000)
        #expect(try run.isWhole && run.run.store.records().contains(record))
    }

    @Test func `a failed repair is reported once and tried again`() throws {
        let run = try AgentRun.started()
        run.run.kernel.fault = .death(at: run.run.kernel.calls + 2)
        run.flushRules()
        run.wait(milliseconds: 10_000)
        // The first failure names the command, later ones the look that comes before it.
        #expect(run.takeNews().filter { $0 == "failed" }.count <= 2)
        run.run.kernel.fault = nil
        run.wait(milliseconds: 60_000)
        #expect(run.isWhole && run.takeNews().contains("recovered"))
    }
}

extension HostState {
    /// The number of rules in our table.
    fileprivate var ownRules: Int { ownTable?.chains.map(\.rules.count).reduce(0, +) ?? 0 }
}
