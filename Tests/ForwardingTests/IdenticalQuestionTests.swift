import AnswerCache
import DNSWire
import DomainNames
import IPAddressing
import Inventory
import Telemetry
import TestSupport
import Testing

@testable import Forwarding

/// Whatever clients vary, servers are asked once: one question is sent, and its answer is shared.
@Suite struct IdenticalQuestionTests {
    private let client = IPAddress(v4: 0x0A00_0007)
    private let other = IPAddress(v4: 0x0A20_0007)
    private let inner = "web.shop.svc.cluster.local"

    @Test func `whatever clients vary, at most four copies wait for an answer`() throws {
        let engine = try engine()
        for round in 0..<2_000 {
            let question = octets(
                names[round % 3], options: round % 2 == 0 ? [] : marks(UInt64(round)),
                flags: [0x0100, 0x0000, 0x0110, 0x0010][round / 3 % 4], wantsDNSSEC: round / 12 % 2 == 1)
            engine.ask(question, from: round % 5 == 0 ? other : client)
        }
        #expect(engine.questions.count <= 4, "\(engine.questions.count)")
        #expect(engine.questions.count >= 1)
    }

    @Test func `one answer is given to all suffixes and views, each under its own name`() throws {
        let engine = try engine()
        for name in names { engine.ask(octets(name), from: client) }
        engine.ask(octets(names[2]), from: other)
        #expect(engine.questions.count == 1)
        engine.answer(engine.questions[0], try answer(to: engine.questions[0]))
        let owners = try engine.replies.map { try PlainMessage(decoding: $0.octets).answers.map { "\($0.owner)" } }
        #expect(engine.replies.count == 4)
        #expect(Set(owners.flatMap(\.self).map { $0.lowercased() }).count == 3, "\(owners)")
    }

    @Test func `a failure is shared, too, and asked once`() throws {
        let engine = try engine()
        for name in names { engine.ask(octets(name), from: client) }
        engine.answer(engine.questions[0], try answer(to: engine.questions[0], rcode: 2))
        #expect(engine.questions.count == 1)
        #expect(engine.replies.map { rcode(of: $0.octets) } == [2, 2, 2])
        #expect(engine.replies.allSatisfy { (option(15, of: $0.octets) ?? []).count > 10 }, "each says why")
    }

    @Test func `marks that a server refuses do not fail questions without them`() throws {
        let engine = try engine()
        engine.ask(octets(names[0], options: marks(1)), from: other)
        engine.ask(octets(names[0]), from: client)
        #expect(engine.questions.count == 2)
        engine.answer(engine.questions[0], try answer(to: engine.questions[0], rcode: 5))
        #expect(engine.replies.allSatisfy { $0.client == other })
        engine.answer(engine.questions[1], try answer(to: engine.questions[1]))
        let reply = try #require(engine.replies.last)
        #expect(reply.client == client && rcode(of: reply.octets) == 0)
    }

    @Test func `one with other marks asks itself once its leader was refused`() throws {
        let engine = try engine()
        for seed in 1...3 { engine.ask(octets(names[0], options: marks(UInt64(seed))), from: client) }
        #expect(engine.questions.count == 1)
        for round in 0..<3 {
            try #require(engine.questions.count == round + 1)
            engine.answer(engine.questions[round], try answer(to: engine.questions[round], rcode: 5))
            engine.pass(milliseconds: 20)
        }
        #expect(engine.questions.count == 3, "one after the other")
        #expect(engine.replies.count == 3)
    }

    @Test func `a leader's silence ends with its timeout for all`() throws {
        let engine = try engine()
        for name in names { engine.ask(octets(name), from: client) }
        for _ in 0..<30 { engine.pass(milliseconds: 100) }
        #expect(engine.replies.map { rcode(of: $0.octets) } == [2, 2, 2])
        #expect(engine.questions.count == 3, "three attempts in all")
    }

    @Test func `a question without RD is asked with it, and answered without`() throws {
        let engine = try engine()
        engine.ask(octets(names[0], flags: 0), from: client)
        let sent = try PlainMessage(decoding: engine.questions[0].octets)
        #expect(sent.flags & 0x0100 != 0)
        engine.answer(engine.questions[0], try answer(to: engine.questions[0]))
        #expect(try PlainMessage(decoding: engine.replies[0].octets).flags & 0x0100 == 0)
    }

    /// A cluster under two suffixes, and a view of its own for 10.32.0.0/16.
    private func engine() throws -> PlayedEngine {
        var inventory = Inventory()
        let name = { (text: String) in try DomainName(parsing: text) }
        inventory.clusters = [
            Cluster(
                key: "prod", names: [try name("prod.cluster.local"), try name("prod.example")],
                dns: [Endpoint(address: IPAddress(v4: 0xAC11_100A), port: 53)])
        ]
        inventory.dns.bareDomain = ["prod"]
        inventory.dns.views = [
            View(name: "branch", clients: [try IPPrefix(parsing: "10.32.0.0/16")], bareDomain: ["prod"])
        ]
        return PlayedEngine(inventory)
    }

    private func marks(_ seed: UInt64) -> [UInt8] {
        [0xFF, 0x25, 0, 9, 1] + (0..<8).map { UInt8(truncatingIfNeeded: (seed &* 0x9E37_79B9_7F4A_7C15) >> ($0 * 8)) }
    }

    /// A question with the given options and flags (0x0100: RD, 0x0010: CD) and DO bit.
    private func octets(
        _ name: String, options: [UInt8] = [], flags: UInt16 = 0x0100, wantsDNSSEC: Bool = false
    ) -> [UInt8] {
        var message = PlainMessage()
        message.id = 7
        message.flags = flags
        message.questions = [PlainQuestion(PlainName(name), type: 1, recordClass: 1)]
        message.additionals = [
            PlainRecord(
                PlainName(labels: []), type: 41, recordClass: 1232, ttl: wantsDNSSEC ? 0x8000 : 0, [.octets(options)])
        ]
        return message.encoded()
    }

    private func answer(to question: PlayedEngine.Question, rcode: UInt16 = 0) throws -> [UInt8] {
        var answer = try PlainMessage(decoding: question.octets)
        answer.flags = 0x8580 | rcode
        answer.additionals = []
        if rcode == 0 { answer.answers = [PlainRecord(answer.questions[0].name, type: 1, [.octets([10, 96, 0, 7])])] }
        return answer.encoded()
    }

    private var names: [String] {
        ["web.shop.svc.prod.cluster.local", "WEB.shop.svc.prod.example", "web.shop.svc.cluster.local"]
    }
}
