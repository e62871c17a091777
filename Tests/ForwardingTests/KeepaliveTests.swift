import DNSWire
import IPAddressing
import Inventory
import TestSupport
import Testing

@testable import Forwarding

/// The time that a client's connection may be idle (RFC 7828).
@Suite struct KeepaliveTests {
    private static let asked: [UInt8] = [0, 11, 0, 0]

    @Test(arguments: [
        (Transport.tcp, asked, [0, 50] as [UInt8]?, "asked over TCP"),
        (.udp, asked, nil, "over UDP the option is ignored (section 3.3.1)"),
        (.tcp, [0, 3, 0, 0], nil, "not asked: another option"),
        (.tcp, [0, 11, 0, 2, 0, 9], nil, "a client must not send a time (section 3.2.1)"),
    ])
    func `a client over TCP gets the idle time`(transport: Transport, options: [UInt8], told: [UInt8]?, reason: String) throws {
        var inventory = Inventory()
        inventory.dns.upstream = [Endpoint(address: IPAddress(v4: 0xAC10_0101), port: 53)]
        inventory.dns.limits.idleTime = .seconds(5)
        // Answered here, refused, and by a silent server.
        for (name, type) in [("1.1.168.192.in-addr.arpa", 12), ("a.example.com", 252), ("a.example.com", 1)] {
            let engine = PlayedEngine(inventory)
            engine.ask(
                questionOctets(name, type: type, options: options), from: IPAddress(v4: 0x0A00_0007), over: transport)
            if engine.replies.isEmpty { engine.pass(milliseconds: 5_000) }
            let reply = try #require(engine.replies.last?.octets)
            #expect(option(11, of: reply) == told, "\(reason): \(name) \(type)")
        }
    }
}
