import AnswerCache
import DNSWire
import DomainNames
import IPAddressing
import Inventory
import TestSupport
import Testing

@testable import Forwarding

/// What clients get of a cluster that no packets of theirs reach.
@Suite struct PathGateTests {
    @Test func `a question behind a closed gate fails at once with the reason, and no server is asked`() throws {
        let engine = try engine()
        engine.gates.set(from: "office", to: "prod", .closed(reason))
        let (rcode, error) = try reply(engine.ask(questionOctets(name), from: office))
        #expect(rcode == 2)
        #expect(error == "path office -> prod via relay1 is down")
        #expect(engine.questions.isEmpty)
        #expect(engine.counters.gated == 1)
        // The first cluster of the list would be the one to answer.
        #expect(try reply(engine.ask(questionOctets("web.shop.svc.cluster.local"), from: office)).rcode == 2)
        #expect(try reply(engine.ask(questionOctets("7.0.96.10.in-addr.arpa", type: 12), from: office)).rcode == 2)
        #expect(try reply(engine.ask(questionOctets("db.corp.internal"), from: office)).rcode == 2)
    }

    @Test func `clients of other sites and of none, and other clusters, are not concerned`() throws {
        let engine = try engine()
        engine.gates.set(from: "office", to: "prod", .closed(reason))
        for client in [branch, elsewhere] {
            engine.forgetQuestions()
            #expect(engine.ask(questionOctets("a\(client.bits % 7).shop.svc.prod.cluster.local"), from: client).isEmpty)
            #expect(engine.questions.count == 1)
        }
        engine.forgetQuestions()
        #expect(engine.ask(questionOctets("web.shop.svc.staging.cluster.local"), from: office).isEmpty)
        #expect(engine.questions.count == 1)
        #expect(engine.counters.gated == 0)
    }

    @Test func `with on-down next plain names are answered by the next cluster, which the answer says`() throws {
        let engine = try engine(onDown: .next)
        let plain = questionOctets("web.shop.svc.cluster.local")
        engine.ask(plain, from: office)
        try answer(engine)
        #expect(engine.questions.last?.path.server == 0)
        engine.gates.set(from: "office", to: "prod", .skipped(reason))
        engine.forgetQuestions()
        #expect(engine.ask(plain, from: office).isEmpty, "another cluster's answer is cached")
        #expect(engine.questions.count == 1 && engine.questions.last?.path.server == 1)
        try answer(engine)
        #expect(try reply(engine.replies.map(\.octets)) == (0, "path office -> prod via relay1 is down"))
        // For these clients alone; and what was asked around a path is not cached.
        engine.forgetQuestions()
        #expect(engine.ask(plain, from: office).isEmpty && engine.questions.last?.path.server == 1)
        #expect(try reply(engine.ask(plain, from: branch)) == (0, ""))
        // Names of the cluster itself have no other server.
        #expect(try reply(engine.ask(questionOctets(name), from: office)) == (2, "path office -> prod via relay1 is down"))
        engine.gates.set(from: "office", to: "prod", .open)
        #expect(try reply(engine.ask(plain, from: office)) == (0, ""))
    }

    @Test func `cached answers obey the gate, and are there again when it opens`() throws {
        let engine = try engine()
        engine.ask(questionOctets(name), from: office)
        try answer(engine)
        engine.gates.set(from: "office", to: "prod", .closed(reason))
        #expect(try reply(engine.ask(questionOctets(name), from: office)).rcode == 2)
        #expect(try reply(engine.ask(questionOctets(name), from: branch)).rcode == 0)
        #expect(try reply(engine.ask(questionOctets(name), from: office)).rcode == 2)
        engine.gates.set(from: "office", to: "prod", .open)
        #expect(try reply(engine.ask(questionOctets(name), from: office)).rcode == 0)
    }

    @Test func `an answer that comes after the gate has closed goes to the others alone`() throws {
        let engine = try engine()
        engine.ask(questionOctets(name), from: office)
        engine.ask(questionOctets(name), from: branch)
        engine.gates.set(from: "office", to: "prod", .closed(reason))
        try answer(engine)
        let codes = engine.replies.map { ($0.client, rcode(of: $0.octets)) }
        #expect(codes.first { $0.0 == office }?.1 == 2)
        #expect(codes.first { $0.0 == branch }?.1 == 0)
    }

    @Test func `TTLs are short while the path is changing, for the clients concerned`() throws {
        let engine = try engine()
        engine.gates.set(from: "office", to: "prod", .changing)
        engine.ask(questionOctets(name), from: branch)
        try answer(engine)
        #expect(try ttl(engine.replies.map(\.octets)) == 30)
        engine.pass(milliseconds: 12_000)
        #expect(try ttl(engine.ask(questionOctets(name), from: office)) == 5)
        #expect(try ttl(engine.ask(questionOctets(name), from: branch)) == 18)
        engine.gates.set(from: "office", to: "prod", .open)
        #expect(try ttl(engine.ask(questionOctets(name), from: office)) == 18)
    }

    @Test func `a name that no cluster can have is denied all the same`() throws {
        let engine = try engine()
        engine.gates.set(from: "office", to: "prod", .closed(reason))
        let question = questionOctets("www.example.com.shop.svc.prod.cluster.local")
        #expect(try reply(engine.ask(question, from: office)).rcode == 3)
    }

    @Test func `this host itself sees what its probes see`() throws {
        let engine = try engine()
        let loopback = IPAddress(v4: 0x7F00_0001)
        engine.gates.set(from: "office", to: "prod", .closed(reason))
        #expect(try reply(engine.ask(questionOctets(name), from: loopback)).rcode == 2)
    }

    private let office = IPAddress(v4: 0xAC10_0035)
    private let branch = IPAddress(v4: 0xAC1F_0035)
    private let elsewhere = IPAddress(v4: 0x0A00_0001)
    private let name = "web.shop.svc.prod.cluster.local"
    private let reason = ExtendedError(.networkError, "path office -> prod via relay1 is down")

    /// An office and a branch with a path each to `prod`; `staging` has none.
    private func engine(onDown: OnDown? = nil) throws -> PlayedEngine {
        func cluster(_ key: String, _ dns: UInt32) throws -> Cluster {
            Cluster(
                key: key, dns: [Endpoint(address: IPAddress(v4: dns), port: 53)],
                services: [try IPPrefix(parsing: key == "prod" ? "10.96.0.0/16" : "10.97.0.0/16")])
        }
        func path(from: String) -> Path {
            Path(
                ends: .oneWay(from: from, to: "prod"), carrier: .relay(RelaySettings(relays: ["relay1"])),
                health: PathHealthSettings(onDown: onDown))
        }
        var inventory = Inventory(
            clusters: [try cluster("prod", 0x0A60_000A), try cluster("staging", 0x0A61_000A)],
            sites: [
                Site(key: "office", networks: [try IPPrefix(parsing: "172.16.0.0/24")]),
                Site(key: "branch", networks: [try IPPrefix(parsing: "172.31.0.0/24")]),
            ],
            paths: [path(from: "office"), path(from: "branch")])
        inventory.dns.bareDomain = ["prod", "staging"]
        inventory.clusters[0].also = [try DomainName(parsing: "corp.internal")]
        return PlayedEngine(inventory, cache: AnswerCache(octets: 1 << 20, hashKey: 3))
    }

    private func answer(_ engine: PlayedEngine, ttl: UInt32 = 30) throws {
        let question = try #require(engine.questions.last)
        var answer = try PlainMessage(decoding: question.octets)
        answer.flags = 0x8580
        answer.additionals = []
        answer.answers = [PlainRecord(answer.questions[0].name, type: 1, ttl: ttl, [.octets([10, 96, 0, 7])])]
        engine.answer(question, answer.encoded())
    }

    /// The response code, and the code and text of the Extended DNS Error, of the only reply.
    private func reply(_ replies: [[UInt8]]) throws -> (rcode: Int, error: String) {
        let octets = try #require(replies.count == 1 ? replies.first : nil)
        let error = option(15, of: octets).map { String(decoding: $0.dropFirst(2), as: UTF8.self) }
        return (rcode(of: octets), error ?? "")
    }

    private func ttl(_ replies: [[UInt8]]) throws -> UInt32 {
        let message = try PlainMessage(decoding: try #require(replies.first))
        return try #require(message.answers.first).ttl
    }
}
