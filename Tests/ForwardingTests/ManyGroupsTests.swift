import IPAddressing
import Inventory
import Testing

@testable import Forwarding

/// A name that many clusters are asked for.
@Suite struct ManyGroupsTests {
    @Test func `thousands of dead clusters are skipped in a row, and reported briefly`() throws {
        let count = 2_000
        let keys = (0..<count).map { "c\($0)" }
        var inventory = Inventory()
        inventory.clusters = keys.enumerated().map { index, key in
            Cluster(key: key, dns: [Endpoint(address: IPAddress(v4: 0x0A01_0000 + UInt32(index)), port: 53)])
        }
        inventory.dns.bareDomain = keys
        let board = HealthBoard(servers: count, groups: count, isProbed: true)
        for server in board.servers { server.markDead("timeout") }
        let engine = PlayedEngine(inventory, board: board)
        let replies = engine.ask(
            questionOctets("web.shop.svc.cluster.local"), from: IPAddress(v4: 0x0A00_0001))
        let reply = try #require(replies.first)
        #expect(replies.count == 1 && reply[3] & 15 == 2 && reply.count < 512)
        #expect(engine.questions.isEmpty)
        // The last of them is asked where it alone is alive.
        board.servers[count - 1].answered(in: .full, after: 1_000_000, payloadSize: 1232, at: engine.now)
        engine.ask(questionOctets("web2.shop.svc.cluster.local"), from: IPAddress(v4: 0x0A00_0001))
        #expect(engine.questions.map(\.path.server) == [count - 1])
    }
}
