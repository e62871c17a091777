import DomainNames
import IPAddressing
import LDNSBridge
import LinuxSystem
import TestSupport
import Testing
import Time

@testable import DNSServer

/// Which answers to a probe count.
@Suite struct ProbedServerTests {
    private static let id: UInt16 = 0x1234

    /// The probe's message as an answer that holds the SOA record of its question's parent, or of its name.
    private static func answer(_ probe: [UInt8], soaOfParent: Bool = false) -> [UInt8] {
        var end = 12
        while probe[end] != 0 { end += Int(probe[end]) + 1 }  // ends at the root
        let question = Array(probe[12..<(end + 5)])
        let owner = [0xC0, soaOfParent ? 12 + probe[12] + 1 : 12]
        return [probe[0], probe[1], 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0] + question + owner
            + [0, 6, 0, 1, 0, 0, 0, 5, 0, 22, 0, 0] + Array(repeating: 0, count: 20)
    }

    /// Plays rounds of a server that answers so; the owners of the records that were learnt in each, and whether it
    /// was found alive.
    private func play(
        rounds: Int, messages: Int = 1, _ respond: @escaping @Sendable ([UInt8]) -> [[UInt8]]
    ) throws -> [(learnt: [DomainName], isAlive: Bool, keepsLetterCase: Bool?)] {
        let upstream = try TestUpstream { question, _ in respond(question) }
        let domain = try DomainName(parsing: "cluster.local")
        let version = try DomainName(parsing: "dns-version.cluster.local")
        let start = MonotonicTime(nanoseconds: 776_000_000_000)
        var probed = ProbedServer(
            upstream.endpoint,
            questions: [ProbeQuestion(name: domain, type: 6), ProbeQuestion(name: version, type: 16)],
            mark: 1, loopDomain: nil, probe: ServerProbe(firstAt: start))
        let epoll = try Epoll()
        var events = EpollEvents(capacity: 4)
        var played: [(learnt: [DomainName], isAlive: Bool, keepsLetterCase: Bool?)] = []
        for _ in 0..<rounds {
            let now = probed.probe.due
            _ = probed.probe.begin(isDead: false, at: now)
            probed.beginRound(nil)
            probed.ask(.full, (id: Self.id, letters: 0x5DEE_CE66_D177_1337), token: 0, with: epoll)
            var learnt: [DomainName] = []
            for _ in 0..<messages {
                _ = try epoll.wait(into: &events, milliseconds: 5_000)
                probed.handle(.full, epoll, at: now.advanced(milliseconds: 1)) { learnt.append($0.owner) }
            }
            let verdict = probed.probe.finish(isDead: false, at: probed.probe.due)
            probed.close()
            var isAlive = false
            if case .alive = verdict { isAlive = true }
            played.append((learnt, isAlive, probed.keepsLetterCase))
        }
        return played
    }

    @Test func `the SOA record is learnt from the answer to the question for it alone`() throws {
        // The first round asks for the version, below the domain.
        let played = try play(rounds: 2) { [Self.answer($0, soaOfParent: $0[12] == 11)] }
        #expect(played.map(\.isAlive) == [true, true])
        #expect(played[0].learnt == [])
        #expect(played[1].learnt == [try DomainName(parsing: "cluster.local")])
    }

    @Test func `what bears another ID is passed over, the answer still counts`() throws {
        let played = try play(rounds: 1, messages: 2) { question in
            var forged = Self.answer(question)
            forged[1] ^= 1
            return [forged, Self.answer(question)]
        }
        #expect(played.map(\.isAlive) == [true])
    }

    @Test func `a server that repeats the letter case of a name is known to keep it`() throws {
        #expect(try play(rounds: 2) { [Self.answer($0)] }.map(\.keepsLetterCase) == [true, true])
        let folded = try play(rounds: 2) { question in
            var answer = Self.answer(question)
            for index in 12..<question.count { answer[index] = foldedOctet(answer[index]) }
            return [answer]
        }
        #expect(folded.map(\.keepsLetterCase) == [false, false])
        #expect(folded.map(\.isAlive) == [true, true])
    }

    @Test func `a server on a closed port is dead within a fifth of a second`() throws {
        let free = try TestUpstream { _, _ in [] }.endpoint
        let start = MonotonicTime(nanoseconds: 776_000_000_000)
        var probed = ProbedServer(
            free, questions: [ProbeQuestion(name: try DomainName(parsing: "cluster.local"), type: 6)], mark: 1,
            loopDomain: nil, probe: ServerProbe(firstAt: start))
        let epoll = try Epoll()
        var events = EpollEvents(capacity: 4)
        _ = probed.probe.begin(isDead: true, at: start)
        for way in ServerProbe.Way.allCases {
            probed.ask(way, (id: Self.id, letters: 0), token: UInt64(way.rawValue), with: epoll)
        }
        for _ in 0..<10 where probed.probe.due > start.advanced(milliseconds: 200) {
            let count = try epoll.wait(into: &events, milliseconds: 1_000)
            for index in 0..<count {
                let way = try #require(ServerProbe.Way(rawValue: Int(events[index].token)))
                probed.handle(way, epoll, at: start) { _ in }
            }
        }
        #expect(probed.probe.due == start.advanced(milliseconds: 200))
        guard case .dead("refused") = probed.probe.finish(isDead: true, at: probed.probe.due) else {
            Issue.record("nothing listens there")
            return
        }
    }

    @Test func `an answer to another question shows nothing`() throws {
        let played = try play(rounds: 1) { question in
            var other = Self.answer(question)
            other[13] ^= 1
            return [other]
        }
        #expect(played.map(\.isAlive) == [false])
    }
}
