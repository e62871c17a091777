import DNSServer
import Forwarding
import Glibc
import IPAddressing
import Inventory
import LinuxSystem
import TestSupport
import Testing

/// Sockets that the service manager has bound.
@Suite struct InheritedSocketTests {
    /// Sockets of a service manager: UDP, and TCP where `isStream`, at the same loopback port.
    private func inherited(_ address: String, isStream: Bool) throws -> [InheritedSocket] {
        let endpoint = try #require(Endpoint("\(address):0", defaultPort: 53))
        for _ in 0..<32 {
            let datagram = try DatagramSocket.listen(on: endpoint, sharesPort: false, reportsLocalAddress: false)
            // A port that is free over UDP may be taken over TCP: then another one is tried.
            guard let stream = try? StreamSocket.listen(on: datagram.localEndpoint(), sharesPort: false) else { continue }
            let numbers = isStream ? [dup(datagram.number), dup(stream.number)] : [dup(datagram.number)]
            return try numbers.map { try #require(InheritedSocket(number: $0)) }
        }
        throw Errno.addressInUse
    }

    @Test(arguments: [true, false])
    func `all workers take questions from one socket`(hasStream: Bool) throws {
        let upstream = try TestUpstream()
        let sockets = try inherited("127.0.0.1", isStream: hasStream)
        let bound = try #require(sockets.first).endpoint
        var dns = DNSSettings()
        dns.upstream = [upstream.endpoint]
        let server = try DNSServer(
            listen: [bound], policy: ForwardingPolicy(Inventory(dns: dns)), workers: 3, inherited: sockets)
        // Asked before it serves: it waits in the socket.
        let early = try DatagramClient(bound)
        early.send(TestMessage.question("early.example.org", id: 7))
        try server.start()
        defer { server.stop() }
        #expect(server.boundEndpoints == [bound])
        #expect(TestMessage.id(try #require(try early.receive())) == 7)
        let clients = try (0..<4).map { _ in try DatagramClient(bound) }
        for id in 0..<40 {
            for client in clients { client.send(TestMessage.question("n\(id).example.org", id: UInt16(id))) }
        }
        for client in clients {
            var ids: Set<UInt16> = []
            for _ in 0..<40 { ids.insert(TestMessage.id(try #require(try client.receive()))) }
            #expect(ids.count == 40)
        }
        for id in 1...8 as ClosedRange<UInt16> {
            let client = try StreamClient(bound)
            try client.send(TestMessage.framed(TestMessage.question("www.example.org", id: id)))
            guard case .message(let answer) = try client.receive() else {
                Issue.record("no answer over TCP")
                continue
            }
            #expect(TestMessage.id(answer) == id)
        }
    }

    @Test func `a socket for IPv4 and IPv6 is refused, with the setting that mends it`() throws {
        let number = socket(AF_INET6, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        // The address lives during the call.
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(number, $0, 28) }
        }
        try #require(result == 0)
        let inherited = try #require(InheritedSocket(number: number))
        defer { close(number) }
        do throws(DNSServerError) {
            _ = try DNSServer(
                listen: [inherited.endpoint], policy: ForwardingPolicy(Inventory()), workers: 2,
                inherited: [inherited])
            Issue.record("it was taken")
        } catch {
            #expect(error == .takesBothFamilies(inherited.endpoint))
            #expect("\(error)".contains("BindIPv6Only=ipv6-only"))
        }
    }

    @Test func `what is no listening socket for IP is not one`() throws {
        #expect(InheritedSocket(number: 1_000_000) == nil)
        let stream = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let local = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        let file = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        for number in [stream, local, file] {
            #expect(InheritedSocket(number: number) == nil)
            close(number)
        }
    }

    @Test func `a pulse needs every worker to have moved since it was last felt`() {
        var pulse = WorkerPulse()
        let rows: [([Int], Bool, String)] = [
            ([0, 0], true, "the first look"), ([1, 0], false, "one has not moved"),
            ([9, 0], false, "whatever the others do"), ([9, 1], true, "both have moved"),
            ([9, 1], false, "neither has moved"), ([10, 2], true, "both"),
        ]
        for (turns, isAlive, reason) in rows {
            let sign = pulse.look(at: turns)
            #expect((sign == .allAlive) == isAlive, "\(reason)")
        }
    }
}
