import IPAddressing
import Inventory
import TestSupport
import Testing
import Time

@testable import Forwarding

/// What one client may take, and what is left for the others.
@Suite struct ClientLimitTests {
    private let honest = IPAddress(v4: 0x0A00_0107)

    /// A question that is answered here.
    private let local = questionOctets("1.1.168.192.in-addr.arpa", type: 12)

    private static let publicNetwork = IPAddress(v4: 0xCB00_7100)

    /// An engine for public clients, too.
    private func publicEngine(slip: Int = 1) throws -> PlayedEngine {
        var inventory = Inventory()
        inventory.dns.clients.append(try #require(IPPrefix(around: Self.publicNetwork, length: 24)))
        inventory.dns.responseRateLimit.slip = slip
        return PlayedEngine(inventory)
    }

    /// Ten questions a millisecond for a second, each from an address of the public network; the replies.
    private func flood(_ engine: PlayedEngine) -> [[UInt8]] {
        (0..<10_000 as Range<UInt32>).flatMap { index in
            if index % 10 == 0 { engine.now = engine.now.advanced(milliseconds: 1) }
            return engine.ask(local, from: IPAddress(v4: UInt32(Self.publicNetwork.bits) | index & 0xFF))
        }
    }

    @Test func `a flood of one question from a public network gets no more back than it sends`() throws {
        let engine = try publicEngine()
        let replies = flood(engine)
        #expect(replies.count == 10_000, "nothing is dropped")
        let cut = replies.filter { $0[2] & 2 == 2 }
        #expect((8_799...8_801).contains(cut.count), "200 a second, five seconds' worth at once")
        #expect(cut.allSatisfy { $0.count == local.count })
        #expect(engine.counters.withheld == cut.count)
    }

    @Test(arguments: [(0, 0), (2, 4_400)]) func `beyond the limit all replies but every slip-th are dropped`(
        slip: Int, cut: Int
    ) throws {
        let replies = flood(try publicEngine(slip: slip))
        #expect(abs(replies.count { $0[2] & 2 == 2 } - cut) <= 1 && replies.count { $0[2] & 2 == 0 } <= 1_201)
    }

    @Test func `during a flood an honest client of the same network uses TCP once and is served as before`() throws {
        let engine = try publicEngine()
        let honest = IPAddress(v4: UInt32(Self.publicNetwork.bits) | 7)
        _ = flood(engine)
        let told = engine.ask(local, from: honest)
        #expect(told.count == 1 && told.allSatisfy { $0[2] & 2 == 2 && $0.count == local.count })
        #expect(engine.ask(local, from: honest, over: .tcp).first.map { $0[2] & 2 } == 0)
        for _ in 0..<300 { #expect(engine.ask(local, from: honest).first.map { $0[2] & 2 } == 0) }
    }

    @Test func `private clients get every answer, however often they ask`() {
        let engine = PlayedEngine(Inventory())
        for index in 0..<20_000 as Range<UInt32> {
            #expect(engine.ask(local, from: IPAddress(v4: 0x0A00_0200 | index & 0xFF)).first.map { $0[2] & 2 } == 0)
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

    @Test func `asking for a name often does not make it unavailable to others`() throws {
        var inventory = inventory()
        inventory.dns.limits.questions = 2_000
        inventory.dns.limits.questionsPerClient = 1_000
        let engine = PlayedEngine(inventory)
        let greedy = IPAddress(v4: 0x0A00_0007)
        for _ in 0..<1_000 { engine.ask(questionOctets("a.example"), from: greedy, over: .tcp) }
        #expect(engine.questions.count == 1, "512 wait for it, the rest follow")
        #expect(engine.ask(questionOctets("a.example"), from: honest).isEmpty)
        #expect(engine.counters.overloaded == 0)
        engine.pass(milliseconds: 5_000)
        #expect(engine.replies.contains { $0.client == honest })
    }

    /// Sends a question from each of `count` unvalidated addresses.
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
        #expect(engine.questions.count == 30)
        #expect(engine.counters.overloadedGroups == 30 && engine.counters.overloaded == 30)
        engine.ask(questionOctets("b.example"), from: honest)
        #expect(engine.questions.count == 31)
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

    @Test func `a quarter of a cluster's places is for clients with validated addresses`() throws {
        let engine = PlayedEngine(inventory())
        let cookie = try cookie(engine, honest)
        ask(engine, 60) { silent("b\($0)") }
        #expect(engine.questions.count == 30)
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
        for index in 0..<8 as Range<UInt32> {
            engine.ask(questionOctets(silent("f\(index)")), from: IPAddress(v4: 0x0A01_0000 | index), over: .tcp)
        }
        #expect(engine.questions.count == 10, "over TCP")
        let refusal = try #require(engine.ask(questionOctets(silent("g")), from: honest, over: .tcp).first)
        #expect(rcode(of: refusal) == 2)
        #expect(try text(refusal) == "silent: too many questions in flight")
        let late = try #require(engine.ask(questionOctets(silent("h")), from: IPAddress(v4: 0x0A02_0001)).first)
        #expect(rcode(of: late) == 2, "by TCP it would fare no better")
    }

    /// An inventory without limits but that of all places, 100, and with these clusters, all silent.
    private func shared(by clusters: Int) -> Inventory {
        var inventory = Inventory()
        inventory.clusters = (0..<clusters).map {
            Cluster(key: "c\($0)", dns: [Endpoint(address: IPAddress(v4: 0xAC10_0300 + UInt32($0)), port: 53)])
        }
        inventory.dns.limits.questions = 100
        return inventory
    }

    /// Questions of one client, or each of another one, in turns to so many clusters.
    struct Share: Sendable {
        let clusters: Int
        var isOneClient = false
        var transport = Transport.udp
        /// Of them so many find a place.
        let places: Int
    }

    @Test(arguments: [
        Share(clusters: 1, places: 38), Share(clusters: 2, places: 50), Share(clusters: 4, places: 60),
        Share(clusters: 1, isOneClient: true, places: 25), Share(clusters: 4, isOneClient: true, places: 50),
        Share(clusters: 1, transport: .tcp, places: 50), Share(clusters: 4, transport: .tcp, places: 80),
        Share(clusters: 1, isOneClient: true, transport: .tcp, places: 33),
    ])
    func `a silent cluster or client leaves places for others`(share: Share) {
        let engine = PlayedEngine(shared(by: share.clusters + 1))
        for index in 0..<200 {
            let client = IPAddress(v4: 0x0A00_0000 | (share.isOneClient ? 1 : UInt32(index)) << 8)
            let name = "a\(index).b.svc.c\(index % share.clusters).cluster.local"
            engine.ask(questionOctets(name), from: client, over: share.transport)
        }
        #expect(abs(engine.questions.count - share.places) <= 1, "\(engine.questions.count)")
        engine.forgetQuestions()
        let other = IPAddress(v4: 0x0A01_0001)
        if share.isOneClient {
            engine.ask(questionOctets("z.b.svc.c0.cluster.local"), from: other, over: share.transport)
            #expect(engine.questions.count == 1, "another client, the same cluster")
        }
        let client = share.isOneClient ? IPAddress(v4: 0x0A00_0100) : other
        engine.forgetQuestions()
        engine.ask(questionOctets("z.b.svc.c\(share.clusters).cluster.local"), from: client, over: share.transport)
        #expect(engine.questions.count == 1, "the same client, another cluster")
    }

    @Test func `a client that validation would not help gets the failure at once`() throws {
        let engine = PlayedEngine(shared(by: 1))
        for index in 0..<100 { engine.ask(questionOctets("a\(index).b.svc.c0.cluster.local"), from: honest) }
        let early = try #require(engine.replies.last?.octets)
        #expect(rcode(of: early) == 0 && early[2] & 2 == 2, "a flood may be in the way")
        engine.pass(milliseconds: 800)
        for index in 0..<100 { engine.ask(questionOctets("c\(index).b.svc.c0.cluster.local"), from: honest) }
        let late = try #require(engine.replies.last?.octets)
        #expect(rcode(of: late) == 2 && late[2] & 2 == 0, "the cluster is silent")
        #expect(try text(late) == "c0: too many questions in flight")
    }

    @Test func `a full cluster is skipped for every client`() throws {
        var inventory = inventory()
        let other = Endpoint(address: IPAddress(v4: 0xAC10_0303), port: 53)
        inventory.clusters.append(Cluster(key: "other", dns: [other]))
        inventory.dns.bareDomain = ["silent", "other"]
        let engine = PlayedEngine(inventory)
        ask(engine, 30) { silent("b\($0)") }
        engine.forgetQuestions()
        engine.ask(questionOctets("a.b.svc.cluster.local"), from: honest)
        #expect(engine.questions.count == 1 && engine.replies.isEmpty)
    }
}
