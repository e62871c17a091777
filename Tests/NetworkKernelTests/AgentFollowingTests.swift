import IPAddressing
import LinuxSystem
import NetworkKernel
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// An agent follows its file, with the refusals of every apply, and what others apply.
@Suite struct AgentFollowingTests {
    @Test func `a changed file is applied, one with mistakes changes nothing and is reported once`() throws {
        let run = try AgentRun.started()
        run.agent.follow(.success("wrong"))
        run.agent.follow(.success("wrong"))
        #expect(run.takeNews() == ["not followed: /etc/namebridge/namebridge.yaml: it is wrong"])
        run.agent.follow(.failure(Errno.noSuchFile))
        #expect(run.takeNews().count == 1)
        run.flushRules()
        run.runUntilQuiet()
        #expect(run.isWhole, "the old plan holds")
        _ = run.takeNews()

        run.agent.follow(.success("empty"))
        run.runUntilQuiet()
        #expect(run.run.kernel.state.deviations(from: run.run.fresh) == [])
        #expect(run.takeNews().first?.hasPrefix("followed") == true)
        run.agent.follow(.success(AgentRun.good))
        #expect(run.isWhole)
    }

    @Test func `a changed file is applied with one observation, and checked once it is at rest`() throws {
        let run = try AgentRun.started()
        let calls = run.run.kernel.observations
        #expect(run.agent.follow(.success("empty")) == .applied)
        #expect(run.run.kernel.observations == calls + 1, "the one that shows that the host is as planned")
        #expect(run.agent.follow(.success(AgentRun.good)) == .applied)
        #expect(run.run.kernel.observations == calls + 2)
        #expect(run.isWhole && run.sleep > 1_000)
        run.wait(milliseconds: 6_000)
        #expect(run.run.kernel.observations > calls + 2)
        #expect(run.takeNews().allSatisfy { $0.hasPrefix("followed") })
    }

    @Test func `a change of routes reads and asks for nothing else`() throws {
        let run = try AgentRun.started()
        let (kernel, calls) = (run.run.kernel, run.run.kernel.observations)
        let asked = kernel.questions.count
        let part = ObservedPart.routes(run.run.plan.routes[0].value.destination.family)
        #expect(run.agent.follow(.success("fewer")) == .applied)
        #expect(kernel.observations == calls && kernel.observedParts == [[part]] && kernel.questions.count == asked)
        let gone = try #require(run.run.plan.routes.last?.value.destination)
        #expect(!kernel.state.routes.contains { $0.isOurs && $0.destination == gone })
        #expect(run.agent.follow(.success(AgentRun.good)) == .applied)
        #expect(kernel.observations == calls && kernel.observedParts == [[part], [part]] && run.isWhole)
        #expect(kernel.questions.dropFirst(asked).allSatisfy { gone.contains($0.destination) })
        run.wait(milliseconds: 6_000)
        #expect(kernel.observations == calls + 1, "once the file is at rest, the whole host")
        #expect(run.takeNews().allSatisfy { $0.hasPrefix("followed") })
    }

    @Test func `what others change during a change of routes is seen with it`() throws {
        for subject in [KernelEvent.Subject.table(Ownership.table), .link(name: "eth0", index: 2, isUp: true)] {
            let run = try AgentRun.started()
            let calls = run.run.kernel.observations
            run.run.kernel.performed = { run.events.waiting.append(KernelEvent(subject)) }
            #expect(run.agent.follow(.success("fewer")) == .applied)
            #expect(run.run.kernel.observations == calls + 1 && run.run.kernel.observedParts == [])
        }
    }

    @Test func `the record of an own apply leads to no check, that of another command does`() throws {
        let run = try AgentRun.started()
        #expect(run.agent.follow(.success("fewer")) == .applied)
        let next = run.agent.nextCheck
        run.agent.noteDesired()
        #expect(run.agent.nextCheck == next)
        try run.run.store.write(.nothing)
        run.agent.noteDesired()
        #expect(run.agent.nextCheck < next)
    }

    @Test func `a changed file does not wait for the pause after a check`() throws {
        let run = try AgentRun.started()
        run.agent.noteFileChange()
        #expect(run.agent.nextTime < run.agent.nextCheck && run.agent.mustFollow)
        #expect(run.agent.follow(.success("fewer")) == .applied)
        #expect(!run.agent.mustFollow && run.agent.nextTime == run.agent.nextCheck)
    }

    @Test func `what changed without an event is seen when a changed file is applied`() throws {
        let run = try AgentRun.started()
        // No event tells of it: the plan is made for what was seen before.
        run.run.kernel.disturb { $0.routes.removeAll { $0.isOurs } }
        #expect(run.agent.follow(.success("empty")) == .applied)
        #expect(run.run.kernel.state.deviations(from: run.run.fresh) == [])
        run.flushRoutes()
        #expect(run.agent.follow(.success(AgentRun.good)) == .applied)
        #expect(run.isWhole)
        #expect(run.takeNews().allSatisfy { $0.hasPrefix("followed") })
    }

    @Test func `a loss is restored at once even if a changed file can't be applied`() throws {
        let run = try AgentRun.started()
        run.flushRules()
        run.run.kernel.refusal = { $0.contains("route") || $0.contains("link") }
        run.agent.follow(.success("empty"))
        run.run.kernel.refusal = nil
        run.runUntilQuiet()
        #expect(run.isWhole)
    }

    @Test func `an event before the change of a file leads to another observation`() throws {
        let run = try AgentRun.started()
        let calls = run.run.kernel.observations
        run.disturb([KernelEvent(.link(name: "eth9", index: 99, isUp: true))]) { _ in }
        #expect(run.agent.follow(.success("empty")) == .applied)
        #expect(run.run.kernel.observations == calls + 2)
    }

    @Test func `a host that left the file keeps nothing, and may come back`() throws {
        let run = try AgentRun.started()
        run.agent.follow(.success("renumbered"))
        run.runUntilQuiet()
        #expect(run.isWhole, "its name is still there: the address is a mistake")
        #expect(run.takeNews() == ["not followed: /etc/namebridge/namebridge.yaml: its address is another"])
        run.agent.follow(.success("left"))
        run.runUntilQuiet()
        #expect(run.run.kernel.state.deviations(from: run.run.fresh) == [])
        #expect(run.takeNews().first == "left: it has left")
        run.flushRoutes()
        run.wait(milliseconds: 120_000)
        #expect(run.run.kernel.state.deviations(from: run.run.fresh) == [])
        run.agent.follow(.success(AgentRun.good))
        #expect(run.isWhole)
    }

    @Test func `a refused plan changes nothing`() throws {
        let run = try AgentRun(LabHosts(network: "vxlan-mesh", host: "001"))
        try run.agent.start()
        run.run.kernel.disturb { state in
            for index in state.routes.indices where state.routes[index].isDefault {
                state.routes[index].nextHops = run.run.plan.routes.prefix(1).map {
                    NextHop(gateway: $0.value.destination.address, device: "eth0", isOnLink: true)
                }
            }
        }
        let before = run.run.kernel.state
        run.agent.follow(.success(AgentRun.good))
        #expect(run.run.kernel.state == before)
        #expect(run.takeNews().first?.contains("refusal") == true)
        #expect(run.agent.mustFollow, "at a host's start the network may still come")
    }

    @Test func `a changed file that would cut packets waits, and is a problem with its remedy`() throws {
        let run = try AgentRun.started()
        run.cutting = ["empty", "left"]
        for text in ["empty", "left"] {
            run.agent.follow(.success(text))
            run.wait(milliseconds: 120_000)
            #expect(run.isWhole, "\(text)")
            let trouble = try #require(run.status?.trouble)
            #expect(trouble.hasPrefix("the changed file is not applied: the plan would cut packets"), "\(trouble)")
            #expect(trouble.contains("net apply --accept-loss 'office->prod'\""), "\(trouble)")
        }
        #expect(run.takeNews().count == 2, "each file is told once")
        run.agent.follow(.success(AgentRun.good))
        #expect(run.status?.trouble == nil, "the file is as before")
        run.agent.follow(.success("empty"))
        // Another command applies it all the same.
        let consent = AppliedConfiguration(path: run.agent.path, host: "c1/001", isChosen: false, text: "empty")
        try run.run.store.write(.configuration(consent))
        run.agent.noteDesired()
        #expect(run.agent.mustFollow)
        run.agent.follow(.success("empty"))
        run.runUntilQuiet()
        #expect(run.run.kernel.state.deviations(from: run.run.fresh) == [] && run.status?.trouble == nil)
    }

    @Test func `while a changed file waits, what is found of clusters is applied, and asks nothing`() throws {
        let run = try AgentRun.started()
        run.cutting = ["empty", AgentRun.good]
        run.agent.follow(.success("empty"))
        #expect(run.takeNews().map { String($0.prefix(12)) } == ["not followed"])
        for facts in ["+n1", "+n1+n2", "+n2"] {
            run.facts = facts
            run.agent.follow(.success("empty" + facts))
            guard case .configuration(let applied)? = try run.run.store.desired() else { return #expect(Bool(false)) }
            #expect(applied.text == AgentRun.good + facts)
            #expect(run.takeNews() == ["followed 0"], "the file is told once")
        }
        #expect(run.isWhole && run.status?.trouble?.contains("office->prod") == true)
        // Without a change of the file, a node that goes is no cut.
        run.agent.follow(.success(AgentRun.good + "+n3"))
        #expect(run.takeNews() == ["followed 0"] && run.status?.trouble == nil)
    }

    @Test func `a file that waited is as applied once a person applied it, though facts change`() throws {
        let run = try AgentRun.started()
        run.cutting = ["empty"]
        run.agent.follow(.success("empty+n1"))
        #expect(run.status?.trouble != nil)
        let consent = AppliedConfiguration(path: run.agent.path, host: "c1/001", isChosen: false, text: "empty+n1")
        try run.run.store.write(.configuration(consent))
        run.facts = "+n2"
        run.agent.follow(.success("empty+n2"))
        #expect(run.status?.trouble == nil)
    }

    @Test func `a file that waits is tried again at the full check, though facts change`() throws {
        let run = try AgentRun.started()
        run.cutting = ["empty"]
        run.agent.follow(.success("empty+n1"))
        run.cutting = []
        run.agent.follow(.success("empty+n2"))
        #expect(run.isWhole && run.status?.trouble != nil)
        run.wait(milliseconds: 60_000)
        run.agent.follow(.success("empty+n3"))
        #expect(!run.isWhole && run.status?.trouble == nil)
    }

    @Test func `an apply that fails again for the same reason is not tried twice`() throws {
        let run = try AgentRun.started()
        // All but those that observe.
        run.run.kernel.refusal = { $0 != "ip link" && $0 != "ip route" }
        let calls = run.run.kernel.observations
        run.agent.follow(.success("empty"))
        // To undo it, and to see that nothing else is in the way; a second try would look twice more.
        #expect(run.run.kernel.observations <= calls + 3)
        run.run.kernel.refusal = nil
        #expect(run.isWhole)
    }

    @Test func `a setting that changed without an event is not given back as it was before`() throws {
        let run = try AgentRun.started(LabHosts(network: "office-to-cluster", host: "relay1"))
        let record = try #require(try run.run.store.records().first)
        run.agent.follow(.success("empty"))
        #expect(run.run.kernel.state.settings[record.setting] == record.previous)
        run.run.kernel.disturb { $0.settings[record.setting] = record.ours }
        run.agent.follow(.success(AgentRun.good))
        run.agent.follow(.success("empty"))
        #expect(run.run.kernel.state.settings[record.setting] == record.ours)
    }

    @Test func `a waiting apply is not touched, and an undone one is not repeated`() throws {
        let run = try AgentRun(LabHosts(network: "vxlan-mesh", host: "001"))
        try run.agent.start()
        let applied = AppliedConfiguration(path: "/tmp/new.yaml", host: "c1/001", isChosen: false, text: AgentRun.good)
        let options = NetworkApplier<FakeKernel>.Options(desired: .configuration(applied), armUndo: { _ in })
        #expect(try run.run.apply(options))
        run.agent.follow(.success(AgentRun.good))
        run.flushRules()
        run.wait(milliseconds: 5_000)
        #expect(!run.isWhole && run.takeNews() == ["idle"])
        #expect(try run.run.undo() == .undone)
        run.agent.follow(.success(AgentRun.good))
        run.wait(milliseconds: 5_000)
        #expect(run.run.kernel.state.deviations(from: run.run.fresh) == [])
        #expect(run.takeNews().contains { $0.contains("it was not confirmed") })
    }

    @Test func `an undone apply is not repeated when facts change or an earlier file is applied`() throws {
        let run = try AgentRun.started()
        let path = run.agent.path
        let undone = AppliedConfiguration(path: path, host: "c1/001", isChosen: false, text: "empty+n1")
        let options = NetworkApplier<FakeKernel>.Options(desired: .configuration(undone), armUndo: { _ in })
        #expect(try run.run.apply(options, of: HostPlan(host: run.run.plan.host)))
        #expect(try run.run.undo() == .undone)
        for facts in ["+n1", "+n1+n2", "+n2"] {
            run.facts = facts
            run.agent.follow(.success("empty" + facts))
            run.wait(milliseconds: 70_000)
            run.agent.follow(.success("empty" + facts))
            #expect(run.isWhole, "\(facts)")
        }
        #expect(run.status?.trouble?.contains("it was not confirmed") == true)
        // The file that a person applies is followed again.
        let applied = AppliedConfiguration(path: path, host: "c1/001", isChosen: false, text: "empty+n2")
        let asked = NetworkApplier<FakeKernel>.Options(desired: .configuration(applied))
        #expect(try run.run.apply(asked, of: HostPlan(host: run.run.plan.host)))
        run.facts = "+n3"
        run.agent.follow(.success("empty+n3"))
        #expect(!run.isWhole && run.status?.trouble == nil)
    }

    @Test func `the file that the host is kept by follows its clusters though a later apply of it was undone`() throws {
        let run = try AgentRun.started()
        let again = AppliedConfiguration(
            path: run.agent.path, host: "c1/001", isChosen: false, text: AgentRun.good + "+n1")
        let options = NetworkApplier<FakeKernel>.Options(desired: .configuration(again), armUndo: { _ in })
        run.run.kernel.disturb { $0.routes.removeAll { $0.isOurs } }
        #expect(try run.run.apply(options))
        #expect(try run.run.undo() == .undone)
        run.facts = "+n2"
        run.agent.follow(.success(AgentRun.good + "+n2"))
        run.wait(milliseconds: 60_000)
        #expect(run.isWhole && run.status?.trouble == nil)
        guard case .configuration(let applied)? = try run.run.store.desired() else { return #expect(Bool(false)) }
        #expect(applied.text == AgentRun.good + "+n2")
    }

    @Test func `a confirmed apply of another process is maintained, and its file followed`() throws {
        let run = try AgentRun.started()
        let applied = AppliedConfiguration(path: "/tmp/new.yaml", host: "c1/001", isChosen: false, text: AgentRun.good)
        let options = NetworkApplier<FakeKernel>.Options(desired: .configuration(applied), armUndo: { _ in })
        #expect(try run.run.remove())
        #expect(try run.run.apply(options))
        #expect(try run.run.confirm() != nil)
        run.agent.checkSoon()
        run.runUntilQuiet()
        #expect(run.agent.path == "/tmp/new.yaml" && run.takeNews() == ["keeping"])
        run.flushRules()
        run.runUntilQuiet()
        #expect(run.isWhole)
    }

    @Test func `a second agent is refused`() throws {
        let run = try AgentRun.started()
        #expect(try !run.run.store.hasAgent())
        let lock = try run.run.store.agentLock()
        #expect(try run.run.store.hasAgent() && lock.number >= 0)
        #expect(throws: KernelError.self) { _ = try run.run.store.agentLock() }
    }

    @Test func `a status is unchanged after encoding and decoding`() throws {
        let run = try AgentRun.started()
        run.flushRoutes()
        run.runUntilQuiet()
        let status = try #require(run.status)
        #expect(AgentStatus(status.json) == status && status.lastLoss != nil)
    }
}
