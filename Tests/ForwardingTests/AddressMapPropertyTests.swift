import DomainNames
import IPAddressing
import Inventory
import TestSupport
import Testing

@testable import Forwarding

/// Five clusters that share all addresses: each outer address has a name, and each name an outer address.
///
/// What servers and clients say is reckoned here by octets; no code is shared with the mapping.
@Suite("Address map, as a property") struct AddressMapPropertyTests {
    /// One cluster: its second octets outside for pods 10.244.0.0/16 and services 10.96.0.0/16.
    private struct Member: Sendable {
        let key: String
        let pods: UInt8
        let services: UInt8
    }

    private static let members = (0..<5).map {
        Member(key: "c\($0)", pods: 200 + UInt8($0), services: 210 + UInt8($0))
    }

    private static func inventory() throws -> Inventory {
        var inventory = Inventory()
        for member in members {
            func pair(_ inner: String, _ outer: String) throws -> PrefixPair {
                try #require(
                    PrefixPair(inner: try IPPrefix(parsing: inner), outer: try IPPrefix(parsing: outer)))
            }
            var cluster = Cluster(key: member.key)
            cluster.dns = [Endpoint(address: try #require(IPAddress("10.96.0.10")), port: 53)]
            cluster.pods = [try IPPrefix(parsing: "10.244.0.0/16"), try IPPrefix(parsing: "fd00:10:244::/56")]
            cluster.services = [try IPPrefix(parsing: "10.96.0.0/16")]
            cluster.addressMap = PrefixMap([
                try pair("10.244.0.0/16", "10.\(member.pods).0.0/16"),
                try pair("10.96.0.0/16", "10.\(member.services).0.0/16"),
                try pair("fd00:10:244::/56", "fd6e:\(member.pods)::/56"),
            ])
            cluster.nodes = [Node(name: "n", addresses: [try #require(IPAddress("192.168.10.11"))])]
            inventory.clusters.append(cluster)
        }
        return inventory
    }

    @Test("the file is right")
    func check() throws {
        #expect(try Self.inventory().check() == [])
    }

    @Test("map and unmap are each other's inverse for every address", arguments: 0..<5)
    func everyAddress(index: Int) throws {
        let member = Self.members[index]
        let map = try Self.inventory().clusters[index].addressMap
        for (inner, outer) in [(UInt32(244), member.pods), (96, member.services)] {
            for host in UInt32(0)...0xFFFF {
                let inside = IPAddress(v4: 10 << 24 | inner << 16 | host)
                let outside = IPAddress(v4: 10 << 24 | UInt32(outer) << 16 | host)
                if map.outer(of: inside) != outside || map.inner(of: outside) != inside {
                    Issue.record("\(inside) and \(outside)")
                    return
                }
            }
        }
    }

    /// Host bits: the edges of every kind, and a sample of the rest.
    private static let hosts: [Int] =
        [0, 1, 254, 255, 256, 257, 0x7FFF, 0x8000, 0xFF00, 0xFFFE, 0xFFFF]
        + stride(from: 331, to: 0x1_0000, by: 331)

    @Test("each outer address is found by name and by PTR, in every cluster", arguments: 0..<5)
    func byNameAndBack(index: Int) throws {
        let member = Self.members[index]
        let engine = PlayedEngine(try Self.inventory())
        let client = try #require(IPAddress("172.16.0.7"))
        for host in Self.hosts {
            for (inner, outer) in [(UInt8(244), member.pods), (96, member.services)] {
                let (high, low) = (UInt8(host >> 8), UInt8(host & 255))
                // A name whose answer is the inner address.
                let name = "s\(host).shop.svc.\(member.key).cluster.local"
                let found = exchange(engine, client, name, type: 1) { asked in
                    #expect("\(asked.name)" == "s\(host).shop.svc.cluster.local")
                    return [PlainRecord(asked.name, type: 1, [.octets([10, inner, high, low])])]
                }
                #expect(found?.data == [.octets([10, outer, high, low])])
                // The reverse name of what the client got.
                let reverse = "\(low).\(high).\(outer).10.in-addr.arpa"
                let pointer = exchange(engine, client, reverse, type: 12) { asked in
                    #expect("\(asked.name)" == "\(low).\(high).\(inner).10.in-addr.arpa")
                    return [
                        PlainRecord(asked.name, type: 12, [.name(PlainName("s\(host).shop.svc.cluster.local"))])
                    ]
                }
                #expect(pointer?.data == [.name(PlainName(name))])
                #expect(pointer.map { "\($0.owner)" } == reverse)
                // The pod's name by its outer address.
                let pod = exchange(
                    engine, client, "10-\(outer)-\(high)-\(low).shop.pod.\(member.key).cluster.local", type: 1
                ) { asked in
                    #expect("\(asked.name)" == "10-\(inner)-\(high)-\(low).shop.pod.cluster.local")
                    return [PlainRecord(asked.name, type: 1, [.octets([10, inner, high, low])])]
                }
                #expect(pod?.data == [.octets([10, outer, high, low])])
            }
        }
    }

    @Test("addresses of IPv6 and in hints go both ways, too", arguments: 0..<5)
    func otherTypes(index: Int) throws {
        let member = Self.members[index]
        let engine = PlayedEngine(try Self.inventory())
        let client = try #require(IPAddress("172.16.0.7"))
        let name = "web.shop.svc.\(member.key).cluster.local"
        var addresses = PlainAddressMap()
        addresses.add(inner: [10, 244, 0, 0], outer: [10, member.pods, 0, 0], length: 16)
        addresses.add(inner: [10, 96, 0, 0], outer: [10, member.services, 0, 0], length: 16)
        let network = try #require(IPAddress("fd6e:\(member.pods)::")).octets
        addresses.add(inner: try #require(IPAddress("fd00:10:244::")).octets, outer: network, length: 56)
        for host in Self.hosts {
            let low = octets16(host)
            let v6 = [0xFD, 0, 0, 0x10, 2, 0x44, 0, low[0]] + Array(repeating: UInt8(host & 255), count: 8)
            let hints: [UInt8] =
                [0, 1] + [0]  // priority, root
            let parameters: [UInt8] =
                [0, 4, 0, 8, 10, 244] + low + [10, 95] + low + [0, 6, 0, 16] + v6 + [0, 9, 0, 4, 10, 244] + low
            for (type, data) in [
                (28, [PlainField.octets(v6)]),
                (65, [.octets(Array(hints.prefix(2))), .name(PlainName(labels: [])), .octets(parameters)]),
                (64, [.octets(Array(hints.prefix(2))), .name(PlainName(labels: [])), .octets(parameters)]),
                (16, [.octets([6, 10, 244] + low + [0, 0])]),
            ] {
                let found = exchange(engine, client, name, type: type) { asked in
                    [PlainRecord(asked.name, type: type, data)]
                }
                #expect(found?.data == addresses.outer(ofData: data, type: type), "\(type) \(host)")
            }
        }
    }

    /// Asks, answers what a server is asked with `records`, and gives the only record of the reply.
    private func exchange(
        _ engine: PlayedEngine, _ client: IPAddress, _ name: String, type: Int,
        _ records: (PlainQuestion) -> [PlainRecord]
    ) -> PlainRecord? {
        engine.forgetQuestions()
        engine.ask(questionOctets(name, type: type), from: client)
        guard engine.questions.count == 1, let sent = engine.questions.first,
            var answer = try? PlainMessage(decoding: sent.octets), let asked = answer.questions.first
        else { return nil }
        answer.flags = 0x8400
        answer.additionals = []
        answer.answers = records(asked)
        engine.answer(sent, answer.encoded())
        guard let reply = engine.replies.first.flatMap({ try? PlainMessage(decoding: $0.octets) }),
            reply.answers.count == 1
        else { return nil }
        return reply.answers[0]
    }
}
