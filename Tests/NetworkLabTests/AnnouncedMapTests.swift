import Foundation
import Testing

/// A relay that is announced by BGP, before a cluster with outer addresses in both families. BIRD announces a prefix from its
/// table whatever the main table has; FRR imports tables of IPv4 alone, as its rendered file says.
@Suite(.enabled(if: Lab.isPossible && Lab.has("nsenter", "unshare", "bird")), .serialized) struct AnnouncedMapTests {
    @Test func `BIRD announces the outer ranges of both families, and packets come by them`() throws {
        let lab = try Lab(
            "fbird", hosts: ["pc", "r", "gate", "n1", "p1"],
            script: """
                wire pc eth0 r eth0; wire r lan gate lan; wire gate wan n1 eth0
                address pc eth0 172.16.0.100/24 fd00:16::100/64; address r eth0 172.16.0.1/24 fd00:16::1/64
                ip -n ${P}pc route add default via 172.16.0.1; ip -n ${P}pc -6 route add default via fd00:16::1
                address r lan 10.14.0.1/24 fd00:14::1/64; address gate lan 10.14.0.61/24 fd00:14::61/64
                address gate wan 192.168.10.1/24 fd00:10::1/64; address n1 eth0 192.168.10.11/24 fd00:10::11/64
                for h in r n1; do on $h sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; done
                ip -n ${P}gate route add 172.16.0.0/18 via 10.14.0.1; ip -n ${P}gate -6 route add fd00:16::/64 via fd00:14::1
                pod n1 p1 10.244.1.1 10.244.1.7 fd00:244:1::1 fd00:244:1::7

                """, answering: ["p1"], nesting: ["gate"])
        let file = try lab.file("bgp.yaml", Self.configuration)
        let agent = try RunningAgent(on: "gate", of: lab, file: file)
        try agent.waits(for: "path announced", lab)
        for host in ["gate", "r"] {
            let rendered = try lab.net("pc", "render --config \(file) --host office/\(host) --format bird")
            #expect(rendered.code == 0, "\(rendered.output)")
            try lab.startDaemon("bird", on: host, try lab.file("\(host).conf", rendered.output))
        }
        try lab.waitsForRoute(via: "10.14.0.61", to: "10.201.0.0/16")
        try lab.waitsForRoute(via: "fd00:14::61", to: "fd00:201::/32")
        for answer in try lab.probe(["10.201.1.7", "fd00:201:1::7"].map { Probe(host: "pc", address: $0) }) {
            #expect(answer.outcome.isWhole, "\(answer)")
        }
        #expect(try agent.end().contains("stopped"))
        try lab.waitsForRoute(via: nil, to: "10.201.0.0/16")
        try lab.waitsForRoute(via: nil, to: "fd00:201::/32")
    }

    private static let configuration = """
        clusters:
          prod:
            pods: [10.244.0.0/16, "fd00:244::/32"]
            map: { 10.244.0.0/16: 10.201.0.0/16, "fd00:244::/32": "fd00:201::/32" }
            cni: flannel-host-gw
            nodes:
              n1: { address: [192.168.10.11, "fd00:10::11"], pods: [10.244.1.0/24, "fd00:244:1::/48"] }
        sites:
          office:
            networks: [172.16.0.0/18, "fd00:16::/64"]
            router: [172.16.0.1, "fd00:16::1"]
            hosts:
              r: { address: [172.16.0.1, 10.14.0.1, "fd00:16::1", "fd00:14::1"] }
              gate: { address: [10.14.0.61, 192.168.10.1, "fd00:14::61", "fd00:10::1"] }
        paths:
          - from: office
            to: prod
            via: relay
            relays: [gate]
            source: snat
            failover: bgp
            probe: { targets: ["10.201.1.7:\(ProbeSockets.port)"] }

        """
}
