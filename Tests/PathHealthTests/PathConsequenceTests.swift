import IPAddressing
import Inventory
import PathHealth
import TestSupport
import Testing

/// What follows if one end has several paths to the other.
@Suite struct PathConsequenceTests {
    private func path(_ relay: String, _ onDown: OnDown, _ target: String) throws -> ProbedPath {
        let endpoint = try #require(Endpoint(target, defaultPort: 53))
        return ProbedPath(
            from: "office", to: "prod", relays: [relay], targets: [ProbeTarget(endpoint, mayRefuse: true)],
            onDown: onDown)
    }

    /// The verdicts once the paths whose places are in `dead` have been silent for a while.
    private func verdicts(_ onDown: [OnDown], dead: Set<Int>) throws -> [PathVerdict] {
        let paths = try onDown.enumerated().map { try path("relay\($0)", $1, "10.96.0.\($0 + 1)") }
        var network = SimulatedNetwork(paths, seed: 1)
        network.pass(5_000)
        for (delay, index) in dead.sorted().enumerated() {
            // Not at the same moment: that would be this host's fault.
            network.pass(delay * 5_000)
            network.weather[index] = SimulatedNetwork.Weather()
            network.weather[index]?.fate = .silent
        }
        network.pass(5_000)
        return network.engine.verdicts
    }

    @Test func `one path that carries is enough`() throws {
        #expect(try PathConsequence(verdicts([.servfail, .servfail], dead: [])) == .none)
        #expect(try PathConsequence(verdicts([.servfail, .servfail], dead: [1])) == .changing)
        let all = try verdicts([.servfail, .servfail], dead: [0, 1])
        guard case .down(let first) = PathConsequence(all) else {
            Issue.record("both are down")
            return
        }
        #expect(first.path.relays == ["relay0"])
        #expect(PathConsequence([PathVerdict]()) == .none)
    }

    @Test func `a path that was never up is gated if the file says so`() throws {
        for isGated in [false, true] {
            let endpoint = try #require(Endpoint("10.96.0.1", defaultPort: 53))
            let path = ProbedPath(
                from: "office", to: "prod", relays: ["relay1"], targets: [ProbeTarget(endpoint, mayRefuse: true)],
                onDown: .servfail, isGatedUnproven: isGated)
            var network = SimulatedNetwork([path], seed: 1)
            network.weather[0] = SimulatedNetwork.Weather()
            network.weather[0]?.fate = .silent
            network.pass(5_000)
            #expect(network.engine.verdict(0).state == .down)
            #expect((PathConsequence(network.engine.verdicts) == .none) == !isGated)
        }
    }

    @Test func `nothing follows unless the file asks for it`() throws {
        #expect(try PathConsequence(verdicts([.answer], dead: [0])) == .none)
        #expect(try PathConsequence(verdicts([.servfail, .answer], dead: [0, 1])) == .changing)
    }
}
