import DNSServer
import Forwarding
import IPAddressing
import Inventory
import TestSupport
import Testing

/// A server in front of `upstreams`, which answer every name.
func startServer(
    _ upstreams: [Endpoint], listen: [String] = ["127.0.0.1:0"], workers: Int = 1,
    settings: DNSServerSettings = DNSServerSettings()
) throws -> DNSServer {
    let endpoints = listen.compactMap { Endpoint($0, defaultPort: 53) }
    var dns = DNSSettings()
    dns.upstream = upstreams
    let server = try DNSServer(
        listen: endpoints, policy: ForwardingPolicy(Inventory(dns: dns)), workers: workers, settings: settings)
    try server.start()
    return server
}

@Suite struct DatagramServingTests {
    @Test(
        arguments: [
            ("127.0.0.1:0", nil), ("[::1]:0", nil), ("0.0.0.0:0", "127.0.0.9"), ("[::]:0", "::1"),
        ] as [(String, String?)])
    func `a question over UDP is forwarded and answered`(listen: String, asked: String?) throws {
        let upstream = try TestUpstream()
        let server = try startServer([upstream.endpoint], listen: [listen])
        defer { server.stop() }
        let bound = try #require(server.boundEndpoints.first)
        let address = asked.flatMap { IPAddress($0) } ?? bound.address
        let client = try DatagramClient(Endpoint(address: address, port: bound.port))
        let answer = try #require(try client.ask("www.example.org", id: 77))
        #expect(TestMessage.id(answer) == 77)
        #expect(TestMessage.rcode(answer) == 0)
        #expect(TestMessage.answerCount(answer) == 1)
    }

    @Test func `many questions at once each get their own answer`() throws {
        let upstream = try TestUpstream()
        let server = try startServer([upstream.endpoint], workers: 2)
        defer { server.stop() }
        let bound = try #require(server.boundEndpoints.first)
        let clients = try (0..<4).map { _ in try DatagramClient(bound) }
        for id in 0..<40 {
            for client in clients { client.send(TestMessage.question("n\(id).example.org", id: UInt16(id))) }
        }
        for client in clients {
            var ids: Set<UInt16> = []
            for _ in 0..<40 {
                let answer = try #require(try client.receive())
                #expect(TestMessage.answerCount(answer) == 1)
                ids.insert(TestMessage.id(answer))
            }
            #expect(ids.count == 40)
        }
    }

    @Test func `a truncated answer is fetched over TCP and truncated for the client alone`() throws {
        let upstream = try TestUpstream { question, isStream in
            [TestMessage.answer(to: question, records: isStream ? 100 : 0, flags: isStream ? 0x84 : 0x86)]
        }
        let server = try startServer([upstream.endpoint])
        defer { server.stop() }
        let bound = try #require(server.boundEndpoints.first)
        let datagram = try #require(try DatagramClient(bound).ask("big.example.org", id: 1))
        #expect(datagram.count <= 512 && datagram[2] & 0x02 != 0)
        let client = try StreamClient(bound)
        for id in [2, 3] as [UInt16] {
            try client.send(TestMessage.framed(TestMessage.question("big.example.org", id: id)))
            guard case .message(let answer) = try client.receive() else {
                Issue.record("no answer over TCP")
                return
            }
            #expect(TestMessage.answerCount(answer) == 100)
        }
        server.stop()
        #expect(server.statistics.workers.map(\.sockets.upstreamConnections) == [1], "the connection is kept")
    }

    @Test func `the next server is asked at once where one closes its TCP connection`() throws {
        let closing = try TestUpstream { question, isStream in
            isStream ? [[]] : [TestMessage.answer(to: question, records: 0, flags: 0x86)]
        }
        let upstream = try TestUpstream()
        let server = try startServer([closing.endpoint, upstream.endpoint])
        defer { server.stop() }
        let client = try DatagramClient(try #require(server.boundEndpoints.first))
        for id in 1...3 as ClosedRange<UInt16> {
            client.send(TestMessage.question("n\(id).example.org", id: id))
            let answer = try #require(try client.receive(milliseconds: 300), "well before a timeout")
            #expect(TestMessage.rcode(answer) == 0 && TestMessage.answerCount(answer) == 1)
        }
    }

    @Test func `the next server is asked at once where one refuses`() throws {
        let closed: Endpoint
        do { closed = try TestUpstream().endpoint }
        let upstream = try TestUpstream()
        let server = try startServer([closed, upstream.endpoint])
        defer { server.stop() }
        let client = try DatagramClient(try #require(server.boundEndpoints.first))
        for id in 1...4 as ClosedRange<UInt16> {
            client.send(TestMessage.question("n\(id).example.org", id: id))
            let answer = try #require(try client.receive(milliseconds: 300), "well before a timeout")
            #expect(TestMessage.rcode(answer) == 0)
        }
    }
}

@Suite struct StartingTests {
    @Test(arguments: [1, 2]) func `a taken port is reported with what to do`(workers: Int) throws {
        let first = try startServer([], workers: workers)
        defer { first.stop() }
        let taken = try #require(first.boundEndpoints.first)
        do {
            _ = try startServer([], listen: ["\(taken)"], workers: workers)
            Issue.record("two servers share a port")
        } catch {
            let text = "\(error)"
            #expect(text.contains("cannot listen on \(taken) (UDP): Address already in use (EADDRINUSE)"))
            #expect(text.contains("ss -lunp 'sport = :\(taken.port)'"))
        }
    }

    @Test func `an address that the host lacks is reported with what to do`() {
        do {
            _ = try startServer([], listen: ["203.0.113.7:0"])
            Issue.record("a foreign address was bound")
        } catch {
            #expect("\(error)".contains("no interface of this host has this address"))
        }
    }

    @Test func `a stopped server gives its port back`() throws {
        let first = try startServer([], workers: 2)
        let endpoint = try #require(first.boundEndpoints.first)
        first.stop()
        first.stop()
        _ = consume first
        let second = try startServer([], listen: ["\(endpoint)"], workers: 2)
        second.stop()
    }
}
