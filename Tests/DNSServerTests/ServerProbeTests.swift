import Forwarding
import Testing
import Time

@testable import DNSServer

/// What the rounds of a probe say of a server.
struct ServerProbeTests {
    private static let start = MonotonicTime(nanoseconds: 776_000_000_000)

    /// Plays rounds, each given as the ways that are answered after so many milliseconds, and returns the verdicts.
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
            case .notAsked: "not asked"
            case nil: "nothing"
            }
        }
    }

    @Test func `a server that workers wait for is asked at once in every way, and dead where it answers none`() {
        var probe = ServerProbe(firstAt: Self.start)
        for way in probe.begin(isDead: false, at: Self.start) { probe.succeeded(way, at: Self.start) }
        _ = probe.finish(isDead: false, at: Self.start)
        for (milliseconds, isAnswered) in [(100, true), (800, false)] {
            let now = Self.start.advanced(milliseconds: milliseconds)
            #expect(probe.mayDoubtLife(at: now))
            probe.doubtLife(at: now)
            #expect(probe.begin(isDead: false, at: now) == ServerProbe.Way.allCases)
            if isAnswered { for way in ServerProbe.Way.allCases { probe.succeeded(way, at: now) } }
            switch probe.finish(isDead: false, at: probe.due) {
            case .alive: #expect(isAnswered)
            case .dead: #expect(!isAnswered)
            case .doubtful, .notAsked, nil: Issue.record("no verdict at \(milliseconds)")
            }
            #expect(!probe.mayDoubtLife(at: now.advanced(milliseconds: 499)), "clients ask for names that are not found")
        }
    }

    @Test func `a server that is only said to be closed is alive where it answers`() {
        var probe = ServerProbe(firstAt: Self.start)
        _ = probe.begin(isDead: false, at: Self.start)
        for way in ServerProbe.Way.allCases { probe.hinted(way, "refused") }
        let heard = Self.start.advanced(milliseconds: 199)
        #expect(probe.finish(isDead: false, at: heard) == nil)
        probe.succeeded(.full, at: heard)
        guard case .alive(.full, _, _) = probe.finish(isDead: false, at: probe.due) else {
            Issue.record("an answer counts, whatever else was said")
            return
        }
    }

    @Test func `a server that is said to be closed and does not answer is dead within half a second`() {
        var probe = ServerProbe(firstAt: Self.start)
        var now = Self.start
        var verdicts: [String] = []
        while verdicts.count < 2 {
            for way in probe.begin(isDead: false, at: now) {
                if way == .overTCP { probe.failed(way, "refused") } else { probe.hinted(way, "refused") }
            }
            now = probe.due
            switch probe.finish(isDead: false, at: now) {
            case .doubtful: verdicts.append("doubtful")
            case .dead(let reason): verdicts.append("dead: \(reason)")
            default: verdicts.append("something else")
            }
        }
        #expect(verdicts == ["doubtful", "dead: refused"])
        #expect(now <= Self.start.advanced(milliseconds: 500))
    }

    @Test func `a probe that could not be sent says nothing of the server`() {
        var probe = ServerProbe(firstAt: Self.start)
        for round in 0..<5 {
            for way in probe.begin(isDead: false, at: probe.due) { probe.failedHere(way, .descriptors) }
            guard case .notAsked(.descriptors) = probe.finish(isDead: false, at: probe.due) else {
                Issue.record("round \(round) was not sent")
                return
            }
        }
    }

    @Test func `a server that is silent over UDP is dead where TCP could not be tried`() {
        var probe = ServerProbe(firstAt: Self.start)
        var last: ServerProbe.Verdict?
        for _ in 0..<2 {
            for way in probe.begin(isDead: false, at: probe.due) where way == .overTCP {
                probe.failedHere(way, .descriptors)
            }
            last = probe.finish(isDead: false, at: probe.due)
        }
        guard case .dead = last else {
            Issue.record("silence counts")
            return
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

    /// Plays `seconds` of a server that is well and answers at once; when each round began, and whether it looked for
    /// a loop.
    private func rounds(seconds: Int, _ isDoubted: (Int) -> Bool) -> [(milliseconds: Int, isLoopRound: Bool)] {
        var probe = ServerProbe(firstAt: Self.start)
        var found: [(milliseconds: Int, isLoopRound: Bool)] = []
        for milliseconds in stride(from: 0, to: seconds * 1_000, by: 100) {
            let now = Self.start.advanced(milliseconds: milliseconds)
            let isDoubted = isDoubted(milliseconds)
            if isDoubted { probe.hurryLoopCheck(at: now) }
            let ways = probe.begin(isDead: false, isDoubted: isDoubted, at: now)
            guard !ways.isEmpty else { continue }
            found.append((milliseconds, probe.isLoopRound))
            for way in ways { probe.succeeded(way, at: now) }
            _ = probe.finish(isDead: false, at: now)
        }
        return found
    }

    @Test func `a loop is looked for soon after the start, and now and then`() {
        let loopRounds = rounds(seconds: 60) { _ in false }.filter(\.isLoopRound).map(\.milliseconds)
        #expect(loopRounds == [2_000, 26_000, 50_000])
    }

    @Test func `once doubted, a server is looked at for a loop at once`() {
        let loopRounds = rounds(seconds: 20) { $0 == 8_700 }.filter(\.isLoopRound).map(\.milliseconds)
        #expect(loopRounds == [2_000, 8_700])
    }

    @Test func `doubts without end cost one check in two seconds, and no other probe`() {
        let all = rounds(seconds: 60) { _ in true }
        #expect((28...31).contains(all.count { $0.isLoopRound }))
        #expect((28...31).contains(all.count { !$0.isLoopRound }))
        #expect(zip(all, all.dropFirst()).allSatisfy { !($0.isLoopRound && $1.isLoopRound) })
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
