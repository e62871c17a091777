import Foundation
import Testing

/// Two clusters with the same addresses and a third one, joined by a segment of their own. Pods of the first two have
/// outer addresses alone for all others, and each node's own translation (kube-proxy's, and that of pods' sources) stays.
///
/// ```
/// p1 - n1 ┐                c1: pods 10.244.0.0/16, outside 10.201.0.0/16
/// p2 - n2 ┤ net ┬ n4 - p4  c3: pods 10.100.0.0/16
/// p3 - n3 ┘                c2: pods 10.244.0.0/16, outside 10.202.0.0/16
/// ```
@Suite(.enabled(if: Lab.isPossible && Lab.has("nsenter", "unshare")), .serialized) struct MappedMeshTests {
    private static let nodes = ["n1", "n2", "n3", "n4"]

    @Test func `pods of clusters with the same addresses reach each other, and services`() throws {
        let lab = try Self.lab("mapmesh")
        let file = try lab.file("mesh.yaml", Self.configuration)
        let passages = [
            // The same inner address at both ends.
            Passage("p1", "10.202.1.7", from: "10.201.1.7"), Passage("p3", "10.201.1.7", from: "10.202.1.7"),
            Passage("p2", "10.202.1.7", from: "10.201.2.7"), Passage("p3", "10.201.2.7", from: "10.202.1.7"),
            Passage("p1", "fd00:202:1::7", from: "fd00:201:1::7"), Passage("p3", "fd00:201:2::7", from: "fd00:202:1::7"),
            // A cluster without a map.
            Passage("p1", "10.100.1.7", from: "10.201.1.7"), Passage("p4", "10.201.2.7", from: "10.100.1.7"),
            Passage("p4", "fd00:202:1::7", from: "fd00:100:1::7"), Passage("p3", "fd00:100:1::7", from: "fd00:202:1::7"),
            // Services, by one of the nodes: the pod is on it, or on another one.
            Passage("p3", "10.16.0.10", port: 80, from: "10.244.2.1", "192.168.0.11"),
            Passage("p4", "10.16.0.10", port: 80, from: "10.244.2.1", "192.168.0.11"),
            Passage("p1", "10.32.0.10", port: 80, from: "10.244.1.1"),
            Passage("p2", "10.101.0.10", port: 80, from: "10.100.1.1"),
            // What runs on nodes has their addresses in the segment.
            Passage("n1", "10.202.1.7", from: "100.127.0.11"), Passage("n4", "10.202.1.7", from: "100.127.0.14"),
            Passage("n3", "10.100.1.7", from: "100.127.0.13"),
            // Outer addresses of the own cluster.
            Passage("p1", "10.201.2.7", from: "192.168.0.11"), Passage("n1", "10.201.2.7", from: "192.168.0.11"),
        ]
        try lab.expectRepair(by: file, on: Self.nodes, of: passages) {
            #expect(lab.transfer(from: "p1", to: "p3", at: "10.202.1.7") == 50_000_000)
            #expect(lab.transfer(from: "p3", to: "p2", at: "fd00:201:2::7") == 50_000_000)
            // A pod with a smaller MTU is told of by ICMP, through both translations.
            try lab.script("ip -n ${P}n3 link set calip3 mtu 1290; ip -n ${P}p3 link set eth0 mtu 1290")
            #expect(lab.transfer(from: "p1", to: "p3", at: "10.202.1.7") == 50_000_000)
            #expect(lab.transfer(from: "p3", to: "p4", at: "10.100.1.7") == 50_000_000)
            try lab.script("ip -n ${P}n3 link set calip3 mtu 1500; ip -n ${P}p3 link set eth0 mtu 1500")
            try lab.expectRefusals([("p1", "10.202.1.7"), ("p3", "10.100.1.7"), ("p1", "fd00:202:1::7")])
        }
    }

    /// Each form of the segment is made from the other, and what is damaged inside of the namespace is put back.
    @Test func `a segment moves into the namespace and out of it, and is mended there`() throws {
        let lab = try Self.lab("mapmove")
        let file = try lab.file("mesh.yaml", Self.configuration)
        // c1 and c3 alone, whose addresses differ, without a map.
        let plain = try lab.file(
            "plain.yaml",
            Self.configuration.replacing("between: [c1, c2, c3]", with: "between: [c1, c3]")
                .replacing("via: vxlan,", with: "via: vxlan, map: false,"))
        let before = try lab.snapshot("n1")
        for (name, source, target) in [("plain", "10.244.1.7", "10.100.1.7"), ("mesh", "10.201.1.7", "10.100.1.7")] {
            for round in 1...2 {
                let chosen = name == "plain" ? plain : file
                for result in try lab.net(each: ["n1", "n4"], "apply --config \(chosen)") {
                    #expect(result.code == 0, "\(name) \(round): \(result.output)")
                }
                let answers = try lab.probe([Probe(host: "p1", address: target)])
                #expect(answers[0].outcome.isWhole(from: [source]), "\(name): \(answers[0])")
            }
        }
        for damage in [
            "ip -n nb-c1 link del nbvx7", "ip -n nb-c1 neigh flush dev nbvx7 nud permanent",
            "bridge -n nb-c1 fdb del 02:6e:c0:a8:00:0e dev nbvx7 dst 192.168.0.14 self", "ip -n nb-c1 link set nbvx7 down",
            "ip -n nb-c1 route flush table main", "ip netns del nb-c1", "nft flush ruleset",
        ] {
            _ = try lab.on("n1", damage)
            let status = try lab.net("n1", "status --config \(file)")
            #expect(status.code == 1, "\(damage): \(status.output)")
            let result = try lab.net("n1", "apply --config \(file)")
            #expect(result.code == 0, "\(damage): \(result.output)")
            let answers = try lab.probe([Probe(host: "p1", address: "10.100.1.7"), Probe(host: "p4", address: "10.201.1.7")])
            for answer in answers { #expect(answer.outcome.isWhole, "\(damage): \(answer)") }
        }
        #expect(try lab.net("n1", "apply --config \(plain)").code == 0)
        #expect(try lab.net("n1", "remove").code == 0)
        // What the flush took away besides is not ours.
        let left = try lab.snapshot("n1")
        #expect(!left.contains("nbvx7") && !left.contains("nb-c1") && !left.contains("proto 78"), "\(before)\n\(left)")
    }

    /// What is inside of the namespace, and what leads there, is put back by an agent, whichever of them is taken away.
    @Test func `an agent mends a segment inside of the namespace`() throws {
        let lab = try Self.lab("mapmend")
        let file = try lab.file("mesh.yaml", Self.configuration)
        #expect(try lab.net("n4", "apply --config \(file)").code == 0)
        let agent = try RunningAgent(on: "n1", of: lab, file: file)
        let probe = Probe(host: "p1", address: "10.100.1.7")
        let inside = [
            Disturbance("on n1 ip netns del nb-c1", of: ""),
            Disturbance("on n1 ip -n nb-c1 link del nbvx7", of: "nb-c1: ip link"),
            Disturbance("on n1 ip -n nb-c1 neigh flush dev nbvx7 nud permanent", of: "nb-c1: "),
            Disturbance("on n1 bridge -n nb-c1 fdb del 02:6e:c0:a8:00:0e dev nbvx7 dst 192.168.0.14 self", of: "nb-c1: "),
            Disturbance("on n1 ip netns exec nb-c1 nft flush ruleset", of: "nb-c1: nft rule"),
        ]
        // What leads there, as on every relay.
        let outside = [
            Disturbance("on n1 ip link del nb-c1", of: "link"),
            Disturbance("on n1 ip -n nb-c1 link set nbvx7 down", of: "nb-c1: ip link"),
            Disturbance("on n1 nft flush ruleset", of: "nft rule"), Disturbance("on n1 iptables -P FORWARD DROP", of: "iptables"),
            Disturbance("on n1 iptables -F", of: "iptables"),
        ]
        let isWhole = ProcessInfo.processInfo.environment["NAMEBRIDGE_EVERY_STEP"] != nil
        for disturbance in inside + (isWhole ? outside : []) {
            try agent.heals(disturbance, lab, probe)
        }
        _ = try agent.end()
        let status = try lab.net("n1", "status --config \(file)")
        #expect(status.code == 0, "\(status.output)")
        #expect(try lab.net("n1", "remove").code == 0)
        #expect(try !lab.snapshot("n1").contains("nb-c1"))
    }

    private static func lab(_ name: String) throws -> Lab {
        try Lab(
            name, hosts: ["net"] + nodes + (1...4).map { "p\($0)" },
            script: """
                ip -n ${P}net link add br0 type bridge mcast_snooping 0; ip -n ${P}net link set br0 up
                for i in 1 2 3 4; do
                    wire n$i eth0 net n$i; ip -n ${P}net link set n$i master br0
                    address n$i eth0 192.168.0.1$i/24
                    on n$i sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=1
                done
                pod n1 p1 10.244.1.1 10.244.1.7 fd00:244:1::1 fd00:244:1::7
                pod n2 p2 10.244.2.1 10.244.2.7 fd00:244:2::1 fd00:244:2::7
                pod n3 p3 10.244.1.1 10.244.1.7 fd00:244:1::1 fd00:244:1::7
                pod n4 p4 10.100.1.1 10.100.1.7 fd00:100:1::1 fd00:100:1::7
                ip -n ${P}n1 route add 10.244.2.0/24 via 192.168.0.12; ip -n ${P}n2 route add 10.244.1.0/24 via 192.168.0.11
                service n1 10.96.0.10 10.244.2.7; service n2 10.96.0.10 10.244.2.7
                service n3 10.96.0.10 10.244.1.7; service n4 10.101.0.10 10.100.1.7
                # natOutgoing
                for i in 1 2 3; do
                    on n$i iptables -t nat -A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE --random-fully
                    on n$i ip6tables -t nat -A POSTROUTING -s fd00:244::/32 ! -d fd00:244::/32 -j MASQUERADE
                done
                on n4 iptables -t nat -A POSTROUTING -s 10.100.0.0/16 ! -d 10.100.0.0/16 -j MASQUERADE --random-fully
                on n4 ip6tables -t nat -A POSTROUTING -s fd00:100::/32 ! -d fd00:100::/32 -j MASQUERADE

                """, answering: (1...4).map { "p\($0)" }, nesting: ["n1", "n2", "n3"])
    }

    private static let configuration = """
        clusters:
          c1:
            dns: [10.96.0.10]
            pods: [10.244.0.0/16, "fd00:244::/32"]
            services: [10.96.0.0/16]
            map: { 10.244.0.0/16: 10.201.0.0/16, 10.96.0.0/16: 10.16.0.0/16, "fd00:244::/32": "fd00:201::/32" }
            cni: calico-bgp
            nodes:
              n1: { address: 192.168.0.11, pods: [10.244.1.0/24, "fd00:244:1::/48"] }
              n2: { address: 192.168.0.12, pods: [10.244.2.0/24, "fd00:244:2::/48"] }
          c2:
            dns: [10.96.0.10]
            pods: [10.244.0.0/16, "fd00:244::/32"]
            services: [10.96.0.0/16]
            map: { 10.244.0.0/16: 10.202.0.0/16, 10.96.0.0/16: 10.32.0.0/16, "fd00:244::/32": "fd00:202::/32" }
            cni: flannel-host-gw
            nodes: { n3: { address: 192.168.0.13, pods: [10.244.1.0/24, "fd00:244:1::/48"] } }
          c3:
            dns: [10.101.0.10]
            pods: [10.100.0.0/16, "fd00:100::/32"]
            services: [10.101.0.0/16]
            cni: calico-bgp
            nodes: { n4: { address: 192.168.0.14, pods: [10.100.1.0/24, "fd00:100:1::/48"] } }
        paths:
          - { between: [c1, c2, c3], via: vxlan, vxlan: { id: 7, network: 100.127.0.0/24 } }

        """
}
