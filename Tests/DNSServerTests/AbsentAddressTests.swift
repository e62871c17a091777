import DNSServer
import Forwarding
import IPAddressing
import Inventory
import LinuxSystem
import TestSupport
import Testing

/// Addresses of `dns.listen` that the host does not have.
@Suite(.serialized) struct AbsentAddressTests {
    private let absent = Endpoint(address: IPAddress(v4: 0xC000_0207), port: 5353)

    @Test(arguments: [1, 2])
    func `the other addresses are served`(workers: Int) throws {
        let upstream = try TestUpstream()
        let any = Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0)
        let server = try server([absent, any], upstream, workers: workers)
        try server.start()
        defer { server.stop() }
        #expect(server.boundEndpoints.first == absent && server.absentEndpoints == [absent])
        let answer = try DatagramClient(try #require(server.boundEndpoints.last)).ask("www.example.org", id: 7)
        #expect(TestMessage.id(try #require(answer)) == 7)
    }

    @Test func `one that a changed configuration names does no harm`() throws {
        let upstream = try TestUpstream()
        let any = Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0)
        let server = try server([any], upstream, workers: 2)
        try server.start()
        defer { server.stop() }
        let change = DNSServerChange(
            listen: [any, absent], policy: server.policy, settings: DNSServerSettings(), cookieSecrets: [])
        #expect(try server.replace(change) == [])
        #expect(server.absentEndpoints == [absent])
    }

    @Test func `where no address is there the server does not start`() throws {
        let upstream = try TestUpstream()
        let other = Endpoint(address: absent.address, port: 5354)
        for listen in [[absent], [absent, other]] {
            #expect(throws: DNSServerError.cannotListen(absent, .udp, .addressNotAvailable)) {
                try server(listen, upstream, workers: 1)
            }
        }
    }

    private func server(_ listen: [Endpoint], _ upstream: TestUpstream, workers: Int) throws -> DNSServer {
        var dns = DNSSettings()
        dns.upstream = [upstream.endpoint]
        return try DNSServer(listen: listen, policy: ForwardingPolicy(Inventory(dns: dns)), workers: workers)
    }
}
