import IPAddressing
import TestSupport
import Testing

@testable import Forwarding

/// Who may ask, and in which view, against a search of both lists.
@Suite struct ClientViewsTests {
    @Test func `a view wider than the clients, one inside of them, and one beside them`() throws {
        let views = ClientViews(
            clients: try prefixes(["10.1.0.0/16", "192.168.0.0/16"]),
            views: zip(try prefixes(["10.0.0.0/8", "10.1.2.0/24", "172.16.0.0/12"]), 1...).map { ($0, $1) })
        for (client, view) in [
            ("10.1.0.1", 1), ("10.1.2.3", 2), ("10.1.3.1", 1), ("192.168.7.7", 0), ("10.2.0.1", nil), ("172.16.0.1", nil),
            ("fd00::1", nil),
        ] {
            #expect(views.view(of: try #require(IPAddress(client))) == view, "\(client)")
        }
    }

    @Test(arguments: 0..<40) func `one table answers as both lists`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let bases: [(IPAddress, Int)] = [
            (try #require(IPAddress("10.0.0.0")), 24), (try #require(IPAddress("fd00::")), 120),
        ]
        func prefix() throws -> IPPrefix {
            let (base, start) = bases[Int.random(in: 0...1, using: &random)]
            let address = IPAddress(family: base.family, bits: base.bits | UInt128(UInt8.random(in: 0...255, using: &random)))
            return try #require(IPPrefix(around: address, length: start + Int.random(in: 0...8, using: &random)))
        }
        let clients = try (0..<Int.random(in: 1...4, using: &random)).map { _ in try prefix() }
        let named = try (0..<Int.random(in: 0...12, using: &random)).map { ($0 / 2 + 1, try prefix()) }
        let views = ClientViews(clients: clients, views: named.map { ($1, $0) })
        for base in bases.map(\.0) {
            for host in UInt128(0)..<256 {
                let address = IPAddress(family: base.family, bits: base.bits | host)
                let longest = named.filter { $0.1.contains(address) }.map(\.1.length).max()
                let view = named.last { $0.1.contains(address) && $0.1.length == longest }?.0 ?? 0
                let expected = clients.contains { $0.contains(address) } ? view : nil
                try #require(views.view(of: address) == expected, "\(address), seed \(seed)")
            }
        }
    }

    private func prefixes(_ texts: [String]) throws -> [IPPrefix] { try texts.map { try IPPrefix(parsing: $0) } }
}
