import DNSWire
import TestSupport
import Testing

/// The probes by which ISC's EDNS compliance tester judges a server (RFC 8906 section 8), as far as they concern a forwarder,
/// which has no zone of its own and so never sets AA.
@Suite("Compliance probes of RFC 8906") struct ComplianceProbeTests {
    @Test("each gets the reply that it must", arguments: probes)
    func probe(_ probe: Probe) throws {
        let reply = try reply(to: probe)
        #expect(reply.header.id == 0x1234 && reply.header.isResponse)
        #expect(reply.rcode == probe.rcode)
        #expect(reply.types == probe.types)
        #expect((reply.opt != nil) == probe.hasOPT)
        #expect(reply.version == (probe.hasOPT ? 0 : nil))
        #expect(reply.ednsFlags == (probe.hasOPT ? (probe.wantsDO ? 0x8000 : 0) : nil))
        #expect(reply.options.allSatisfy { $0 == 10 }, "no option is sent back that we do not know")
        #expect(reply.header.flags & probe.set == probe.set)
        #expect(reply.header.flags & probe.clear == 0)
        #expect(reply.header.isTruncated == probe.isTruncated)
    }

    /// One probe: its section, what is asked and what the reply must be.
    struct Probe: Sendable, CustomTestStringConvertible {
        let section: String
        let message: HostileMessage
        var rcode = 0
        /// Types of the records that come back.
        var types: [Int] = [6]
        var hasOPT = true
        var wantsDO = false
        /// Bits of the header that must come back as asked, and those that must not.
        var set: UInt16 = 0
        var clear: UInt16 = 0x0440
        var isTruncated = false
        var overTCP = false

        var testDescription: String { section }
    }

    private static func soa(flags: UInt16 = 0, _ opt: [UInt8]? = nil) -> HostileMessage {
        HostileMessage(
            flags: flags, counts: [1, 0, 0, opt == nil ? 0 : 1], typeAndClass: [0, 6, 0, 1], tail: opt ?? [])
    }

    private static func option(_ code: Int, _ count: Int = 0) -> [UInt8] { HostileMessage.option(code, count) }

    /// NSID, a client cookie, EXPIRE and a client subnet.
    private static let knownOptions = option(3) + option(10, 8) + option(9) + [0, 8, 0, 4, 0, 1, 0, 0]

    static let probes: [Probe] = [
        Probe(section: "8.1.1 a plain question", message: soa(), hasOPT: false, clear: 0x0560),
        Probe(
            section: "8.1.2 an unknown type", message: HostileMessage(flags: 0, typeAndClass: [3, 0xE8, 0, 1]), types: [],
            hasOPT: false),
        Probe(section: "8.1.3.1 CD", message: soa(flags: 0x0010), hasOPT: false, set: 0x0010),
        Probe(section: "8.1.3.2 AD", message: soa(flags: 0x0020), hasOPT: false),
        Probe(section: "8.1.3.3 the reserved bit", message: soa(flags: 0x0040), hasOPT: false, clear: 0x0440),
        Probe(section: "8.1.3.4 RD", message: soa(flags: 0x0100), hasOPT: false, set: 0x0180),
        Probe(
            section: "8.1.4 an unknown opcode",
            message: HostileMessage(flags: 15 << 11, counts: [0, 0, 0, 0], name: [], typeAndClass: []), rcode: 4, types: [],
            hasOPT: false, set: 15 << 11),
        Probe(section: "8.1.5 TCP", message: soa(), hasOPT: false, overTCP: true),
        Probe(section: "8.2.1 minimal EDNS", message: soa(HostileMessage.opt())),
        Probe(section: "8.2.2 EDNS version 1", message: soa(HostileMessage.opt(version: 1)), rcode: 16, types: []),
        Probe(section: "8.2.3 an unknown option", message: soa(HostileMessage.opt(option(100)))),
        Probe(section: "8.2.4 unknown flags", message: soa(HostileMessage.opt(flags: 0x0040))),
        Probe(
            section: "8.2.5 version 1 with unknown flags", message: soa(HostileMessage.opt(version: 1, flags: 0x0040)),
            rcode: 16, types: []),
        Probe(
            section: "8.2.6 version 1 with an unknown option", message: soa(HostileMessage.opt(option(100), version: 1)),
            rcode: 16, types: []),
        Probe(
            section: "8.2.7 a truncated response",
            message: HostileMessage(
                flags: 0, counts: [1, 0, 0, 1], typeAndClass: [0, 48, 0, 1],
                tail: HostileMessage.opt(size: 512, flags: 0x8000)), types: [], wantsDO: true, isTruncated: true),
        Probe(section: "8.2.8 DO", message: soa(HostileMessage.opt(flags: 0x8000)), wantsDO: true),
        Probe(
            section: "8.2.9 version 1 with DO", message: soa(HostileMessage.opt(version: 1, flags: 0x8000)), rcode: 16,
            types: [], wantsDO: true),
        Probe(section: "8.2.10 several known options", message: soa(HostileMessage.opt(knownOptions))),
    ]

    private func reply(to probe: Probe) throws -> HostileReply {
        let server = try HostileServer()
        let message = probe.message.octets(id: 0x1234)
        guard probe.overTCP else {
            let client = try DatagramClient(server.endpoint)
            client.send(message)
            let received = try #require(try client.receive())
            return try #require(HostileReply(received))
        }
        let client = try StreamClient(server.endpoint)
        try client.send(TestMessage.framed(message))
        guard case .message(let reply) = try client.receive() else { throw NoReply() }
        return try #require(HostileReply(reply))
    }

    private struct NoReply: Error {}
}
