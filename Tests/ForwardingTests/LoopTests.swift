import AnswerCache
import DNSWire
import DomainNames
import IPAddressing
import Inventory
import TestSupport
import Testing
import Time

@testable import Forwarding

/// Questions that come back to us, and what becomes of the server that sends them.
@Suite struct LoopTests {
    private let client = IPAddress(v4: 0x0A00_0007)
    private let honest = IPAddress(v4: 0x0A00_0107)
    private let looping = Endpoint(address: IPAddress(v4: 0xAC10_0101), port: 53)
    private let well = Endpoint(address: IPAddress(v4: 0xAC10_0102), port: 53)
    private let check = LoopCheck(name: 0x0123_4567_89AB_CDEF, secret: 0xFEDC_BA98_7654_3210)

    private func played(_ servers: [Endpoint], seed: UInt64 = 3) -> (PlayedEngine, HealthBoard) {
        var inventory = Inventory()
        inventory.dns.upstream = servers
        let board = HealthBoard(servers: servers.count, groups: 1, isProbed: true)
        return (PlayedEngine(inventory, board: board, identity: ProcessIdentity(seed: seed)), board)
    }

    /// The question to a server, as it forwards it, or with its trail copied by another client.
    private func forwarded(_ question: PlayedEngine.Question, _ name: String = "a.example") throws -> [UInt8] {
        let trail = try #require(option(LoopTrail.optionCode, of: question.octets))
        var octets = questionOctets(name, options: [0xFF, 0x25, 0, UInt8(trail.count)] + trail)
        octets[1] = 99
        return octets
    }

    /// The name of a check, as it comes back.
    private func name(of check: LoopCheck) -> [UInt8] {
        let label = String(decoding: LoopName.label(check.name), as: UTF8.self)
        return questionOctets("\(label).internal", type: LoopName.type, options: nil)
    }

    private func text(_ reply: [UInt8]) -> String {
        String(decoding: (option(15, of: reply) ?? []).dropFirst(2), as: UTF8.self)
    }

    // MARK: - Doubt

    @Test func `a question with our mark is refused, and its server probed`() throws {
        let (engine, board) = played([looping, well])
        engine.ask(questionOctets("a.example"), from: client)
        let question = try #require(engine.questions.first)
        let reply = try #require(engine.ask(try forwarded(question), from: looping.address).first)
        #expect(rcode(of: reply) == 5)
        #expect(text(reply) == "loop: a question to 172.16.1.1:53 came back from 172.16.1.1")
        #expect(engine.counters.loops == 1)
        #expect(board.servers.map(\.isDoubted) == [true, false])
        #expect(board.servers.allSatisfy { $0.mode == .full })
    }

    @Test func `copied marks never make a server unavailable`() throws {
        let (engine, board) = played([looping])
        engine.ask(questionOctets("a.example"), from: client)
        let question = try #require(engine.questions.first)
        for round in 0..<20 {
            engine.forgetQuestions()
            for _ in 0..<500 { engine.ask(try forwarded(question, "b\(round).example"), from: client) }
            #expect(engine.questions.isEmpty)
            // The probe's own name is no secret either: who copies it hears what is of no use to him.
            let check = LoopCheck(name: UInt64(round), secret: UInt64(round) + 77)
            board.servers[0].begin(check)
            #expect(!board.servers[0].isDoubted)
            if round % 2 == 1 { #expect(engine.ask(name(of: check), from: client, over: .tcp).count == 1) }
            engine.ask(questionOctets("c\(round).example"), from: honest)
            #expect(engine.questions.map(\.path.server) == [0])
            engine.now = engine.now.advanced(milliseconds: 2_000)
        }
        #expect(board.servers[0].mode == .full)
        #expect(engine.counters.loops == 10_010)
    }

    @Test func `a question for a probe's name costs a look at one server of two thousand`() throws {
        let servers = (0..<2_000).map { Endpoint(address: IPAddress(v4: 0xAC10_0000 + UInt32($0)), port: 53) }
        let (engine, board) = played(servers)
        // Each server would take the name for its own if it were looked at; the table has the last.
        for (index, server) in board.servers.enumerated() {
            server.begin(LoopCheck(name: check.name, secret: UInt64(index)))
        }
        let reply = try #require(engine.ask(name(of: check), from: client, over: .tcp).first)
        #expect(String(decoding: reply, as: UTF8.self).contains("00000000000007cf"))
        // Those that were looked at know the way by which the name came back.
        for server in board.servers { server.confirmLoop(at: engine.now) }
        #expect(board.servers.indices.filter { board.servers[$0].mode == .looping } == [1_999])
    }

    @Test func `a stranger's question is refused before it is looked at for loops`() throws {
        let (engine, board) = played([looping])
        engine.ask(questionOctets("a.example"), from: client)
        let question = try #require(engine.questions.first)
        let stranger = IPAddress(v4: 0x0808_0808)
        let reply = try #require(engine.ask(try forwarded(question), from: stranger).first)
        #expect(rcode(of: reply) == 5 && text(reply) == "this client is not in dns.clients")
        board.servers[0].begin(check)
        #expect(rcode(of: try #require(engine.ask(name(of: check), from: stranger, over: .tcp).first)) == 5)
        #expect(engine.counters.loops == 0 && engine.counters.strangers == 2)
        #expect(!board.servers[0].isDoubted)
    }

    @Test func `a loop through another forwarder is reported with its way`() throws {
        let (one, _) = played([looping])
        let (other, _) = played([well], seed: 8)
        one.ask(questionOctets("a.example"), from: client)
        other.ask(try forwarded(try #require(one.questions.first)), from: looping.address)
        let back = try #require(other.questions.first)
        #expect(option(LoopTrail.optionCode, of: back.octets)?.count == 17)
        let reply = try #require(one.ask(try forwarded(back), from: well.address).first)
        #expect(text(reply).hasSuffix("came back from 172.16.1.2 by way of 1 more forwarders"))
    }

    @Test func `a question that has passed eight forwarders is not forwarded`() throws {
        let (engine, board) = played([looping])
        let trail: [UInt8] = [1] + [UInt8](repeating: 7, count: 64)
        let octets = questionOctets("a.example", options: [0xFF, 0x25, 0, 65] + trail)
        let reply = try #require(engine.ask(octets, from: client).first)
        #expect(rcode(of: reply) == 5 && text(reply).hasPrefix("this question has passed 8 forwarders"))
        #expect(!board.servers[0].isDoubted && engine.questions.isEmpty)
    }

    @Test(
        arguments: [
            [], [1], [2, 1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 2, 3, 4, 5, 6, 7], [1, 1, 2, 3, 4, 5, 6, 7, 8],
        ] as [[UInt8]])
    func `unknown marks have no effect`(trail: [UInt8]) {
        let (engine, _) = played([looping])
        engine.ask(questionOctets("a.example", options: [0xFF, 0x25, 0, UInt8(trail.count)] + trail), from: client)
        #expect(engine.questions.count == 1 && engine.counters.loops == 0)
    }

    @Test func `a mark is recognised after a reload that puts other clusters first`() throws {
        var inventory = Inventory()
        inventory.clusters = [Cluster(key: "prod", dns: [looping])]
        inventory.dns.upstream = [looping]
        let old = ForwardingPolicy(inventory)
        inventory.clusters.insert(Cluster(key: "new", dns: [looping]), at: 0)
        let new = ForwardingPolicy(inventory, after: old)
        let identity = ProcessIdentity(seed: 3)
        let places = new.places(in: old)
        #expect(places == [nil, 0, 1])
        let marks = new.servers.indices.map { identity.mark(of: $0, in: new) }
        #expect(Array(marks[1...]) == old.servers.indices.map { identity.mark(of: $0, in: old) })
        #expect(Set(marks).count == 3, "each group's questions have their own")
    }

    @Test func `marks of a client do not affect questions of others`() throws {
        var inventory = Inventory()
        inventory.dns.upstream = [looping]
        let engine = PlayedEngine(inventory, cache: AnswerCache(octets: 1 << 20, hashKey: 7))
        let trail: [UInt8] = [1] + [UInt8](repeating: 7, count: 56)
        engine.ask(questionOctets("a.example", options: [0xFF, 0x25, 0, 57] + trail), from: client)
        engine.ask(questionOctets("a.example"), from: honest)
        #expect(engine.questions.count == 2, "the next forwarder may refuse the first for its marks")
        engine.ask(questionOctets("a.example"), from: client)
        #expect(engine.questions.count == 2, "the same without marks waits with the others")
        // The marked one is refused, and refused again without EDNS.
        for _ in 0..<2 {
            let marked = try #require(engine.questions.first { option(LoopTrail.optionCode, of: $0.octets)?.count != 9 })
            var refusal = Array(marked.octets)
            refusal.replaceSubrange(2..<4, with: [0x81, 0x85])
            engine.forgetQuestions()
            engine.answer(marked, refusal)
            if !engine.replies.isEmpty { break }
        }
        #expect(engine.replies.map(\.client) == [client])
        engine.forgetQuestions()
        engine.ask(questionOctets("a.example"), from: IPAddress(v4: 0x0A00_0207))
        #expect(engine.questions.isEmpty && engine.replies.isEmpty, "that failure is not kept: it waits with the others")
    }

    // MARK: - Proof

    @Test func `a server whose answer to a probe is ours is no longer asked, the other one is`() throws {
        let (engine, board) = played([looping, well])
        board.servers[0].begin(check)
        let reply = try #require(engine.ask(name(of: check), from: looping.address).first)
        let message = try PlainMessage(decoding: reply)
        #expect(rcode(of: reply) == 0 && message.answers.count == 1)
        #expect(message.answers.first?.ttl == 0 && message.answers.first?.type == 13)
        #expect(reply.suffix(33) == LoopName.answer(check.secret)[...])
        #expect(board.servers[0].mode == .full, "a client has asked us; only the server's answer shows whether it did")
        board.servers[0].confirmLoop(at: engine.now)
        #expect(board.servers[0].mode == .looping && board.servers[0].isDead && !board.servers[1].isDead)
        #expect(board.servers[0].lastError == "loop: a question to 172.16.1.1:53 came back from 172.16.1.1")
        engine.ask(questionOctets("b.example"), from: client)
        #expect(engine.questions.map(\.path.server) == [1])
    }

    @Test func `a name of a probe that is over, or of another forwarder's, is a name like others`() throws {
        let (engine, board) = played([looping])
        board.servers[0].begin(LoopCheck(name: 1, secret: 2))
        board.servers[0].begin(check)
        engine.ask(name(of: LoopCheck(name: 1, secret: 2)), from: client)
        #expect(engine.replies.isEmpty && engine.questions.count == 1)
        board.servers[0].confirmLoop(at: engine.now)
        #expect(board.servers[0].mode == .full, "nothing has come back")
        engine.ask(name(of: check).map { $0 == UInt8(ascii: "n") ? UInt8(ascii: "N") : $0 }, from: looping.address)
        #expect(engine.replies.count == 1, "letter case aside")
    }

    @Test func `with no other server the client gets the reason`() throws {
        let (engine, board) = played([looping])
        board.servers[0].markLooping("loop", at: engine.now)
        let reply = try #require(engine.ask(questionOctets("b.example"), from: client).first)
        #expect(rcode(of: reply) == 2)
        #expect(text(reply) == "upstream: 172.16.1.1:53 forwards our questions back to us")
        board.servers[0].answered(in: .full, after: 1, payloadSize: 1232, at: MonotonicTime(nanoseconds: 0))
        engine.now = engine.now.advanced(milliseconds: 2_000)
        engine.ask(questionOctets("c.example"), from: client)
        #expect(engine.questions.count == 1)
    }

    @Test func `a server that forwards other names to us is still asked for its cluster's`() throws {
        var inventory = Inventory()
        inventory.clusters = [Cluster(key: "prod", dns: [looping])]
        inventory.dns.upstream = [looping]
        let board = HealthBoard(servers: 2, groups: 2, isProbed: true)
        let engine = PlayedEngine(inventory, board: board, identity: ProcessIdentity(seed: 3))
        engine.ask(questionOctets("a.example"), from: client)
        engine.ask(try forwarded(try #require(engine.questions.first)), from: looping.address)
        #expect(board.servers.map(\.isDoubted) == [false, true])
        board.servers[1].markLooping("loop", at: engine.now)
        engine.forgetQuestions()
        engine.ask(questionOctets("a.b.svc.prod.cluster.local"), from: client)
        #expect(engine.questions.map(\.path.server) == [0])
    }

    @Test func `a private zone that the cluster's server sends back to us is not asked again`() throws {
        var inventory = Inventory()
        inventory.clusters = [Cluster(key: "prod", dns: [looping])]
        inventory.clusters[0].also = [try DomainName(parsing: "corp.internal")]
        let board = HealthBoard(servers: 1, groups: 1, isProbed: true)
        let engine = PlayedEngine(inventory, board: board, identity: ProcessIdentity(seed: 3))
        engine.ask(questionOctets("db.corp.internal"), from: client)
        let question = try #require(engine.questions.first)
        let replies = engine.ask(try forwarded(question, "db.corp.internal"), from: looping.address)
        #expect(replies.map(rcode(of:)) == [5])
        #expect(engine.counters.loops == 1 && engine.questions.count == 1)
        #expect(board.servers.map(\.isDoubted) == [true])
    }

    @Test func `a looping server is used again once no probe comes back`() {
        let (engine, board) = played([looping])
        board.servers[0].markLooping("loop", at: engine.now)
        #expect(board.servers[0].isDoubted, "it is looked at again and again")
        #expect(board.servers[0].isLooping(at: engine.now.advanced(milliseconds: 29_000)))
        #expect(!board.servers[0].isLooping(at: engine.now.advanced(milliseconds: 31_000)))
    }
}
