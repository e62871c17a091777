import DomainNames
import IPAddressing
import Inventory
import Telemetry
import TestSupport
import Testing

@testable import Forwarding

/// Answers of clusters with addresses that are not theirs: given, since services may lead anywhere, and counted.
@Suite struct StrayingTests {
    @Test(
        arguments: [
            ([172, 17, 16, 5], 0, "a service"), ([172, 17, 33, 7], 0, "a pod"), ([172, 17, 15, 255], 1, "just outside"),
            ([10, 9, 9, 9], 1, "far away"),
        ] as [([UInt8], Int, String)])
    func `an address outside of the cluster is counted for the server that gave it`(
        address: [UInt8], strays: Int, reason: String
    ) throws {
        var inventory = Inventory()
        let servers = [0xAC11_100A, 0xAC11_100B].map { Endpoint(address: IPAddress(v4: $0), port: 53) }
        inventory.clusters = [
            Cluster(
                key: "prod", dns: servers, pods: [try IPPrefix(parsing: "172.17.32.0/19")],
                services: [try IPPrefix(parsing: "172.17.16.0/20")])
        ]
        let engine = PlayedEngine(inventory)
        engine.ask(questionOctets("web.shop.svc.prod.cluster.local"), from: IPAddress(v4: 0x0A00_0007))
        let question = try #require(engine.questions.first)
        var answer = try PlainMessage(decoding: question.octets)
        answer.flags = 0x8580
        answer.additionals = []
        answer.answers = [PlainRecord(answer.questions[0].name, type: 1, [.octets(address)])]
        engine.answer(question, answer.encoded())
        #expect(engine.replies.first.map { Array($0.octets[7..<8]) } == [1], "\(reason)")
        let counts = servers.indices.map {
            engine.meters.serverEvents.value(row: $0, column: ServerEvent.straying.rawValue)
        }
        #expect(counts == [strays, 0], "\(reason)")
    }

    @Test func `an address of a private zone is never counted`() throws {
        var inventory = Inventory()
        inventory.clusters = [
            Cluster(
                key: "prod", dns: [Endpoint(address: IPAddress(v4: 0xAC11_100A), port: 53)],
                services: [try IPPrefix(parsing: "172.17.16.0/20")])
        ]
        inventory.clusters[0].also = [try DomainName(parsing: "corp.internal")]
        let engine = PlayedEngine(inventory)
        engine.ask(questionOctets("db.corp.internal"), from: IPAddress(v4: 0x0A00_0007))
        let question = try #require(engine.questions.first)
        var answer = try PlainMessage(decoding: question.octets)
        answer.flags = 0x8580
        answer.additionals = []
        answer.answers = [PlainRecord(answer.questions[0].name, type: 1, [.octets([10, 9, 9, 9])])]
        engine.answer(question, answer.encoded())
        #expect(engine.replies.count == 1)
        #expect(engine.meters.serverEvents.value(row: 0, column: ServerEvent.straying.rawValue) == 0)
    }
}
