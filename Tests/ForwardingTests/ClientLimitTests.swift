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
        let text = String(decoding: try #require(option(15, of: refusal))[2...], as: UTF8.self)
        #expect(text == "too many questions of this client in flight")
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

    @Test func `a silent cluster's questions leave room for those of others`() throws {
        let engine = PlayedEngine(inventory())
        for index in 0..<60 as Range<UInt32> {
            engine.ask(questionOctets("a.b\(index).svc.silent.cluster.local"), from: IPAddress(v4: 0x0A00_0000 | index << 8))
        }
        #expect(engine.questions.count == 40)
        #expect(engine.counters.overloadedGroups == 20 && engine.counters.overloaded == 20)
        let refusal = try #require(engine.replies.last?.octets)
        let error = try #require(option(15, of: refusal))
        #expect(rcode(of: refusal) == 2)
        #expect(String(decoding: error[2...], as: UTF8.self) == "silent: too many questions in flight")
        engine.ask(questionOctets("b.example"), from: honest)
        #expect(engine.questions.count == 41)
        engine.pass(milliseconds: 3_000)
        engine.forgetQuestions()
        engine.ask(questionOctets("a.b1.svc.silent.cluster.local"), from: honest)
        #expect(engine.questions.count == 1)
    }
}
