import IPAddressing
import JSON
import PacketPath
import PathExplanation
import Testing

/// Packets that were sent for real, against what is reasoned of them.
@Suite struct ProbedPacketTests {
    @Test(
        arguments: [
            (.reachable, .answered, .agrees, "it arrives"), (.reachable, .refused, .agrees, "it arrives where nothing listens"),
            (.reachable, .silent, .disagrees, "something is in the way that is not known"),
            (.reachable, .failed("No route to host"), .disagrees, "a machine on the way says so"),
            (.unreachable, .silent, .agrees, "nothing comes back"), (.unreachable, .failed("x"), .agrees, "nor an error"),
            (.unreachable, .answered, .disagrees, "it arrives all the same"),
            (.unreachable, .refused, .disagrees, "it arrives all the same"),
            (.depends, .silent, .open, "it takes one of several ways"), (.unknown, .answered, .open, "nothing was said"),
        ] as [(Explanation.Verdict, ProbedPacket.Answer, ProbedPacket.Agreement, String)])
    func `a packet agrees with its verdict, or not, or shows nothing`(
        verdict: Explanation.Verdict, answer: ProbedPacket.Answer, agreement: ProbedPacket.Agreement, why: String
    ) throws {
        let probed = ProbedPacket(try Self.packet(), verdict: verdict, answer: answer, microseconds: 840)
        #expect(probed.agreement == agreement, "\(why)")
        #expect(probed.text.contains("DISAGREES") == (agreement == .disagrees), "\(probed.text)")
    }

    @Test func `an empty datagram need not be answered, and a rule may reject in the name of the destination`() throws {
        var probed = ProbedPacket(try Self.packet(), verdict: .reachable, answer: .silent, expectsAnswer: false)
        #expect(probed.agreement == .open)
        probed = ProbedPacket(try Self.packet(), verdict: .unreachable, answer: .refused)
        probed.isRejected = true
        #expect(probed.agreement == .agrees)
    }

    @Test func `the text and the object for programs say what came back`() throws {
        let inventory = try PlannedNetworkTests.inventory("n4-fixed")
        let question = try #require(ExplainedEnd("office", in: inventory))
        let target = try #require(ExplainedEnd("shop/pods", in: inventory))
        let explanation = Explanation(ExplainedQuestion(from: question, to: target), in: inventory)
        #expect(!explanation.json.text().contains("probes"))
        var packet = try #require(explanation.packets.first)
        #expect(packet.verdict == .reachable)
        packet.answer = .silent
        let probed = explanation.with([packet])
        #expect(probed.isContradicted)
        #expect(ExplanationText(probed).brief.contains { $0.text.contains("DISAGREES") })
        #expect(probed.json.text().contains("\"agreement\": \"disagrees\""), "\(probed.json.text())")
    }

    @Test(
        arguments: [
            (.reachable, .reachable, true, true, .asForeseen), (.unreachable, .reachable, false, true, .asForeseen),
            (.reachable, .reachable, true, false, .broken("t (c) answered before, and does not answer now")),
            (.unknown, .unknown, true, false, .broken("t (c) answered before, and does not answer now")),
            (.unreachable, .reachable, false, false, .broken("t (c) was to answer now, and is silent")),
            (.reachable, .reachable, false, false, .noted("t (c) was to answer now, and is silent, as before")),
            (.unreachable, .unreachable, false, false, .asForeseen),
            (.unreachable, .unreachable, false, true, .noted("t (c) answers, although no packet was to arrive")),
        ] as [(Explanation.Verdict, Explanation.Verdict, Bool, Bool, ForeseenConnection.Comparison)])
    func `a connection before and after a change shows whether it did what was foreseen`(
        _ before: Explanation.Verdict, _ after: Explanation.Verdict, _ answeredBefore: Bool, _ answeredAfter: Bool,
        _ comparison: ForeseenConnection.Comparison
    ) {
        let connection = ForeseenConnection(
            target: "t", cluster: "c", reasoned: .init(before: before, after: after),
            answered: .init(before: answeredBefore, after: answeredAfter))
        #expect(connection.comparison == comparison)
    }

    private static func packet() throws -> Packet {
        let addresses = try ["172.16.3.50", "10.96.5.5"].map { try #require(IPAddress($0)) }
        return Packet(from: addresses[0], to: addresses[1], ports: (40_000, 80))
    }
}
