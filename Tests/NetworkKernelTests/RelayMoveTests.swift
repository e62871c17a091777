import Glibc
import IPAddressing
import InventoryFile
import LinuxSystem
import NetworkKernel
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// The agent of a router leads packets to other relays without taking that for a loss.
@Suite struct RelayMoveTests {
    private static let group = "office -> prod via r1, r2"

    private static func plan(_ choices: RelayChoices) throws -> HostPlan {
        let text = """
            clusters:
              prod:
                dns: [10.20.0.10]
                pods: [10.32.0.0/16]
                services: [10.20.0.0/16]
                cni: calico-bgp
                nodes: { n1: { address: 10.14.0.11, pods: [10.32.1.0/24] } }
                hosts: { r1: { address: 10.14.0.61 }, r2: { address: 10.14.0.62 } }
            sites:
              office: { networks: [10.14.0.0/24], router: 10.14.0.1, hosts: { gate: { address: 10.14.0.1 } } }
            paths: [{ from: office, to: prod, via: relay, relays: [r1, r2] }]
            """
        let read = InventoryFile.read(Array(text.utf8), name: "test.yaml")
        guard let inventory = read.inventory else { throw Missing(what: "\(read.problems)") }
        let planner = NetworkPlanner(inventory, choices: choices)
        guard let host = planner.host(named: "gate") else { throw Missing(what: "gate") }
        return planner.plan(for: host)
    }

    private func started() throws -> AgentRun {
        let plans = try Dictionary(
            uniqueKeysWithValues: [[], ["r1"], ["r2"], ["r1", "r2"]].map { relays in
                let choices = RelayChoices(relays.isEmpty ? [:] : [Self.group: relays])
                return (choices, try Self.plan(choices))
            })
        let first = try Self.plan(RelayChoices())
        return try AgentRun.started(chosen: { plans[$0] ?? first })
    }

    private func hops(_ run: AgentRun) -> [String] {
        let route = run.run.kernel.state.routes.first {
            $0.isOurs && $0.table == Route.mainTable && $0.destination.description == "10.32.0.0/16"
        }
        return route?.nextHops.compactMap { $0.gateway?.description } ?? []
    }

    @Test func `a move changes the routes at once, and is no loss`() throws {
        let run = try started()
        #expect(hops(run) == ["10.14.0.61"] && run.agent.relayGroups.map(\.name) == [Self.group])
        run.agent.move(to: RelayChoices([Self.group: ["r2"]]))
        #expect(hops(run) == ["10.14.0.62"] && run.takeNews() == ["moved"])
        run.agent.move(to: RelayChoices([Self.group: ["r1", "r2"]]))
        #expect(hops(run) == ["10.14.0.61", "10.14.0.62"] && run.takeNews() == ["moved"])
        #expect(run.status?.repairs == 0)
        #expect(run.run.kernel.observedParts.suffix(2) == [[.nextHops], [.nextHops]], "the rest is known")
        // What another program takes away is a loss as before.
        run.flushRoutes()
        run.runUntilQuiet()
        #expect(hops(run) == ["10.14.0.61", "10.14.0.62"])
        #expect(run.takeNews().last?.hasPrefix("repaired") == true)
    }

    @Test func `a move that another command prevents is made as soon as that has ended`() throws {
        let run = try started()
        do {
            let lock = try run.run.store.lock()
            run.agent.move(to: RelayChoices([Self.group: ["r2"]]))
            #expect(hops(run) == ["10.14.0.61"] && run.status?.isMoving == true)
            _ = lock.number
        }
        run.runUntilQuiet()
        #expect(hops(run) == ["10.14.0.62"] && run.takeNews() == ["moved"])
        #expect(run.status?.isMoving == false)
    }

    @Test func `a move whose relays can't be stored is made once they can be`() throws {
        let run = try started()
        let stored = run.run.store.path + "/relays"
        // No file replaces a folder.
        try #require(unsafe mkdir(stored, 0o700) == 0)
        run.agent.move(to: RelayChoices([Self.group: ["r2"]]))
        run.runUntilQuiet()
        #expect(hops(run) == ["10.14.0.61"] && run.takeNews().allSatisfy { $0.hasPrefix("failed") })
        #expect(unsafe rmdir(stored) == 0)
        run.runUntilQuiet()
        #expect(hops(run) == ["10.14.0.62"] && run.takeNews().contains("moved"))
    }

    @Test func `of drains at the same time none is lost`() async throws {
        let run = try started()
        let store = run.run.store
        try await withThrowingTaskGroup(of: Void.self) { group in
            for place in ["a", "b", "c"] {
                group.addTask {
                    for number in 0..<2 {
                        try store.changeDrainedRelays { $0["\(place)/relay\(number)"] = number }
                    }
                }
            }
            try await group.waitForAll()
        }
        let drained = try store.drainedRelays()
        #expect(drained.count == 6 && drained["b/relay1"] == 1, "\(drained)")
        withExtendedLifetime(run) {}
    }

    /// It must not lead packets back to a relay that is dead.
    @Test func `the next agent, and an apply by hand, go on with the relays of the last one`() throws {
        let run = try started()
        run.agent.move(to: RelayChoices([Self.group: ["r2"]]))
        run.agent.stop()
        #expect(hops(run) == ["10.14.0.62"], "everything stays in place")
        #expect(try run.run.store.relayChoices() == RelayChoices([Self.group: ["r2"]]))
        let next = try Self.plan(run.run.store.relayChoices()).routes.map(\.value).first { $0.table == Route.mainTable }
        #expect(next?.nextHops.first?.gateway?.description == "10.14.0.62")
    }
}
