import IPAddressing
import Inventory

/// The demo: two clusters inside this process, and the configuration of a forwarder for them; all
/// on loopback.
enum DemoSetting {
    /// 127.0.0.1.
    static let loopback = IPAddress(v4: 0x7F00_0001)

    /// The ports of the clusters' DNS servers while `serve --demo` runs.
    static let prodPort: UInt16 = 5301
    /// The port of staging's DNS server.
    static let stagingPort: UInt16 = 5302

    /// The address of its status page.
    static let pageEndpoint = Endpoint(address: loopback, port: 5303)
    /// The URL of the status page.
    static var page: String { "http://\(pageEndpoint)/" }

    /// The configuration while `serve --demo` runs.
    static var running: Inventory {
        inventory(
            prod: Endpoint(address: loopback, port: prodPort),
            staging: Endpoint(address: loopback, port: stagingPort))
    }

    /// Both clusters serve `cluster.local`, and have the same addresses; plain names are answered by `prod`
    /// first.
    static func inventory(prod: Endpoint, staging: Endpoint) -> Inventory {
        Inventory(
            dns: DNSSettings(
                listen: [Endpoint(address: loopback, port: 5300)], bareDomain: ["prod", "staging"]),
            admin: AdminSettings(listen: [pageEndpoint]),
            clusters: [
                cluster("prod", prod, outer: ["10.200.0.0/16", "10.208.0.0/16", "fd00:10:208::/112"]),
                cluster("staging", staging, outer: ["10.201.0.0/16", "10.209.0.0/16", "fd00:10:209::/112"]),
            ])
    }

    /// A cluster with the addresses of the zone files, and the outer ranges that stand for them.
    private static func cluster(_ key: String, _ server: Endpoint, outer: [String]) -> Cluster {
        let pods = prefixes(["10.244.0.0/16"])
        let services = prefixes(["10.96.0.0/16", "fd00:10:96::/112"])
        var cluster = Cluster(key: key, dns: [server], pods: pods, services: services)
        cluster.addressMap = PrefixMap(
            zip(pods + services, prefixes(outer)).compactMap { PrefixPair(inner: $0, outer: $1) })
        return cluster
    }

    /// Commands that show the forwarder's features, each with a description; they can be run as they are.
    static let tour = [
        ("one name in one cluster and in the other", "web.shop.svc.prod.cluster.local"),
        ("", "web.shop.svc.staging.cluster.local"),
        ("plain names: prod is asked first, then staging", "web.shop.svc.cluster.local"),
        ("", "docs.preview.svc.cluster.local"),
        ("a service's port", "_http._tcp.web.shop.svc.prod.cluster.local SRV"),
        ("both have 10.96.12.7 inside: from outside each has its own, and its own name", "-x 10.209.12.7"),
        ("", "-x fd00:10:208::c07"),
        ("the inner address is of no single cluster: denied, and why", "-x 10.96.12.7"),
        ("a name without such an address: NODATA", "cart.shop.svc.prod.cluster.local AAAA"),
        ("60 endpoints over UDP, and over TCP", "+bufsize=4096 workers.batch.svc.prod.cluster.local"),
        ("", "+tcp workers.batch.svc.prod.cluster.local"),
        ("no cluster's name: refused, and why", "www.example.com"),
    ].map { (title: $0.0, command: "dig @127.0.0.1 -p 5300 \($0.1)") }

    /// Prefixes that are known to be right.
    private static func prefixes(_ texts: [String]) -> [IPPrefix] {
        texts.compactMap { try? IPPrefix(parsing: $0) }
    }
}
