import Foundation
import IPAddressing
import Inventory
import PathHealth
import TestSupport
import Testing

/// Loss alone never makes a path look dead.
@Suite struct FalseVerdictTests {
    private func path() throws -> ProbedPath {
        let endpoint = try #require(Endpoint("10.96.0.10", defaultPort: 53))
        return ProbedPath(
            from: "office", to: "prod", relays: ["relay1"], targets: [ProbeTarget(endpoint, mayRefuse: true)])
    }

    /// A round is a probe with all connections that follow it; one begins every half second. A million of them pass
    /// with NAMEBRIDGE_ROUNDS=1000000 in the environment, in half a minute.
    @Test func `there is no false verdict with a fifth of all packets lost on each way`() throws {
        var network = SimulatedNetwork([try path()], seed: 20_261_130)
        network.weather[0] = SimulatedNetwork.Weather()
        network.weather[0]?.lossPercent = 20
        let rounds = ProcessInfo.processInfo.environment["NAMEBRIDGE_ROUNDS"].flatMap { Int($0) } ?? 50_000
        network.pass(rounds * 500)
        let verdict = network.engine.verdict(0)
        #expect(verdict.counts.answered >= rounds * 99 / 100)
        #expect(verdict.counts.transitions == 0)
        #expect(verdict.state == .up)
    }

    @Test func `there is none with bursts of 800 ms every two seconds`() throws {
        var network = SimulatedNetwork([try path()], seed: 7)
        for _ in 0..<1_000 {
            network.weather[0] = SimulatedNetwork.Weather()
            network.pass(1_200)
            network.weather[0]?.fate = .silent
            network.pass(800)
        }
        #expect(network.engine.verdict(0).counts.transitions == 0)
    }
}
