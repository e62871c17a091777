import Forwarding
import Telemetry
import Testing

@testable import DNSServer

/// What the rounds of a probe say of a server.
struct ServerProbeTests {
    private static let start = MonotonicTime(nanoseconds: 776_000_000_000)

    /// Plays rounds, each given as the ways that are answered after so many milliseconds, and returns the
    /// verdicts.
    private func verdicts(_ rounds: [[ServerProbe.Way]], after milliseconds: Int = 1) -> [String] {
        var probe = ServerProbe(firstAt: Self.start)
        return rounds.map { answered in
            let begin = probe.due
            let asked = probe.begin(isDead: false, at: begin)
            let heard = begin.advanced(milliseconds: milliseconds)
            for way in answered where asked.contains(way) { probe.succeeded(way, at: heard) }
            let early = probe.finish(isDead: false, at: heard)
            return switch early ?? probe.finish(isDead: false, at: probe.due) {
            case .alive(let mode, _, _): "\(mode)"
            case .doubtful: "doubtful"
            case .dead: "dead"
            case nil: "nothing"
            }
        }
    }

    @Test func `a server that is silent twice is dead`() {
        #expect(verdicts([[], []]) == ["doubtful", "dead"])
    }

    @Test func `a lost answer does not mean that the server knows no EDNS`() {
        let lost: [ServerProbe.Way] = [.withoutEDNS, .overTCP]
        #expect(verdicts([[], lost, ServerProbe.Way.allCases]) == ["doubtful", "doubtful", "full"])
    }

    @Test func `a server that never answers with EDNS is asked without`() {
        let rounds: [[ServerProbe.Way]] = [[], [.withoutEDNS], [.withoutEDNS], [.withoutEDNS]]
        #expect(verdicts(rounds) == ["doubtful", "doubtful", "withoutEDNS", "withoutEDNS"])
    }

    @Test(arguments: [(1, 2_000), (300, 500)])
    func `a slow server is asked more often, so that it is missed only briefly`(
        roundTrip: Int, pause: Int
    ) {
        var probe = ServerProbe(firstAt: Self.start)
        for way in probe.begin(isDead: false, at: Self.start) {
            probe.succeeded(way, at: Self.start.advanced(milliseconds: roundTrip))
        }
        let end = Self.start.advanced(milliseconds: roundTrip)
        _ = probe.finish(isDead: false, at: end)
        #expect(probe.due == end.advanced(milliseconds: pause))
    }

    @Test func `a server that was slow has four quick answers within two seconds`() {
        var probe = ServerProbe(firstAt: Self.start)
        var now = Self.start
        for roundTrip in [300, 1, 1, 1, 1] {
            now = probe.due
            for way in probe.begin(isDead: false, at: now) {
                probe.succeeded(way, at: now.advanced(milliseconds: roundTrip))
            }
            _ = probe.finish(isDead: false, at: now.advanced(milliseconds: roundTrip))
        }
        #expect(now <= Self.start.advanced(milliseconds: 300 + 2_010))
        #expect(probe.due == now.advanced(milliseconds: 2_001))
    }
}
