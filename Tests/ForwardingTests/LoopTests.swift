import DNSWire
import IPAddressing
import Inventory
import Telemetry
import TestSupport
import Testing

@testable import Forwarding

/// Questions that come back to us, and what becomes of the server that sends them.
@Suite struct LoopTests {
    private let client = IPAddress(v4: 0x0A00_0007)
    private let looping = Endpoint(address: IPAddress(v4: 0xAC10_0101), port: 53)
    private let well = Endpoint(address: IPAddress(v4: 0xAC10_0102), port: 53)

    private func played(_ servers: [Endpoint], seed: UInt64 = 3) -> (PlayedEngine, HealthBoard, ProcessIdentity) {
        var inventory = Inventory()
        inventory.dns.upstream = servers
        let board = HealthBoard(servers: servers.count, groups: 1, isProbed: true)
        let identity = ProcessIdentity(seed: seed)
        return (PlayedEngine(inventory, board: board, identity: identity), board, identity)
    }

    /// The question to a server, as it forwards it.
    private func forwarded(_ question: PlayedEngine.Question) throws -> [UInt8] {
        let trail = try #require(option(LoopTrail.optionCode, of: question.octets))
        var octets = questionOctets(
            "a.example", options: [0xFF, 0x25, 0, UInt8(trail.count)] + trail)
        octets[1] = 99
        return octets
    }

    private func text(_ reply: [UInt8]) -> String {
        String(decoding: (option(15, of: reply) ?? []).dropFirst(2), as: UTF8.self)
    }

    @Test func `the server that sends our question back is not asked any more, the other one is`() throws {
        let (engine, board, _) = played([looping, well])
        engine.ask(questionOctets("a.example"), from: client)
        let question = try #require(engine.questions.first)
        let reply = try #require(engine.ask(try forwarded(question), from: looping.address).first)
        #expect(rcode(of: reply) == 5)
        #expect(text(reply) == "loop: a question to 172.16.1.1:53 came back from 172.16.1.1")
        #expect(engine.counters.loops == 1)
        #expect(board.servers[0].mode == .looping && board.servers[0].isDead && !board.servers[1].isDead)
        #expect(board.servers[0].lastError == text(reply))
        engine.forgetQuestions()
        engine.ask(questionOctets("b.example"), from: client)
        #expect(engine.questions.map(\.path.server) == [1])
    }

    @Test func `with no other server the client is told why`() throws {
        let (engine, board, _) = played([looping])
        engine.ask(questionOctets("a.example"), from: client)
        engine.ask(try forwarded(try #require(engine.questions.first)), from: looping.address)
        let reply = try #require(engine.ask(questionOctets("b.example"), from: client).first)
        #expect(rcode(of: reply) == 2)
        #expect(text(reply) == "upstream: 172.16.1.1:53 forwards our questions back to us")
        board.servers[0].answered(in: .full, after: 1, payloadSize: 1232, at: MonotonicTime(nanoseconds: 0))
        engine.now = engine.now.advanced(milliseconds: 2_000)
        engine.forgetQuestions()
        engine.ask(questionOctets("c.example"), from: client)
        #expect(engine.questions.count == 1)
    }

    @Test func `a loop through another forwarder is found with the way that it took`() throws {
        let (one, board, _) = played([looping])
        let (other, _, _) = played([well], seed: 8)
        one.ask(questionOctets("a.example"), from: client)
        other.ask(try forwarded(try #require(one.questions.first)), from: looping.address)
        let back = try #require(other.questions.first)
        #expect(option(LoopTrail.optionCode, of: back.octets)?.count == 17)
        let reply = try #require(one.ask(try forwarded(back), from: well.address).first)
        #expect(text(reply).hasSuffix("came back from 172.16.1.2 by way of 1 more forwarders"))
        #expect(board.servers[0].mode == .looping)
    }

    @Test func `a question that has passed eight forwarders goes no further`() throws {
        let (engine, board, _) = played([looping])
        let trail: [UInt8] = [1] + [UInt8](repeating: 7, count: 64)
        let octets = questionOctets("a.example", options: [0xFF, 0x25, 0, 65] + trail)
        let reply = try #require(engine.ask(octets, from: client).first)
        #expect(rcode(of: reply) == 5 && text(reply).hasPrefix("this question has passed 8 forwarders"))
        #expect(board.servers[0].mode == .full && engine.questions.isEmpty)
    }

    @Test(arguments: [
        [], [1], [2, 1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 2, 3, 4, 5, 6, 7], [1, 1, 2, 3, 4, 5, 6, 7, 8],
    ] as [[UInt8]])
    func `marks that say nothing to us cost nothing`(trail: [UInt8]) {
        let (engine, _, _) = played([looping])
        engine.ask(questionOctets("a.example", options: [0xFF, 0x25, 0, UInt8(trail.count)] + trail), from: client)
        #expect(engine.questions.count == 1 && engine.counters.loops == 0)
    }

    @Test func `a probe's name finds a loop through servers that drop marks`() throws {
        let (engine, board, identity) = played([looping, well])
        let label = String(decoding: LoopName.label(identity.mark(of: well, group: 0)), as: UTF8.self)
        engine.ask(questionOctets("\(label.uppercased()).internal", type: 13, options: nil), from: client)
        #expect(board.servers[1].mode == .looping && board.servers[0].mode == .full)
        let strange = String(label.dropLast()) + (label.last == "0" ? "1" : "0")
        engine.ask(questionOctets("\(strange).internal", type: 13), from: client)
        #expect(engine.counters.loops == 1 && engine.questions.count == 1)
    }

    @Test func `a server that sends back other names is still asked for its cluster's`() throws {
        var inventory = Inventory()
        inventory.clusters = [Cluster(key: "prod", dns: [looping])]
        inventory.dns.upstream = [looping]
        let board = HealthBoard(servers: 2, groups: 2, isProbed: true)
        let engine = PlayedEngine(inventory, board: board, identity: ProcessIdentity(seed: 3))
        engine.ask(questionOctets("a.example"), from: client)
        engine.ask(try forwarded(try #require(engine.questions.first)), from: looping.address)
        #expect(board.servers.map(\.mode) == [.full, .looping])
        engine.forgetQuestions()
        engine.ask(questionOctets("a.b.svc.prod.cluster.local"), from: client)
        #expect(engine.questions.map(\.path.server) == [0])
    }

    @Test func `a server that loops is found well once nothing comes back`() {
        let (engine, board, _) = played([looping])
        board.servers[0].markLooping("loop", at: engine.now)
        #expect(board.servers[0].isLooping(at: engine.now.advanced(milliseconds: 29_000)))
        #expect(!board.servers[0].isLooping(at: engine.now.advanced(milliseconds: 31_000)))
    }
}
