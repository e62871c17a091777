import DNSServer
import DNSWire
import DomainNames
import Forwarding
import IPAddressing
import Inventory
import TestSupport
import Testing

/// A forwarder with one cluster and one upstream, both played by the same server, which has an address and the SOA of every name
/// and no other type.
final class HostileServer {
    let endpoint: Endpoint
    private let upstream: TestUpstream
    private let server: DNSServer

    init(settings: DNSServerSettings = DNSServerSettings()) throws {
        upstream = try Self.upstream()
        var inventory = Inventory()
        let names = try ["prod.cluster.local", "p.lan"].map { try DomainName(parsing: $0) }
        inventory.clusters = [
            Cluster(key: "prod", names: names, dns: [upstream.endpoint], onlyKubernetesNames: false)
        ]
        inventory.dns.upstream = [upstream.endpoint]
        let loopback = Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0)
        server = try DNSServer(
            listen: [loopback], policy: ForwardingPolicy(inventory), workers: 1, cacheOctets: 1 << 20,
            settings: settings)
        try server.start()
        endpoint = try #require(server.boundEndpoints.first)
    }

    deinit { server.stop() }

    /// A server on a port that is free for both transports: the one that UDP got may be taken for TCP.
    private static func upstream() throws -> TestUpstream {
        for _ in 0..<8 {
            if let upstream = try? TestUpstream({ question, _ in [Self.answer(to: question)] }) { return upstream }
        }
        return try TestUpstream { question, _ in [Self.answer(to: question)] }
    }

    /// An A or SOA record owned by the question, or no data.
    private static func answer(to question: [UInt8]) -> [UInt8] {
        guard let asked = try? Question(reading: question.span) else { return [] }
        var answer = Array(question[..<asked.end])
        answer.replaceSubrange(2..<12, with: [0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        switch asked.type {
        case 1:
            answer[7] = 1
            answer += [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 192, 0, 2, 1]
        case 6:
            answer[7] = 1
            answer += [0xC0, 12, 0, 6, 0, 1, 0, 0, 0, 30, 0, 24, 0xC0, 12, 0xC0, 12]
            answer += [UInt8](repeating: 1, count: 20)
        case 48:  // DNSKEY: what fits no datagram of 512 octets
            answer[7] = 1
            answer += [0xC0, 12, 0, 48, 0, 1, 0, 0, 0, 30, 3, 0] + [UInt8](repeating: 7, count: 768)
        default: break
        }
        return answer
    }
}

/// A reply, taken apart far enough to be judged.
struct HostileReply {
    let octets: [UInt8]
    let header: MessageHeader
    let hasQuestion: Bool
    let opt: RecordExtent?
    /// Types of the records besides OPT, in order.
    let types: [Int]

    /// Nil if the octets are no whole message.
    init?(_ octets: [UInt8]) {
        guard let header = try? MessageHeader(reading: octets.span) else { return nil }
        var position = MessageHeader.length
        if header.questionCount == 1 {
            guard let question = try? Question(reading: octets.span) else { return nil }
            position = question.end
        }
        var opt: RecordExtent?
        var types: [Int] = []
        for _ in 0..<(header.answerCount + header.authorityCount + header.additionalCount) {
            guard let record = try? RecordExtent(in: octets.span, at: position) else { return nil }
            if record.type == RecordType.opt { opt = record } else { types.append(record.type) }
            position = record.end
        }
        guard position == octets.count, header.questionCount <= 1 else { return nil }
        self.octets = octets
        self.header = header
        hasQuestion = header.questionCount == 1
        self.opt = opt
        self.types = types
    }

    var rcode: Int { header.rcode | (opt.map { Int($0.ttl >> 24) << 4 } ?? 0) }
    var version: Int? { opt.map { Int($0.ttl >> 16 & 0xFF) } }
    var ednsFlags: Int? { opt.map { Int($0.ttl & 0xFFFF) } }
    /// Codes of the options in OPT.
    var options: [Int] {
        guard let opt else { return [] }
        var codes: [Int] = []
        var position = opt.dataStart
        while position + 4 <= opt.end {
            codes.append(Int(octets[position]) << 8 | Int(octets[position + 1]))
            position += 4 + (Int(octets[position + 2]) << 8 | Int(octets[position + 3]))
        }
        return codes
    }
    /// The code of the Extended DNS Error; nil without one.
    var extendedError: Int? {
        guard let opt, options.first == 15, opt.end - opt.dataStart >= 6 else { return nil }
        return Int(octets[opt.dataStart + 4]) << 8 | Int(octets[opt.dataStart + 5])
    }

    /// The fault of the reply to `row`, apart from its response code; empty if there is none.
    func objections(to row: HostileRow) -> [String] {
        var found: [String] = []
        if !header.isResponse { found.append("QR is not set") }
        if header.opcode != Int(row.octets[2] >> 3 & 0xF) { found.append("another opcode") }
        if header.flags & 0x0040 != 0 { found.append("Z is set") }
        // Private reverse zones, where no cluster has the name, are ours (RFC 6303 section 3).
        let isAuthority = row.title.contains("reverse name")
        if header.flags & 0x0400 != (isAuthority ? 0x0400 : 0) { found.append("AA is \(isAuthority ? "not " : "")set") }
        if let ednsFlags, ednsFlags & 0x7FFF != 0 { found.append("unknown EDNS flags are set") }
        if let version, version != 0 { found.append("EDNS version \(version)") }
        // A client with a cookie gets a good one (RFC 7873 section 5.2). So does, over TCP, the time that a connection may be
        // idle (RFC 7828 section 3.3.2).
        for option in options where ![15, 10, 11].contains(option) { found.append("option \(option) came back") }
        if octets.count > max(512, row.octets.count * 4) { found.append("\(octets.count) octets amplify") }
        switch row.outcome {
        case .silence: found.append("a reply")
        case .rcode(let expected): if rcode != expected { found.append("rcode \(rcode)") }
        case .refused(let ede):
            if rcode != 5 { found.append("rcode \(rcode)") }
            if opt != nil, extendedError != ede { found.append("EDE \(extendedError ?? -1)") }
        }
        return found
    }
}
