import DNSWire
import IPAddressing
import Inventory
import TestSupport
import Testing
import Time

@testable import Forwarding

/// Our cookies towards servers (RFC 7873 sections 5.1 and 5.3).
@Suite struct UpstreamCookieTests {
    private let client = IPAddress(v4: 0x0A00_0007)
    private let good: [UInt8] = Array(1...16)

    private func engine() -> PlayedEngine {
        var inventory = Inventory()
        inventory.dns.upstream = [Endpoint(address: IPAddress(v4: 0xAC10_0101), port: 53)]
        return PlayedEngine(inventory)
    }

    /// The answer to `question`: no data.
    ///
    /// - Parameter cookie: The COOKIE option's data; nil: no such option.
    private func answer(_ question: PlayedEngine.Question, rcode: Int = 0, cookie: [UInt8]?) throws -> [UInt8] {
        var message = try PlainMessage(decoding: question.octets)
        message.flags = 0x8180 | UInt16(rcode & 0xF)
        let options = cookie.map { [0, 10, 0, UInt8($0.count)] + $0 } ?? []
        message.additionals = [
            PlainRecord(
                PlainName(labels: []), type: 41, recordClass: 1232, ttl: UInt32(rcode >> 4) << 24, [.octets(options)])
        ]
        return message.encoded()
    }

    /// Asks for the `number`th name; the question that goes to the server.
    private func ask(_ engine: PlayedEngine, _ number: Int) throws -> PlayedEngine.Question {
        engine.forgetQuestions()
        engine.ask(questionOctets("n\(number).example"), from: client)
        return try #require(engine.questions.first)
    }

    private func cookie(_ question: PlayedEngine.Question) throws -> [UInt8] { try #require(option(10, of: question.octets)) }

    /// An engine whose server has given a cookie; also our own part.
    private func acquainted() throws -> (PlayedEngine, ours: [UInt8]) {
        let engine = engine()
        let first = try ask(engine, 0)
        let ours = try cookie(first)
        #expect(ours.count == 8)
        engine.answer(first, try answer(first, cookie: ours + good))
        #expect(engine.replies.count == 1)
        return (engine, ours)
    }

    @Test func `a server's cookie goes back with the next question`() throws {
        let (engine, ours) = try acquainted()
        let second = try ask(engine, 1)
        #expect(try cookie(second) == ours + good)
        let newer: [UInt8] = Array(repeating: 9, count: 32)
        engine.answer(second, try answer(second, cookie: ours + newer))
        #expect(try cookie(try ask(engine, 2)) == ours + newer)
    }

    @Test(arguments: [nil, [UInt8](repeating: 5, count: 24), [5, 5, 5]] as [[UInt8]?])
    func `an answer without our cookie is asked for again over TCP`(forged: [UInt8]?) throws {
        let (engine, ours) = try acquainted()
        let question = try ask(engine, 1)
        engine.answer(question, try answer(question, cookie: forged))
        #expect(engine.replies.isEmpty && engine.counters.doubtfulCookies == 1)
        let again = try #require(engine.questions.last)
        #expect(again.path.transport == .tcp)
        engine.answer(again, try answer(again, cookie: ours + good))
        #expect(engine.replies.map { rcode(of: $0.octets) } == [0])
    }

    @Test func `a server without cookies over TCP either counts as one that lost them`() throws {
        let (engine, _) = try acquainted()
        let question = try ask(engine, 1)
        engine.answer(question, try answer(question, cookie: nil))
        let again = try #require(engine.questions.last)
        engine.answer(again, try answer(again, cookie: nil))
        #expect(engine.replies.count == 1)
        let third = try ask(engine, 2)
        #expect(option(10, of: third.octets) == nil)
        engine.answer(third, try answer(third, cookie: nil))
        #expect(engine.replies.count == 1 && engine.counters.doubtfulCookies == 1)
    }

    @Test(arguments: [false, true])
    func `a server without cookies, or one that echoes ours, is asked without for an hour`(echoes: Bool) throws {
        let engine = engine()
        let first = try ask(engine, 0)
        engine.answer(first, try answer(first, cookie: echoes ? try cookie(first) : nil))
        #expect(engine.replies.count == 1)
        let second = try ask(engine, 1)
        #expect(option(10, of: second.octets) == nil)
        engine.answer(second, try answer(second, cookie: nil))
        engine.now = engine.now.advanced(milliseconds: 3_600_001)
        #expect(option(10, of: try ask(engine, 2).octets)?.count == 8)
    }

    @Test func `BADCOOKIE is followed by the good cookie, and then by TCP`() throws {
        let (engine, ours) = try acquainted()
        let question = try ask(engine, 1)
        let newer: [UInt8] = Array(repeating: 9, count: 16)
        engine.answer(question, try answer(question, rcode: 23, cookie: ours + newer))
        let second = try #require(engine.questions.last)
        #expect(engine.questions.count == 2 && second.path.transport == .udp)
        #expect(try cookie(second) == ours + newer)
        engine.answer(second, try answer(second, rcode: 23, cookie: ours + good))
        let third = try #require(engine.questions.last)
        #expect(engine.questions.count == 3 && third.path.transport == .tcp)
        engine.answer(third, try answer(third, cookie: ours + good))
        #expect(engine.replies.map { rcode(of: $0.octets) } == [0])
    }

    @Test func `each server gets another cookie, the same from all workers`() {
        let identity = ProcessIdentity(seed: 5)
        let servers = (1...20).map { Endpoint(address: IPAddress(v4: $0), port: 53) }
        #expect(Set(servers.map { identity.clientCookie(for: $0) }).count == 20)
        let marks = servers.flatMap { server in (0..<3).map { identity.mark(of: server, group: $0) } }
        #expect(Set(marks + servers.map { identity.clientCookie(for: $0) }).count == 80)
    }
}
