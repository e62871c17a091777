import DNSServer
import DomainNames
import Forwarding
import IPAddressing
import Inventory
import Synchronization
import Telemetry
import TestSupport
import Testing

@Suite struct QueryLogTests {
    /// What a server has written down when it has stopped.
    private final class Notes: Sendable {
        let replies = Mutex<[LoggedReply]>([])
    }

    @Test func `a miss, a hit and a refusal are written down`() throws {
        let upstream = try TestUpstream()
        let notes = Notes()
        let log = try QueryLog(QueryLogSettings()) { replies, _ in notes.replies.withLock { $0 += replies } }
        var dns = DNSSettings()
        dns.upstream = [upstream.endpoint]
        let server = try DNSServer(
            listen: [try #require(Endpoint("127.0.0.1:0", defaultPort: 53))],
            policy: ForwardingPolicy(Inventory(dns: dns)), workers: 1, cacheOctets: 1 << 20, queryLog: log)
        try server.start()
        let client = try DatagramClient(try #require(server.boundEndpoints.first))
        for id in 1...2 as ClosedRange<UInt16> { _ = try #require(try client.ask("WWW.example.org", id: id)) }
        server.stop()
        let replies = notes.replies.withLock { $0 }
        #expect(replies.map(\.source) == [.miss, .hit])
        #expect(replies.map(\.server) == [upstream.endpoint, nil])
        #expect(replies.allSatisfy { $0.cluster == "upstream" && $0.rcode == 0 && $0.type == 1 })
        #expect(replies.allSatisfy { ($0.microseconds ?? -1) >= 0 && $0.transport == .udp })
        #expect(replies.first?.sent == replies.first?.name)
        #expect(replies.last?.sent == [])
        let top = log.top(10)
        #expect(top.names.map(\.count) == [2] && top.clients.map(\.count) == [2])
    }

    @Test func `an outer address is written down with the inner one, whether it was found or cached`() throws {
        let upstream = try TestUpstream { question, _ in
            guard var reply = try? PlainMessage(decoding: question), let first = reply.questions.first else { return [] }
            reply.flags = 0x8500
            reply.additionals = []
            reply.answers = [PlainRecord(first.name, type: 1, [.octets([10, 244, 1, 7])])]
            return [reply.encoded()]
        }
        let notes = Notes()
        let log = try QueryLog(QueryLogSettings()) { replies, _ in notes.replies.withLock { $0 += replies } }
        var cluster = Cluster(key: "prod", dns: [upstream.endpoint], onlyKubernetesNames: false)
        cluster.pods = [try IPPrefix(parsing: "10.244.0.0/16")]
        let outer = try IPPrefix(parsing: "10.200.0.0/16")
        cluster.addressMap = PrefixMap([try #require(PrefixPair(inner: cluster.pods[0], outer: outer))])
        let server = try DNSServer(
            listen: [try #require(Endpoint("127.0.0.1:0", defaultPort: 53))],
            policy: ForwardingPolicy(Inventory(clusters: [cluster])), workers: 1, cacheOctets: 1 << 20, queryLog: log)
        try server.start()
        let client = try DatagramClient(try #require(server.boundEndpoints.first))
        for id in 1...2 as ClosedRange<UInt16> { _ = try #require(try client.ask("web.shop.svc.prod.cluster.local", id: id)) }
        server.stop()
        let replies = notes.replies.withLock { $0 }
        #expect(replies.map(\.source) == [.miss, .hit])
        #expect(replies.allSatisfy { $0.address == IPAddress("10.200.1.7") && $0.innerAddress == IPAddress("10.244.1.7") })
    }

    @Test func `another configuration begins, changes and ends what is written down`() throws {
        let upstream = try TestUpstream()
        let (first, second) = (Notes(), Notes())
        func log(_ notes: Notes, _ settings: QueryLogSettings) throws -> QueryLog {
            try QueryLog(settings) { replies, _ in notes.replies.withLock { $0 += replies } }
        }
        var dns = DNSSettings()
        dns.upstream = [upstream.endpoint]
        let inventory = Inventory(dns: dns)
        let listen = [try #require(Endpoint("127.0.0.1:0", defaultPort: 53))]
        let server = try DNSServer(listen: listen, policy: ForwardingPolicy(inventory), workers: 2, cacheOctets: 1 << 20)
        try server.start()
        defer { server.stop() }
        let client = try DatagramClient(try #require(server.boundEndpoints.first))
        func serve(_ log: QueryLog?) throws {
            let policy = ForwardingPolicy(inventory, after: server.policy)
            _ = try server.replace(
                DNSServerChange(
                    listen: listen, policy: policy, settings: DNSServerSettings(), cookieSecrets: [], queryLog: log))
            for (id, name) in ["www.example.org", "www.example.net"].enumerated() {
                _ = try #require(try client.ask(name, id: UInt16(id)))
            }
        }
        try serve(nil)
        #expect(server.queryLog == nil)
        let all = try log(first, QueryLogSettings())
        try serve(all)
        try serve(all)
        var some = QueryLogSettings()
        some.names = [try DomainName(parsing: "example.net")]
        try serve(log(second, some))
        #expect(first.replies.withLock { $0.count } == 4, "the first log was ended with all that it had")
        #expect(all.top(1).names.first?.count == 2)
        try serve(nil)
        #expect(second.replies.withLock { $0.count } == 1, "only what its filter wants")
    }

    @Test func `if every server is down, the log does not show a quick look-up`() throws {
        var dns = DNSSettings()
        dns.upstream = [try #require(Endpoint("192.0.2.1:53", defaultPort: 53))]
        let server = try DNSServer(
            listen: [try #require(Endpoint("127.0.0.1:0", defaultPort: 53))],
            policy: ForwardingPolicy(Inventory(dns: dns)), workers: 1, news: { _ in })
        server.board.servers[0].markDead("unplugged")
        try server.start()
        let client = try DatagramClient(try #require(server.boundEndpoints.first))
        let answer = try #require(try client.ask("www.example.org", id: 1))
        #expect(TestMessage.rcode(answer) == 2)
        server.stop()
        #expect(server.statistics.meters.lookups.total.count == 0)
    }

    @Test func `what fails is kept with its cause`() throws {
        let upstream = try TestUpstream { _, _ in [] }
        let server = try startServer([upstream.endpoint])
        let client = try DatagramClient(try #require(server.boundEndpoints.first))
        client.send(TestMessage.question("www.example.org", id: 1))
        let answer = try #require(try client.receive(milliseconds: 6000))
        #expect(TestMessage.rcode(answer) == 2)
        server.stop()
        let failures = FailureTable.merged(server.statistics.workers.map(\.failures))
        #expect(failures.map(\.count) == [1])
        #expect(failures.first.map { String(decoding: $0.reason, as: UTF8.self) } == "upstream: \(upstream.endpoint) timeout")
    }
}
