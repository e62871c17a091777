import DNSServer
import DNSWire
import DomainNames
import Forwarding
import IPAddressing
import Inventory
import InventoryFile
import Synchronization
import TestSupport
import Testing

@testable import namebridge

/// What `namebridge query` says that becomes of a question is what becomes of it.
@Suite struct QueryDecisionTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        var type: UInt16 = 1
        var client = "127.0.0.1"
        var configuration = Configuration.usual
        let decision: RouteReport.Decision

        init(
            _ name: String, _ decision: RouteReport.Decision, type: UInt16 = 1, client: String = "127.0.0.1",
            _ configuration: Configuration = .usual
        ) {
            (self.name, self.type, self.client, self.configuration) = (name, type, client, configuration)
            self.decision = decision
        }

        var testDescription: String { "\(name) type \(type) of \(client), \(configuration): \(decision)" }
    }

    enum Configuration { case usual, withoutUpstream, dropping }

    /// Three labels as long as they may be: below a longer suffix they make no name.
    private static let longest = Array(repeating: String(repeating: "x", count: 63), count: 3).joined(separator: ".")

    @Test(arguments: [
        Row("web.shop.svc.prod.cluster.local", .cluster),
        Row("WEB.shop.svc.PROD.cluster.local", .cluster),
        Row("web.shop.svc.prod.cluster.local", .cluster, .withoutUpstream),
        Row("web.shop.svc.cluster.local", .bareDomain),
        Row("web.shop.svc.all.cluster.local", .merged),
        Row("www.example.com.shop.svc.all.cluster.local", .denied),
        Row("web.shop.svc.clusterset.local", .clusterSet), Row("west.web.shop.svc.main.clusterset.local", .denied),
        Row("db.corp.internal", .privateZone), Row("corp.internal", .privateZone, type: 6),
        Row("7.12.96.10.in-addr.arpa", .reverse, type: 12),
        Row("www.example.com", .upstream),
        Row("www.example.com", .refused, .withoutUpstream),
        // The schema.
        Row("www.example.com.shop.svc.prod.cluster.local", .denied),
        Row("www.example.com.shop.svc.cluster.local", .denied),
        Row("www.example.com.shop.svc.prod.cluster.local", .denied, type: 255),
        // What no server is asked for.
        Row("localhost", .local), Row("web.localhost", .local, type: 28), Row("abc.onion", .local),
        Row("resolver.arpa", .local), Row("use-application-dns.net", .local), Row("x.home.arpa", .local),
        Row("1.1.168.192.in-addr.arpa", .local, type: 12),
        Row("web.shop.svc.unknown.cluster.local", .denied),
        // It has no room below the cluster's own domain.
        Row(longest + ".svc.deep.cluster.local", .failed),
        // Types that are not forwarded.
        Row("web.shop.svc.prod.cluster.local", .refused, type: 252),
        Row("www.example.com", .refused, type: 251),
        // Views and clients.
        Row("web.shop.svc.prod.cluster.local", .refused, client: "127.0.0.5"),
        Row("web.shop.svc.west.cluster.local", .cluster, client: "127.0.0.5"),
        Row("db.other.svc.west.cluster.local", .refused, client: "127.0.0.5"),
        Row("www.example.com", .upstream, client: "127.0.0.5"),
        Row("web.shop.svc.cluster.local", .refused, client: "127.0.0.5"),
        Row("db.corp.internal", .refused, client: "127.0.0.5"),
        Row("web.shop.svc.all.cluster.local", .merged, client: "127.0.0.5"),
        Row("web.other.svc.all.cluster.local", .refused, client: "127.0.0.5"),
        Row("web.shop.svc.prod.cluster.local", .refused, client: "127.0.0.99"),
        Row("localhost", .refused, client: "127.0.0.99"),
        Row("web.shop.svc.prod.cluster.local", .dropped, client: "127.0.0.99", .dropping),
        Row("web.shop.svc.prod.cluster.local", .cluster, .dropping),
    ])
    func `query says what the server does`(_ row: Row) throws {
        let setting = try Setting(row.configuration)
        defer { setting.server.stop() }
        let client = try #require(IPAddress(row.client))
        let name = try DomainName(parsing: row.name)

        let before = setting.asked
        let reply = try setting.ask(name, row.type, from: client, expectsReply: row.decision != .dropped)
        let wasAsked = setting.asked > before

        var session = try QuerySession(
            name, type: row.type, policy: setting.server.policy, client: client, transport: .udp)
        let report = session.run()
        let route = try #require(report.route)
        #expect(route.decision == row.decision)
        #expect(report.exchanges.isEmpty != wasAsked, "the server asks exactly if query does")
        #expect((route.reason == nil) == wasAsked, "\(route.reason ?? "no reason")")
        #expect(report.reply.isEmpty == (reply == nil))
        guard let reply else { return }
        #expect(TestMessage.rcode(report.reply) == TestMessage.rcode(reply))
        #expect(ExtendedError.first(in: report.reply) == ExtendedError.first(in: reply))
        #expect(TestMessage.answerCount(report.reply) == TestMessage.answerCount(reply))
        #expect(report.reply.dropFirst(2) == reply.dropFirst(2), "but for the ID")
    }
}

/// A server whose clusters and upstream are one and the same stand-in.
private struct Setting {
    let server: DNSServer
    private let upstream: TestUpstream
    private let count: Count

    private final class Count: Sendable {
        let value = Atomic(0)
    }

    /// Questions that came to the stand-in.
    var asked: Int { count.value.load(ordering: .relaxed) }

    init(_ configuration: QueryDecisionTests.Configuration) throws {
        let count = Count()
        self.count = count
        upstream = try TestUpstream { question, _ in
            count.value.add(1, ordering: .relaxed)
            return [TestMessage.answer(to: question)]
        }
        let port = upstream.endpoint
        let text = """
            dns:
              listen: ["127.0.0.1:0"]
              clients: [127.0.0.0/29]
              bare-domain: [prod]
              refuse: \(configuration == .dropping ? "drop" : "answer")
              views:
                - { name: guests, clients: [127.0.0.5/32], allow: { clusters: [west], namespaces: [shop] } }
              \(configuration == .withoutUpstream ? "" : "upstream: [\"\(port)\"]")
            clusters:
              prod: { dns: ["\(port)"], services: [10.96.0.0/16], also: [corp.internal] }
              west: { dns: ["\(port)"] }
              deep:
                domain: a.very.long.domain.of.a.cluster.that.leaves.little.room.for.names
                names: [deep.cluster.local]
                dns: ["\(port)"]
            merge:
              all.cluster.local: { clusters: [prod, west] }
            clustersets: { main: { members: [prod, west] } }
            """
        let read = InventoryFile.read(Array(text.utf8), name: "test")
        let inventory = try #require(read.inventory, "\(read.problems)")
        server = try DNSServer(
            listen: inventory.dns.listen, policy: ForwardingPolicy(inventory), workers: 1)
        try server.start()
    }

    /// The reply to a question as `query` asks it.
    func ask(_ name: DomainName, _ type: UInt16, from client: IPAddress, expectsReply: Bool) throws -> [UInt8]? {
        let bound = try #require(server.boundEndpoints.first)
        let asker = try DatagramClient(bound, from: client)
        var question: [UInt8] = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1] + name.wire
        question += [UInt8(type >> 8), UInt8(type & 0xFF), 0, 1]
        question += [0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0]
        asker.send(question)
        return try asker.receive(milliseconds: expectsReply ? 5_000 : 300)
    }
}
