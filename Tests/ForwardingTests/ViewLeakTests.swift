import AnswerCache
import DNSWire
import DomainNames
import IPAddressing
import Inventory
import TestSupport
import Testing
import Time

@testable import Forwarding

/// A client that may not see a cluster or a namespace learns nothing about the names in it.
@Suite struct ViewLeakTests {
    @Test(arguments: ["as it is", "dead", "looping", "full"])
    func `answer, text and work are the same for what exists and what does not`(state: String) throws {
        let engine = try engine()
        try fill(engine)
        if state == "dead" { board.servers[0].markDead("timeout") }
        if state == "looping" { board.servers[0].markLooping("loop", at: engine.now) }
        if state == "full" {
            engine.now = engine.now.advanced(milliseconds: 1_000)
            for index in 0..<4 { engine.ask(questionOctets("x\(index).shop.svc.prod.cluster.local"), from: insider) }
            engine.forgetQuestions()
        }
        let before = engine.counters
        let found = cache.statistics.hits
        var replies: Set<[UInt8]> = []
        for name in Self.names {
            for type in [1, 28, 5, 6, 12, 16, 33, 255] {
                let question = questionOctets(name, type: type)
                let reply = engine.ask(question, from: outsider)
                #expect(reply.count == 1)
                replies.insert(try rest(try #require(reply.first), question))
            }
        }
        #expect(replies.count == 1, "all are refused in the same octets")
        let text = "this client may not ask for this name"
        #expect(replies.first?.suffix(text.utf8.count) == Array(text.utf8)[...])
        #expect(engine.questions.isEmpty, "no server is asked")
        let after = engine.counters
        #expect(after.refused - before.refused == Self.names.count * 8)
        #expect(after.hits == before.hits && after.joined == before.joined && after.limited == before.limited)
        // Each is looked for once in the cache of its own view, where nothing of this kind can ever be.
        #expect(cache.statistics.hits == found)
    }

    private let insider = IPAddress(v4: 0x0A00_0007)
    private let outsider = IPAddress(v4: 0x0A00_2007)
    private let cache = AnswerCache(octets: 1 << 20, hashKey: 7)
    private let board = HealthBoard(servers: 2, groups: 2, isProbed: true)

    private func engine() throws -> PlayedEngine {
        var inventory = Inventory()
        inventory.clusters = [
            Cluster(
                key: "prod", dns: [Endpoint(address: IPAddress(v4: 0xAC11_100A), port: 53)],
                services: [try IPPrefix(parsing: "172.17.16.0/20")]),
            Cluster(key: "dev", dns: [Endpoint(address: IPAddress(v4: 0xAC12_100A), port: 53)]),
        ]
        inventory.clusters[0].also = [try DomainName(parsing: "corp.internal")]
        inventory.clusters[1].also = [try DomainName(parsing: "lab.internal")]
        inventory.clusterSets = [ClusterSet(key: "p", members: [.init(cluster: "prod")])]
        inventory.merges = [
            MergedSuffix(
                key: "all.cluster.local", name: try DomainName(parsing: "all.cluster.local"), clusters: ["prod", "dev"]),
            MergedSuffix(key: "p.cluster.local", name: try DomainName(parsing: "p.cluster.local"), clusters: ["prod"]),
        ]
        var view = View(name: "outside", clients: [try IPPrefix(parsing: "10.0.32.0/24")])
        view.allow = Access(clusters: ["dev"], namespaces: ["test"])
        inventory.dns.views = [view]
        inventory.dns.limits.questionsPerCluster = 3
        inventory.dns.rateLimit.perSecond = 5
        inventory.dns.rateLimit.burst = 5
        return PlayedEngine(inventory, board: board, cache: cache)
    }

    /// What is left of a reply without its ID and question.
    private func rest(_ reply: [UInt8], _ question: [UInt8]) throws -> [UInt8] {
        let message = try PlainMessage(decoding: reply)
        #expect(message.answers.isEmpty && message.authorities.isEmpty)
        // Without the question's OPT of eleven octets.
        return Array(reply[2..<12]) + Array(reply[(question.count - 11)...])
    }

    private static let names = [
        "web.shop.svc.prod.cluster.local", "gone.shop.svc.prod.cluster.local", "never.shop.svc.prod.cluster.local",
        "prod.cluster.local", "dns-version.prod.cluster.local", "no.such.thing.prod.cluster.local",
        "web.shop.svc.dev.cluster.local", "gone.shop.svc.dev.cluster.local", "web.shop.svc.cluster.local",
        "5.16.17.172.in-addr.arpa", "web.x-test.svc.dev.cluster.local", "web.*.svc.dev.cluster.local",
        "db.corp.internal", "corp.internal", "db.lab.internal", "web.test.svc.lab.internal", "dns-version.lab.internal",
        "web.shop.svc.all.cluster.local", "gone.shop.svc.all.cluster.local", "www.all.cluster.local",
        "web.test.svc.clusterset.local", "db-0.prod.db.test.svc.p.clusterset.local",
        "web.test.svc.p.cluster.local", "dns-version.p.cluster.local",
    ]

    /// Has the insider ask for the first names of each cluster: the first exists, the second does not.
    private func fill(_ engine: PlayedEngine) throws {
        for cluster in ["prod", "dev"] {
            for (name, count) in [("web", 1), ("gone", 0)] {
                engine.now = engine.now.advanced(milliseconds: 1_000)
                engine.forgetQuestions()
                engine.ask(questionOctets("\(name).shop.svc.\(cluster).cluster.local"), from: insider)
                let question = try #require(engine.questions.first)
                var answer = try PlainMessage(decoding: question.octets)
                answer.flags = count > 0 ? 0x8580 : 0x8583
                answer.additionals = []
                if count > 0, let owner = answer.questions.first?.name {
                    answer.answers = [PlainRecord(owner, type: 1, recordClass: 1, ttl: 30, [.octets([172, 17, 16, 5])])]
                }
                engine.answer(question, answer.encoded())
                #expect(engine.replies.count == 1)
            }
        }
        engine.forgetQuestions()
    }
}
