import DomainNames
import IPAddressing
import Inventory
import Testing

@testable import Forwarding

/// What a hint costs, and that it stays right among many suffixes.
@Suite struct NameHintsTests {
    /// A policy with clusters that have these suffixes.
    private func hints(_ suffixes: [String]) throws -> NameHints {
        var inventory = Inventory()
        inventory.clusters = try suffixes.enumerated().map { index, suffix in
            let server = Endpoint(address: IPAddress(v4: 0x0A00_0000 + UInt32(index)), port: 53)
            return Cluster(key: "c\(index)", names: [try DomainName(parsing: suffix)], dns: [server])
        }
        return NameHints(ForwardingPolicy(inventory), view: 0)
    }

    @Test func `of two thousand suffixes with one other label few are compared by spelling`() throws {
        let hints = try hints((0..<2_000).map { "n\(1_000 + $0).k8s.example" })
        let tail = ["n1x55", "k8s", "example"].map { Array($0.utf8) }
        let similar = hints.similar(to: tail)
        #expect(similar.count == NameHints.mostSpellings)
        #expect(similar.allSatisfy { $0.place == 0 && $0.suffix.dropFirst() == tail.dropFirst() })
    }

    @Test func `suffixes of another length, another place or more labels cost no spelling`() throws {
        let hints = try hints([
            "production-in-the-north.k8s.example", "prod.k8s.test", "prod.eu.k8s.example", "pord.k8s.example",
        ])
        let tail = ["prod", "k8s", "example"].map { Array($0.utf8) }
        #expect(hints.similar(to: tail).map { String(decoding: $0.suffix[$0.place], as: UTF8.self) } == ["pord"])
    }

    @Test(
        arguments: [
            ("web.shop.svc.pord.k8s.example", "web.shop.svc.prod.k8s.example"),
            ("web.shop.prod.k8s.example", "web.shop.svc.prod.k8s.example"),
            ("web.shop.svc.prod", "web.shop.svc.prod.k8s.example"),
            ("web.svc.shop.PROD.k8s.example", "web.shop.svc.prod.k8s.example"),
            ("web.shop.svc.other.example", nil), ("web.shop.svc.prod.k8s.example", nil),
        ] as [(String, String?)])
    func `the name that was meant`(asked: String, meant: String?) throws {
        let hints = try hints(["Prod.k8s.example", "staging.k8s.example", "other.cluster.test"])
        let name = try DomainName(parsing: asked)
        #expect(hints.spelling(of: name)?.description.lowercased() == meant)
    }
}
