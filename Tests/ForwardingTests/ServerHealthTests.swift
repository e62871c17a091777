import IPAddressing
import Inventory
import Testing
import Time

@testable import Forwarding

/// What is believed of a name server after failures and probes.
struct ServerHealthTests {
    private static var newState: ServerState {
        ServerState(Endpoint(address: IPAddress(v4: 1), port: 53), mark: 1, ProcessIdentity(seed: 1))
    }

    private let now = MonotonicTime(nanoseconds: 776_000_000_000)

    @Test func `an answered probe cancels earlier failures`() {
        var state = Self.newState
        state.failed(at: now)
        #expect(state.isAvoided(at: now))
        state.notice(answeredProbes: 1)
        #expect(!state.isAvoided(at: now))
        #expect(state.failures == 0)
    }

    @Test func `a probe answered before a failure does not cancel it`() {
        var state = Self.newState
        state.notice(answeredProbes: 1)
        state.failed(at: now)
        state.notice(answeredProbes: 1)
        #expect(state.isAvoided(at: now))
    }

    @Test func `questions that a server never answers cause probes, and never make it unavailable`() {
        var inventory = Inventory()
        inventory.dns.upstream = [Endpoint(address: IPAddress(v4: 0xAC10_0101), port: 53)]
        let board = HealthBoard(servers: 1, groups: 1, isProbed: true)
        let engine = PlayedEngine(inventory, board: board)
        var doubts = 0
        for time in stride(from: 0, to: 20_000, by: 20) {
            engine.ask(questionOctets("a\(time).example"), from: IPAddress(v4: 0x0A00_0007))
            engine.pass(milliseconds: 20)
            if board.servers[0].takeSilence() == .taken { doubts += 1 }
        }
        #expect(doubts > 100 && !board.servers[0].isDead)
    }

    @Test func `the round-trip time of the later of probe and question counts`() {
        var state = Self.newState
        state.answered(after: 1_000_000)
        #expect(!state.isProbedSince)
        state.notice(answeredProbes: 1)
        #expect(state.isProbedSince)
        state.answered(after: 1_000_000)
        #expect(!state.isProbedSince)
    }

    @Test func `a server that became quick counts as quick at once, one that became slow gradually`() {
        let health = ServerHealth()
        health.answered(in: .full, after: 1_000_000, payloadSize: 1232, at: MonotonicTime(nanoseconds: 0))
        health.answered(in: .full, after: 301_000_000, payloadSize: 1232, at: MonotonicTime(nanoseconds: 0))
        #expect(health.roundTrip == 76_000_000)
        health.answered(in: .full, after: 2_000_000, payloadSize: 1232, at: MonotonicTime(nanoseconds: 0))
        #expect(health.roundTrip == 2_000_000)
        #expect(health.answeredProbes == 3)
    }
}
