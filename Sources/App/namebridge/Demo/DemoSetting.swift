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

    /// Both clusters serve `cluster.local`; plain names are answered by `prod` first.
    static func inventory(prod: Endpoint, staging: Endpoint) -> Inventory {
        Inventory(
            dns: DNSSettings(
                listen: [Endpoint(address: loopback, port: 5300)], bareDomain: ["prod", "staging"]),
            admin: AdminSettings(listen: [pageEndpoint]),
            clusters: [
                Cluster(
                    key: "prod", dns: [prod], pods: prefixes(["10.244.0.0/16"]),
                    services: prefixes(["10.96.0.0/16", "fd00:10:96::/112"])),
                Cluster(
                    key: "staging", dns: [staging], pods: prefixes(["10.245.0.0/16"]),
                    services: prefixes(["10.97.0.0/16", "fd00:10:97::/112"])),
            ])
    }

    /// Commands that show the forwarder's features, each with a description; they can be run as they are.
    static let tour = [
        ("one name in one cluster and in the other", "web.shop.svc.prod.cluster.local"),
        ("", "web.shop.svc.staging.cluster.local"),
        ("plain names: prod is asked first, then staging", "web.shop.svc.cluster.local"),
        ("", "docs.preview.svc.cluster.local"),
        ("a service's port", "_http._tcp.web.shop.svc.prod.cluster.local SRV"),
        ("an address's name", "-x 10.97.12.7"),
        ("", "-x fd00:10:96::c07"),
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
