import IPAddressing
import Inventory
import Telemetry
import TestSupport
import Testing

@testable import Forwarding

/// What one client may take, and what is left for the others.
@Suite struct ClientLimitTests {
    private let honest = IPAddress(v4: 0x0A00_0107)

    /// An answer of ours that is larger than its question.
    private let local = questionOctets("1.1.168.192.in-addr.arpa", type: 12)

    /// Questions a millisecond for `milliseconds`; octets that came in and went out.
    private func flood(
        _ engine: PlayedEngine, milliseconds: Int, each: Int = 10, _ sender: () -> IPAddress
    ) -> (received: Int, sent: Int) {
        var sent = 0
        for _ in 0..<milliseconds {
            engine.now = engine.now.advanced(milliseconds: 1)
            for _ in 0..<each { sent += engine.ask(local, from: sender()).reduce(0) { $0 + $1.count } }
        }
        return (milliseconds * each * local.count, sent)
    }

    @Test func `a flood from forged addresses gets no more back than it sends`() {
        for spread in [0xFF, 0xFFFF, 0xFF_FFFF] as [UInt32] {
            var random = SplitMix64(seed: 9)
            let engine = PlayedEngine(Inventory())
            let (received, sent) = flood(engine, milliseconds: 2_000) {
                IPAddress(v4: 0x0A00_0000 | UInt32(truncatingIfNeeded: random.next()) & spread)
            }
            #expect(sent <= received, "\(spread): \(sent) octets for \(received)")
            #expect(engine.counters.withheld > 0)
        }
    }

    @Test func `strangers' refusals are no more than their questions either`() {
        var random = SplitMix64(seed: 9)
        let engine = PlayedEngine(Inventory())
        let (received, sent) = flood(engine, milliseconds: 2_000) {
            IPAddress(v4: 0x0B00_0000 | UInt32(truncatingIfNeeded: random.next()) & 0xFF_FFFF)
        }
        #expect(sent <= received)
    }

    @Test func `during a flood an honest client comes once by TCP and is served as before`() {
        var random = SplitMix64(seed: 9)
        let engine = PlayedEngine(Inventory())
        func forged() -> IPAddress { IPAddress(v4: 0x0A00_0000 | UInt32(truncatingIfNeeded: random.next()) & 0xFF_FFFF) }
        _ = flood(engine, milliseconds: 400, each: 20, forged)
        let first = (0..<2).flatMap { _ in engine.ask(local, from: honest) }
        #expect((1...2).contains(first.count), "at most every fourth is dropped")
        #expect(first.allSatisfy { $0[2] & 2 == 2 && $0.count == local.count })
        #expect(engine.ask(local, from: honest, over: .tcp).first.map { $0[2] & 2 } == 0)
        for _ in 0..<300 {
            _ = flood(engine, milliseconds: 1, each: 2, forged)
            #expect(engine.ask(local, from: honest).first.map { $0[2] & 2 } == 0)
        }
        engine.now = engine.now.advanced(milliseconds: 3_660_000)
        _ = flood(engine, milliseconds: 400, each: 20, forged)
        let later = (0..<2).flatMap { _ in engine.ask(local, from: honest) }
        #expect(!later.isEmpty && later.allSatisfy { $0[2] & 2 == 2 })
    }

    @Test func `an office's usual questions stay inside the allowance, and the host has none`() {
        let engine = PlayedEngine(Inventory())
        var client: UInt32 = 0
        // 100 answers of this size a second from one network, 4000 from this host.
        for millisecond in 0..<3_000 {
            engine.now = engine.now.advanced(milliseconds: 1)
            client += 1
            if millisecond % 10 == 0 {
                #expect(engine.ask(local, from: IPAddress(v4: 0x0A00_0200 | client & 0xFF)).count == 1)
            }
            for _ in 0..<4 { #expect(engine.ask(local, from: IPAddress(v4: 0x7F00_0001)).count == 1) }
        }
        #expect(engine.counters.withheld == 0)
    }

    private func inventory() -> Inventory {
        var inventory = Inventory()
        inventory.dns.upstream = [Endpoint(address: IPAddress(v4: 0xAC10_0101), port: 53)]
        inventory.clusters = [Cluster(key: "silent", dns: [Endpoint(address: IPAddress(v4: 0xAC10_0202), port: 53)])]
        inventory.dns.limits.questions = 100
        inventory.dns.limits.questionsPerCluster = 40
        inventory.dns.limits.questionsPerClient = 10
        return inventory
    }

    @Test func `a client's questions leave room for those of others`() {
        let engine = PlayedEngine(inventory())
        let greedy = IPAddress(v4: 0x0A00_0007)
        let replies = (0..<50).flatMap { engine.ask(questionOctets("a\($0).example"), from: greedy) }
        #expect(engine.questions.count == 10)
        #expect(replies.count == 40 && replies.allSatisfy { rcode(of: $0) == 0 && $0[2] & 2 == 2 })
        #expect(engine.counters.overloadedClients == 40)
        engine.ask(questionOctets("b.example"), from: honest)
        #expect(engine.questions.count == 11)
        engine.pass(milliseconds: 5_000)
        engine.forgetQuestions()
        engine.ask(questionOctets("c.example"), from: greedy)
        #expect(engine.questions.count == 1, "what was given up does not count any more")
    }

    @Test func `questions forged in a client's name leave it its own over TCP`() throws {
        let engine = PlayedEngine(inventory())
        for index in 0..<50 { engine.ask(questionOctets("a\(index).example"), from: honest) }
        #expect(engine.questions.count == 10)
        for index in 0..<10 {
            #expect(engine.ask(questionOctets("b\(index).example"), from: honest, over: .tcp).isEmpty)
        }
        #expect(engine.questions.count == 20)
        let refusal = try #require(engine.ask(questionOctets("c.example"), from: honest, over: .tcp).first)
        #expect(rcode(of: refusal) == 2)
        #expect(try text(refusal) == "too many questions of this client in flight")
    }

    @Test func `nobody keeps others from a name by asking for it often`() throws {
        var inventory = inventory()
        inventory.dns.limits.questions = 2_000
        inventory.dns.limits.questionsPerClient = 1_000
        let engine = PlayedEngine(inventory)
        let greedy = IPAddress(v4: 0x0A00_0007)
        for _ in 0..<1_000 { engine.ask(questionOctets("a.example"), from: greedy, over: .tcp) }
        #expect(engine.questions.count == 2, "512 wait for each")
        #expect(engine.ask(questionOctets("a.example"), from: honest).isEmpty)
        #expect(engine.counters.overloaded == 0)
        engine.pass(milliseconds: 5_000)
        #expect(engine.replies.contains { $0.client == honest })
    }

    /// Has `count` addresses that nobody has proven ask for something each.
    private func ask(_ engine: PlayedEngine, _ count: UInt32, _ name: (UInt32) -> String) {
        for index in 0..<count {
            engine.ask(questionOctets(name(index)), from: IPAddress(v4: 0x0A00_0000 | index << 8))
        }
    }

    /// Of the Extended DNS Error.
    private func text(_ reply: [UInt8]) throws -> String {
        String(decoding: try #require(option(15, of: reply))[2...], as: UTF8.self)
    }

    private func silent(_ label: String) -> String { "a.\(label).svc.silent.cluster.local" }

    @Test func `a silent cluster's questions leave room for those of others`() throws {
        let engine = PlayedEngine(inventory())
        ask(engine, 60) { silent("b\($0)") }
        #expect(engine.questions.count == 20)
        #expect(engine.counters.overloadedGroups == 40 && engine.counters.overloaded == 40)
        engine.ask(questionOctets("b.example"), from: honest)
        #expect(engine.questions.count == 21)
        engine.pass(milliseconds: 3_000)
        engine.forgetQuestions()
        engine.ask(questionOctets(silent("b1")), from: honest)
        #expect(engine.questions.count == 1)
    }

    /// A cookie of the engine's for `client`, as an option.
    private func cookie(_ engine: PlayedEngine, _ client: IPAddress) throws -> [UInt8] {
        let asked: [UInt8] = [0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]
        let reply = try #require(engine.ask(questionOctets("9.9.9.10.in-addr.arpa", options: asked), from: client).first)
        return [0, 10, 0, 24] + (try #require(option(10, of: reply)))
    }

    @Test func `half of a cluster's places are for clients whose address is not forged`() throws {
        let engine = PlayedEngine(inventory())
        let cookie = try cookie(engine, honest)
        ask(engine, 60) { silent("b\($0)") }
        #expect(engine.questions.count == 20)
        let told = try #require(engine.replies.last?.octets)
        #expect(rcode(of: told) == 0 && told[2] & 2 == 2 && told.count == questionOctets(silent("b59")).count)
        engine.forgetQuestions()

        engine.ask(questionOctets(silent("c"), options: cookie), from: honest)
        #expect(engine.questions.count == 1, "a cookie of ours")
        let wrong = Array(cookie.dropLast()) + [(cookie.last ?? 0) ^ 1]
        let known = try #require(engine.ask(questionOctets(silent("d"), options: wrong), from: honest).first)
        #expect(rcode(of: known) == 23 && engine.questions.count == 1, "one that is not ours: BADCOOKIE and a good one")
        engine.ask(questionOctets(silent("e")), from: IPAddress(v4: 0x7F00_0001))
        #expect(engine.questions.count == 2, "this host")
        for index in 0..<18 as Range<UInt32> {
            engine.ask(questionOctets(silent("f\(index)")), from: IPAddress(v4: 0x0A01_0000 | index), over: .tcp)
        }
        #expect(engine.questions.count == 20, "over TCP")
        let refusal = try #require(engine.ask(questionOctets(silent("g")), from: honest, over: .tcp).first)
        #expect(rcode(of: refusal) == 2)
        #expect(try text(refusal) == "silent: too many questions in flight")
        let late = try #require(engine.ask(questionOctets(silent("h")), from: IPAddress(v4: 0x0A02_0001)).first)
        #expect(rcode(of: late) == 2, "by TCP it would fare no better")
    }

    @Test func `half of all places are for clients whose address is not forged`() throws {
        var inventory = inventory()
        inventory.dns.limits.questionsPerCluster = 100
        let engine = PlayedEngine(inventory)
        let cookie = try cookie(engine, honest)
        ask(engine, 80) { $0 % 2 == 0 ? silent("b\($0)") : "b\($0).example" }
        #expect(engine.questions.count == 50 && engine.counters.overloaded == 30)
        #expect(engine.counters.overloadedGroups == 0)
        let told = try #require(engine.replies.last?.octets)
        #expect(rcode(of: told) == 0 && told[2] & 2 == 2)
        engine.forgetQuestions()
        engine.ask(questionOctets("c.example", options: cookie), from: honest)
        for index in 0..<49 as Range<UInt32> {
            engine.ask(questionOctets("d\(index).example"), from: IPAddress(v4: 0x0A01_0000 | index), over: .tcp)
        }
        #expect(engine.questions.count == 50)
        let refusal = try #require(engine.ask(questionOctets("e.example"), from: honest, over: .tcp).first)
        #expect(rcode(of: refusal) == 2)
        #expect(try text(refusal) == "too many questions in flight")
    }

    @Test func `a cluster that is full is passed over, whoever asks`() throws {
        var inventory = inventory()
        let other = Endpoint(address: IPAddress(v4: 0xAC10_0303), port: 53)
        inventory.clusters.append(Cluster(key: "other", dns: [other]))
        inventory.dns.bareDomain = ["silent", "other"]
        let engine = PlayedEngine(inventory)
        ask(engine, 20) { silent("b\($0)") }
        engine.forgetQuestions()
        engine.ask(questionOctets("a.b.svc.cluster.local"), from: honest)
        #expect(engine.questions.count == 1 && engine.replies.isEmpty)
    }
}
