import DNSWire
import DomainNames
import IPAddressing
import Inventory
import Testing

@testable import Forwarding

/// Which kept answers hold under the next policy as well.
@Suite struct PolicyChangeTests {
    @Test(arguments: cases) func `an answer stays cached if it is still valid`(row: Case) throws {
        let old = ForwardingPolicy(try Self.inventory())
        var inventory = try Self.inventory()
        try row.change(&inventory)
        let new = ForwardingPolicy(inventory, after: old)
        var check = CachedAnswerCheck(PolicyChange(from: old, to: new))
        let name = try DomainName(parsing: row.name)
        for _ in 0..<2 { #expect(check.keeps(name.wire.span, view: row.view) == row.keeps) }
        var backward = CachedAnswerCheck(PolicyChange(from: new, to: old))
        #expect(backward.keeps(name.wire.span, view: row.view) == row.keeps, "and the other way round")
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let name: String
        let view: Int
        let keeps: Bool
        let change: @Sendable (inout Inventory) throws -> Void

        init(
            _ description: String, _ name: String, view: Int = 0, keeps: Bool,
            _ change: @escaping @Sendable (inout Inventory) throws -> Void = { _ in }
        ) {
            testDescription = "\(description): \(name)"
            self.name = name
            self.view = view
            self.keeps = keeps
            self.change = change
        }
    }

    static let cases: [Case] = [
        Case("nothing changes", "web.shop.svc.prod.cluster.local", keeps: true),
        Case("nothing changes", "web.shop.svc.cluster.local", view: 1, keeps: true),
        Case("nothing changes", "1.16.17.172.in-addr.arpa", keeps: true),
        Case("nothing changes", "www.example.com", keeps: true),
        Case("a name for which no server is asked", "1.0.0.10.in-addr.arpa", keeps: false),
        Case("another cluster comes first", "web.shop.svc.prod.cluster.local", keeps: true) {
            $0.clusters.insert(Cluster(key: "new", dns: [server(9)]), at: 0)
        },
        Case("another cluster goes", "web.shop.svc.prod.cluster.local", keeps: true) { $0.clusters.remove(at: 1) },
        Case("the cluster goes", "web.shop.svc.staging.cluster.local", keeps: false) { $0.clusters.remove(at: 1) },
        Case("its server changes", "web.shop.svc.prod.cluster.local", keeps: false) {
            $0.clusters[0].dns = [server(9)]
        },
        Case("the other's server changes", "web.shop.svc.prod.cluster.local", keeps: true) {
            $0.clusters[1].dns = [server(9)]
        },
        Case("one of two that answer changes", "web.shop.svc.cluster.local", keeps: false) {
            $0.clusters[1].dns = [server(9)]
        },
        Case("its TTLs change", "web.shop.svc.prod.cluster.local", keeps: false) {
            $0.clusters[0].cache.maximumTTL = .seconds(3)
        },
        Case("its prefixes change", "1.16.17.172.in-addr.arpa", keeps: false) {
            $0.clusters[0].services = [try IPPrefix(parsing: "172.17.0.0/16")]
        },
        Case("prefixes that are guarded change", "www.example.com", keeps: false) {
            $0.clusters[0].services = [try IPPrefix(parsing: "172.17.0.0/16")]
        },
        Case("it gets a longer suffix", "web.shop.svc.prod.cluster.local", keeps: false) {
            $0.clusters[1].names.append(try DomainName(parsing: "shop.svc.prod.cluster.local"))
        },
        Case("the order of answering changes", "web.shop.svc.cluster.local", keeps: false) {
            $0.dns.bareDomain = ["staging", "prod"]
        },
        Case("the other view changes", "web.shop.svc.cluster.local", view: 1, keeps: true) {
            $0.dns.bareDomain = ["staging", "prod"]
        },
        Case("nothing changes", "db.corp.internal", keeps: true),
        Case("the private zone moves to another cluster", "db.corp.internal", keeps: false) {
            $0.clusters[1].also = $0.clusters[0].also
            $0.clusters[0].also = []
        },
        Case("the private zone goes", "db.corp.internal", keeps: false) { $0.clusters[0].also = [] },
        Case("the view may ask one namespace", "db.corp.internal", view: 1, keeps: false) {
            $0.dns.views[0].allow = Access(namespaces: ["shop"])
        },
        Case("nothing changes", "web.shop.svc.all.cluster.local", keeps: true),
        Case("the order of members changes", "web.shop.svc.all.cluster.local", keeps: false) {
            $0.merges[0].clusters = ["staging", "prod"]
        },
        Case("its members are joined", "web.shop.svc.all.cluster.local", keeps: false) { $0.merges[0].mode = .union },
        Case("the view may ask one member", "web.shop.svc.all.cluster.local", view: 1, keeps: false) {
            $0.dns.views[0].allow = Access(clusters: ["staging"])
        },
        Case("nothing changes", "web.shop.svc.clusterset.local", keeps: true),
        Case("another member is preferred", "web.shop.svc.clusterset.local", keeps: false) {
            $0.clusterSets[0].prefer = ["staging"]
        },
        Case("the view may ask less", "web.shop.svc.prod.cluster.local", view: 1, keeps: false) {
            $0.dns.views[0].allow = Access(clusters: ["staging"])
        },
        Case("the view may ask one namespace", "web.shop.svc.prod.cluster.local", view: 1, keeps: true) {
            $0.dns.views[0].allow = Access(namespaces: ["shop"])
        },
        Case("the view may ask one namespace", "web.pay.svc.prod.cluster.local", view: 1, keeps: false) {
            $0.dns.views[0].allow = Access(namespaces: ["shop"])
        },
        Case("the view goes", "web.shop.svc.prod.cluster.local", view: 1, keeps: false) { $0.dns.views = [] },
        Case("another view takes its place", "web.shop.svc.cluster.local", view: 1, keeps: false) {
            let new = View(name: "new", clients: [try IPPrefix(parsing: "10.9.0.0/16")], bareDomain: ["prod"])
            $0.dns.views.insert(new, at: 0)
        },
    ]

    private static func server(_ number: UInt32) -> Endpoint {
        Endpoint(address: IPAddress(v4: 0xC000_0200 + number), port: 53)
    }

    private static func inventory() throws -> Inventory {
        var dns = DNSSettings(bareDomain: ["prod", "staging"], upstream: [server(3)])
        dns.views = [View(name: "lab", clients: [try IPPrefix(parsing: "10.1.0.0/16")], bareDomain: ["staging"])]
        var prod = Cluster(key: "prod", dns: [server(1)], services: [try IPPrefix(parsing: "172.17.16.0/20")])
        prod.also = [try DomainName(parsing: "corp.internal")]
        var inventory = Inventory(dns: dns, clusters: [prod, Cluster(key: "staging", dns: [server(2)])])
        let all = "all.cluster.local"
        inventory.merges = [
            MergedSuffix(key: all, name: try DomainName(parsing: all), clusters: ["prod", "staging"])
        ]
        inventory.clusterSets = [ClusterSet(key: "main", members: [.init(cluster: "prod"), .init(cluster: "staging")])]
        return inventory
    }
}
