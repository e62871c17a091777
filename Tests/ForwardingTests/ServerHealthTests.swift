import IPAddressing
import Inventory
import Telemetry
import Testing

@testable import Forwarding

/// What is believed of a name server after failures and probes.
struct ServerHealthTests {
    private static var newState: ServerState {
        ServerState(Endpoint(address: IPAddress(v4: 1), port: 53), mark: 1, ProcessIdentity(seed: 1))
    }

    private let now = MonotonicTime(nanoseconds: 776_000_000_000)

    @Test func `a probe that is answered makes good what failed before`() {
        var state = Self.newState
        state.failed(at: now)
        #expect(state.isAvoided(at: now))
        state.notice(answeredProbes: 1)
        #expect(!state.isAvoided(at: now))
        #expect(state.failures == 0)
    }

    @Test func `a probe that was answered before a failure excuses nothing`() {
        var state = Self.newState
        state.notice(answeredProbes: 1)
        state.failed(at: now)
        state.notice(answeredProbes: 1)
        #expect(state.isAvoided(at: now))
    }

    /// Asks for a name that nobody answers every 20 ms for 20 s; a probe is answered so long after failures were told.
    ///
    /// - Returns: When the server was given up, in milliseconds; nil: never.
    private func given(upWithProbesAfter milliseconds: Int?) -> Int? {
        var inventory = Inventory()
        inventory.dns.upstream = [Endpoint(address: IPAddress(v4: 0xAC10_0101), port: 53)]
        let board = HealthBoard(servers: 1, groups: 1, isProbed: true)
        let engine = PlayedEngine(inventory, board: board)
        var probe: Int?
        for time in stride(from: 0, to: 20_000, by: 20) {
            engine.ask(questionOctets("a\(time).example"), from: IPAddress(v4: 0x0A00_0007))
            engine.pass(milliseconds: 20)
            if board.servers[0].isDead { return time }
            if board.servers[0].takeFailures(), probe == nil { probe = milliseconds.map { time + $0 } }
            if probe == time {
                probe = nil
                board.servers[0].answered(in: .full, after: 1_000_000, payloadSize: 1232, at: engine.now)
            }
        }
        return nil
    }

    @Test func `questions that a server answers to nobody do not take it from others while it answers probes`() throws {
        // The prober looks ten times a second, and asks half a second after it is told.
        #expect(given(upWithProbesAfter: 700) == nil)
        #expect(try #require(given(upWithProbesAfter: nil)) < 2_000, "a dead server is given up as before")
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

    @Test func `a server that became quick is known as quick at once, a slow one by and by`() {
        let health = ServerHealth()
        health.answered(in: .full, after: 1_000_000, payloadSize: 1232, at: MonotonicTime(nanoseconds: 0))
        health.answered(in: .full, after: 301_000_000, payloadSize: 1232, at: MonotonicTime(nanoseconds: 0))
        #expect(health.roundTrip == 76_000_000)
        health.answered(in: .full, after: 2_000_000, payloadSize: 1232, at: MonotonicTime(nanoseconds: 0))
        #expect(health.roundTrip == 2_000_000)
        #expect(health.answeredProbes == 3)
    }
}
