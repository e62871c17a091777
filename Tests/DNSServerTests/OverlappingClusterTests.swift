import DNSServer
import Forwarding
import Foundation
import IPAddressing
import Inventory
import TestSupport
import Testing

/// Five clusters that are the same inside, through a running server: every outer address has the name of the pod that has the
/// inner one, and every name an outer address, by every type that holds addresses.
///
/// Expected values are reckoned here with plain numbers, without the program's own maps, for 50 hosts of each range, its ends
/// among them; `make map-proof` asks for all 5 x 131,072 addresses.
@Suite struct OverlappingClusterTests {
    /// 10.244.0.0/16 and 10.96.0.0/16, and what stands for them in cluster `n`, 1 to 5.
    private static let ranges: [(inner: UInt32, outer: @Sendable (Int) -> UInt32)] = [
        (0x0AF4_0000, { 0x0AC8_0000 + UInt32($0) << 16 }), (0x0A60_0000, { 0x0AD0_0000 + UInt32($0) << 16 }),
    ]

    private static func text(_ address: UInt32) -> String {
        [24, 16, 8, 0].map { "\(address >> $0 & 0xFF)" }.joined(separator: ".")
    }

    private static func dashed(_ address: UInt32) -> String {
        text(address).replacingOccurrences(of: ".", with: "-")
    }

    private static func reverse(_ address: UInt32) -> String {
        text(address).split(separator: ".").reversed().joined(separator: ".") + ".in-addr.arpa"
    }

    private static var hosts: [UInt32] {
        var random = SplitMix64(seed: 20_261_130)
        return [0, 1, 254, 255, 256, 0x7FFF, 0x8000, 0xFF00, 0xFFFE, 0xFFFF]
            + (0..<40).map { _ in UInt32.random(in: 0...0xFFFF, using: &random) }
    }

    @Test func `names and addresses lead to each other, cluster by cluster`() throws {
        let upstream = try TestUpstream { question, _ in [Self.cluster(question)] }
        let server = try Self.server(upstream.endpoint)
        defer { server.stop() }
        let client = try DatagramClient(try #require(server.boundEndpoints.first))
        var asked: UInt16 = 0
        func ask(_ name: String, _ type: Int) throws -> PlainMessage? {
            asked &+= 1
            var message = PlainMessage()
            message.id = asked
            message.flags = 0x0100
            message.questions = [PlainQuestion(PlainName(name), type: type)]
            client.send(message.encoded())
            return try client.receive().map { try PlainMessage(decoding: $0) }
        }
        var wrong: [String] = []
        for number in 1...5 {
            for range in Self.ranges {
                for host in Self.hosts {
                    let (inner, outer) = (range.inner + host, range.outer(number) + host)
                    let suffix = "shop.pod.c\(number).cluster.local"
                    let own = "\(Self.dashed(inner)).\(suffix)"
                    let names = try ask(Self.reverse(outer), 12)?.answers.map { "\($0.owner) \(Self.name($0))" }
                    if names != ["\(Self.reverse(outer)) \(own)"] { wrong.append("PTR \(Self.text(outer)): \(names ?? [])") }
                    for spelling in [inner, outer] {
                        let name = "\(Self.dashed(spelling)).\(suffix)"
                        let found = try ask(name, 1)?.answers.map { "\($0.owner) \(Self.octets($0))" }
                        if found != ["\(name) \(Self.text(outer))"] { wrong.append("A \(name): \(found ?? [])") }
                    }
                    let hints = try ask(own, 65)?.answers.map(Self.octets)
                    if hints != [Self.text(outer)] { wrong.append("HTTPS \(own): \(hints ?? [])") }
                    let service = try ask("_http._tcp.\(own)", 33)
                    let additional = service?.additionals.filter { $0.type == 1 }.map { "\($0.owner) \(Self.octets($0))" }
                    if additional != ["\(own) \(Self.text(outer))"] { wrong.append("SRV \(own): \(additional ?? [])") }
                }
            }
        }
        #expect(wrong.isEmpty, "\(wrong.count): \(wrong.prefix(5))")
        // The inner address is of no single cluster.
        let shared = try ask(Self.reverse(0x0AF4_0107), 12)
        #expect(shared?.rcode == 3 && shared?.answers == [])
    }

    /// The last four octets of the data.
    private static func octets(_ record: PlainRecord) -> String {
        var octets: [UInt8] = []
        for case .octets(let part) in record.data { octets += part }
        return octets.suffix(4).map(String.init).joined(separator: ".")
    }

    private static func name(_ record: PlainRecord) -> String {
        for case .name(let name) in record.data { return "\(name)" }
        return ""
    }

    /// The answer of the DNS of each of the clusters: pods by their addresses, and back.
    private static func cluster(_ question: [UInt8]) -> [UInt8] {
        guard let asked = try? PlainMessage(decoding: question), let first = asked.questions.first else { return [] }
        var reply = PlainMessage()
        reply.id = asked.id
        reply.flags = 0x8500
        reply.questions = asked.questions
        let labels = first.name.labels.map { String(decoding: $0, as: UTF8.self) }
        if first.type == 12, labels.count == 6 {
            let pod = PlainName(labels.prefix(4).reversed().joined(separator: "-") + ".shop.pod.cluster.local")
            reply.answers = [PlainRecord(first.name, type: 12, [.name(pod)])]
            return reply.encoded()
        }
        let host = labels.first { $0.contains("-") } ?? ""
        let octets = host.split(separator: "-").compactMap { UInt8($0) }
        guard octets.count == 4 else {
            reply.flags |= 3
            return reply.encoded()
        }
        switch first.type {
        case 1: reply.answers = [PlainRecord(first.name, type: 1, [.octets(octets)])]
        case 65:
            // Priority 1, the owner itself, ipv4hint.
            reply.answers = [
                PlainRecord(
                    first.name, type: 65,
                    [.octets([0, 1]), .name(PlainName(labels: [])), .octets([0, 4, 0, 4] + octets)])
            ]
        case 33:
            let target = PlainName(labels: Array(first.name.labels.dropFirst(2)))
            reply.answers = [PlainRecord(first.name, type: 33, [.octets([0, 0, 0, 100, 0, 80]), .name(target)])]
            reply.additionals = [PlainRecord(target, type: 1, [.octets(octets)])]
        default: break
        }
        return reply.encoded()
    }

    private static func server(_ upstream: Endpoint) throws -> DNSServer {
        var inventory = Inventory()
        for number in 1...5 {
            var cluster = Cluster(key: "c\(number)", dns: [upstream], onlyKubernetesNames: false)
            let prefixes = try ranges.map { try IPPrefix(parsing: "\(text($0.inner))/16") }
            (cluster.pods, cluster.services) = ([prefixes[0]], [prefixes[1]])
            cluster.addressMap = PrefixMap(
                try zip(prefixes, ranges).compactMap { inner, range in
                    PrefixPair(inner: inner, outer: try IPPrefix(parsing: "\(text(range.outer(number)))/16"))
                })
            inventory.clusters.append(cluster)
        }
        let server = try DNSServer(
            listen: [try #require(Endpoint("127.0.0.1:0", defaultPort: 53))], policy: ForwardingPolicy(inventory), workers: 1,
            cacheOctets: 8 << 20)
        try server.start()
        return server
    }
}
