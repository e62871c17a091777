import Foundation
import Testing

/// Two clusters with the same addresses that reach each other through a relay: each sees the other's outer addresses, as
/// destinations and as sources.
@Suite(.enabled(if: Lab.isPossible && Lab.has("nsenter", "unshare")), .serialized) struct ClusterToClusterTests {
    private static let changed = ["gate", "n1", "n2"]

    @Test func `each pod has one outer address, as source and as destination`() throws {
        let lab = try EqualClusters.lab("c2c", masquerading: true)
        let file = try lab.file("c2c.yaml", EqualClusters.configuration(EqualClusters.mutualPaths(source: "map")))
        let passages = [
            Passage("p1", "10.202.1.7", from: "10.201.1.7"), Passage("p2", "10.201.1.7", from: "10.202.1.7"),
            Passage("p1", "fd00:202:1::7", from: "fd00:201:1::7"), Passage("p2", "fd00:201:1::7", from: "fd00:202:1::7"),
            // The node translates for services, so that answers come back by it.
            Passage("p1", "10.32.0.10", port: 80, from: "10.244.1.1"),
            Passage("p2", "fd00:961::a", port: 80, from: "fd00:244:1::1"),
            // What runs on nodes has no outer address: it is seen as the relay, and so is the relay itself.
            Passage("n1", "10.202.1.7", from: "192.168.10.1"), Passage("n2", "fd00:201:1::7", from: "fd00:10::1"),
            Passage("gate", "10.201.1.7", from: "192.168.10.1"), Passage("gate", "fd00:202:1::7", from: "fd00:10::1"),
        ]
        try lab.expectRepair(by: file, on: Self.changed, of: passages) {
            try Self.expectLargeTransfers(lab)
            // Rules of translation alone make no port, whichever end is asked.
            try lab.expectRefusals([("p1", "10.202.1.7"), ("p2", "10.201.1.7"), ("p1", "fd00:202:1::7")])
        }
    }

    private static func expectLargeTransfers(_ lab: Lab) throws {
        try lab.expectTransfers(
            over: ["gate upa1 n1 eth0", "gate upa2 n2 eth0", "n1 calip1 p1 eth0"], relays: changed,
            [("p1", "p2", "10.202.1.7"), ("p2", "p1", "10.201.1.7"), ("p1", "p2", "fd00:202:1::7")])
        for result in try lab.net(each: changed, "apply --config \(lab.path("c2c.yaml"))") {
            #expect(result.code == 0, "\(result.output)")
        }
    }

    @Test func `sources can be the relay's instead`() throws {
        let lab = try EqualClusters.lab("c2csnat", masquerading: true)
        let file = try lab.file("snat.yaml", EqualClusters.configuration(EqualClusters.mutualPaths(source: "snat")))
        let passages = [
            Passage("p1", "10.202.1.7", from: "192.168.10.1"), Passage("p2", "fd00:201:1::7", from: "fd00:10::1"),
            Passage("p2", "10.16.0.10", port: 80, from: "10.244.1.1"), Passage("n2", "10.201.1.7", from: "192.168.10.1"),
        ]
        try lab.expectRepair(by: file, on: Self.changed, of: passages) {
            #expect(lab.transfer(from: "p1", to: "p2", at: "10.202.1.7") == 50_000_000)
        }
    }

    /// One way alone, and the device into the near end is said by the path itself; the office uses both as well.
    @Test func `one path one way beside those of an office, with strict filters and a firewall that drops`() throws {
        let lab = try EqualClusters.lab("c2cone", masquerading: true)
        try lab.script(
            """
            on gate iptables -P FORWARD DROP; on gate ip6tables -P FORWARD DROP
            for h in gate n1 n2; do on $h sysctl -qw net.ipv4.conf.all.rp_filter=1; done
            """)
        let relay = "{ host: office/gate, uplink: upa2, near-uplink: upa1 }"
        let paths =
            EqualClusters.officePaths(source: "snat")
            + "  - { from: c1, to: c2, via: relay, source: map, relays: [\(relay)] }\n"
        let file = try lab.file("one.yaml", EqualClusters.configuration(paths))
        let passages = [
            Passage("p1", "10.202.1.7", from: "10.201.1.7"), Passage("p1", "fd00:202:1::7", from: "fd00:201:1::7"),
            Passage("p1", "10.32.0.10", port: 80, from: "10.244.1.1"),
            Passage("pc", "10.201.1.7", from: "192.168.10.1"), Passage("pc", "fd00:202:1::7", from: "fd00:10::1"),
        ]
        try lab.expectRepair(by: file, on: Self.changed, of: passages) {
            #expect(lab.transfer(from: "p1", to: "p2", at: "10.202.1.7") == 50_000_000)
        }
    }
}
