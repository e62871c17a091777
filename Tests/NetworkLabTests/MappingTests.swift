import Foundation
import Testing

/// Clusters that are the same inside, down to the addresses of their nodes, behind one relay that is no node of any: each
/// has outer addresses of its own, by which the office reaches it.
@Suite(.enabled(if: Lab.isPossible && Lab.has("nsenter", "unshare")), .serialized) struct MappingTests {
    @Test(arguments: [2, 5])
    func `a relay leads to clusters with the same addresses`(count: Int) throws {
        let lab = try Self.lab("map\(count)", count)
        let file = try lab.file("map.yaml", Self.configuration(count, source: "snat"))
        var passages: [Passage] = []
        for number in 1...count {
            passages.append(Passage("pc", "10.20\(number).1.7", from: "192.168.10.1"))
            passages.append(Passage("pc", "10.\(16 * number).0.10", port: 80, from: "192.168.10.1"))
        }
        try lab.expectRepair(by: file, on: ["gate"], of: passages) {
            // The relay's own processes, as a forwarder that asks the cluster's name servers.
            let own = (1...count).map { Probe(host: "gate", address: "10.20\($0).1.7") }
            for answer in try lab.probe(own) {
                #expect(answer.outcome.isWhole(from: ["192.168.10.1"]), "\(answer.probe): \(answer.outcome)")
            }
            try lab.expectRefusals([("pc", "10.201.1.7"), ("pc", "10.20\(count).1.7")])
            try lab.expectTransfers(
                over: ["gate upa\(count) n\(count) eth0", "gate eth0 pc eth0"], relays: ["gate"],
                [("pc", "p\(count)", "10.20\(count).1.7")])
            #expect(try lab.net("gate", "apply --config \(file)").code == 0)
        }
    }

    @Test func `sources can be kept, and a smaller MTU on either side is told to the other`() throws {
        let lab = try Self.lab("mapkeep", 2)
        let file = try lab.file("map.yaml", Self.configuration(2, source: "keep"))
        try lab.script("for n in n1 n2; do ip -n $P$n route add 172.16.0.0/18 via 192.168.10.1; done")
        let passages = [
            Passage("pc", "10.201.1.7", from: "172.16.0.100"), Passage("pc", "10.202.1.7", from: "172.16.0.100"),
            Passage("pc", "10.32.0.10", port: 80, from: "172.16.0.100"),
        ]
        try lab.expectRepair(by: file, on: ["gate"], of: passages) {
            // Without the clamp of segments, so that all depends on what ICMP tells.
            try lab.script("on gate nft delete chain inet namebridge clamp")
            for cable in ["gate upa1 n1 eth0", "gate upa2 n2 eth0", "gate eth0 pc eth0", "n1 calip1 p1 eth0"] {
                let set = "cable() { ip -n $P$1 link set $2 mtu $5; ip -n $P$3 link set $4 mtu $5; }; cable \(cable)"
                try lab.script("\(set) 1300")
                // What the relay itself says of packets to either cluster goes through that cluster's namespace.
                let (pod, address) = cable.contains("upa2") ? ("p2", "10.202.1.7") : ("p1", "10.201.1.7")
                #expect(lab.transfer(from: "pc", to: pod, at: address) == 50_000_000, "to the pod: \(cable)")
                #expect(lab.transfer(from: pod, to: "pc", at: "172.16.0.100") == 50_000_000, "from the pod: \(cable)")
                try lab.script("\(set) 1500")
            }
            #expect(try lab.net("gate", "apply --config \(file)").code == 0)
            // The other way: a pod that asks the office shows its outer address.
            let back = try lab.probe([Probe(host: "p2", address: "172.16.0.100")])
            #expect(back.allSatisfy { $0.outcome.isWhole(from: ["10.202.1.7"]) }, "\(back)")
        }
    }

    @Test func `what others take away is put back`() throws {
        let lab = try Self.lab("mapheal", 2)
        let file = try lab.file("map.yaml", Self.configuration(2, source: "snat"))
        let before = try lab.snapshot("gate")
        let agent = try RunningAgent(on: "gate", of: lab, file: file)
        let probe = Probe(host: "pc", address: "10.202.1.7")
        #expect(try lab.probe([probe]).allSatisfy(\.outcome.isWhole))
        for disturbance in [
            Disturbance("on gate ip netns del nb-c2", of: ""),
            Disturbance("on gate ip link del nb-c2", of: "link"),
            Disturbance("on gate nft flush ruleset", of: "nft rule"),
            Disturbance("on gate iptables -P FORWARD DROP", of: "iptables"),
            Disturbance("on gate iptables -F", of: "iptables"),
            Disturbance("on gate ip netns exec nb-c2 nft flush ruleset", of: "nb-c2: nft rule"),
            Disturbance("on gate ip netns exec nb-c2 nft flush chain inet namebridge prerouting", of: "nft rule"),
            Disturbance("on gate ip -n nb-c2 route flush table main", of: "route"),
            Disturbance("on gate ip -n nb-c2 addr flush dev nb0", of: "nb-c2: ip addr add"),
            Disturbance("on gate ip -n nb-c2 link set nb0 down", of: "nb-c2: ip link set dev nb0 up"),
            Disturbance("on gate ip -n nb-c2 link del nb0", of: "link"),
            Disturbance("on gate ip netns exec nb-c2 sysctl -qw net.ipv4.conf.all.forwarding=0", of: "sysctl"),
            Disturbance("on gate ip rule flush; on gate ip rule add lookup main priority 32766", of: "rule"),
            Disturbance("on gate ip route flush proto 78; on gate ip route flush table all proto 78", of: "route"),
        ] {
            try agent.heals(disturbance, lab, probe)
        }
        _ = try agent.end()
        #expect(try lab.net("gate", "remove").code == 0)
        #expect(try lab.snapshot("gate").contains("nb-c") == before.contains("nb-c"))
    }

    /// The relay is a node: kube-proxy's translation, strict filters and a firewall that drops are on the same host.
    @Test(arguments: ["iptables", "nft"]) func `a node with kube-proxy leads to outer addresses`(proxy: String) throws {
        let service =
            proxy == "iptables"
            ? "service n1 10.96.0.10 10.244.2.7; service n1 10.96.0.11 10.244.1.7\n"
            : """
            on n1 nft -f - <<END
            table ip kube-proxy {
                chain nat-prerouting {
                    type nat hook prerouting priority dstnat; policy accept;
                    ip daddr 10.96.0.10 tcp dport 80 dnat to 10.244.2.7:9400
                    ip daddr 10.96.0.10 udp dport 80 dnat to 10.244.2.7:9400
                    ip daddr 10.96.0.11 tcp dport 80 dnat to 10.244.1.7:9400
                    ip daddr 10.96.0.11 udp dport 80 dnat to 10.244.1.7:9400
                }
            }
            END

            """
        let lab = try Lab(
            "mapnode\(proxy)", hosts: ["pc", "n1", "n2", "p1", "p2"],
            script: """
                wire pc eth0 n1 lan; wire n1 eth0 n2 eth0
                address pc eth0 172.16.0.100/18; address n1 lan 172.16.0.5/18
                address n1 eth0 192.168.10.11/24; address n2 eth0 192.168.10.12/24
                ip -n ${P}pc route add default via 172.16.0.5
                for n in n1 n2; do on $n sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=1; done
                pod n1 p1 10.244.1.1 10.244.1.7; pod n2 p2 10.244.2.1 10.244.2.7
                ip -n ${P}n1 route add 10.244.2.0/24 via 192.168.10.12; ip -n ${P}n2 route add 10.244.1.0/24 via 192.168.10.11
                on n1 iptables -P FORWARD DROP; on n1 iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP
                for o in -s -d; do on n1 iptables -A FORWARD $o 10.244.0.0/16 -j ACCEPT; done

                """ + service, answering: ["p1", "p2"], nesting: ["n1"])
        let file = try lab.file("node.yaml", Self.nodeConfiguration)
        // A pod on the node itself sees the address of the device that leads to it.
        let (near, far) = ("10.244.1.1", "192.168.10.11")
        let passages = [
            Passage("pc", "10.200.1.7", from: near), Passage("pc", "10.200.2.7", from: far),
            Passage("pc", "10.208.0.10", port: 80, from: far), Passage("pc", "10.208.0.11", port: 80, from: near),
            // A pod that uses outer addresses of its own cluster, and the node itself.
            Passage("p1", "10.200.2.7", from: far), Passage("n1", "10.200.2.7", from: far),
        ]
        try lab.expectRepair(by: file, on: ["n1"], of: passages) {
            try lab.expectRefusals([("pc", "10.200.1.7"), ("pc", "10.200.2.7")])
            try lab.expectTransfers(
                over: ["pc eth0 n1 lan", "n1 eth0 n2 eth0"], relays: ["n1"], [("pc", "p2", "10.200.2.7")])
            #expect(try lab.net("n1", "apply --config \(file)").code == 0)
        }
    }

    /// No relay keeps anything that the other one needs: both translate alike, and what one has not seen begin goes on.
    @Test(arguments: ["keep", "map"])
    func `connections live on when the routes move to another relay, and back`(source: String) throws {
        // With kept sources the cluster has several ranges that differ from the outer ones in the same bits.
        let (lab, file) = try Self.twoRelays("mapover\(source)", source: source, isParted: source == "keep")
        let client = source == "map" ? "10.250.0.100" : "172.16.0.100"
        let passages = [Passage("pc", "10.200.1.7", from: client), Passage("p1", client, from: "10.200.1.7")]
        // Without the namespaces a kept client's answer finds its way, but no request the pod.
        let broken = source == "map" ? passages : [passages[0]]
        try lab.expectRepair(by: file, on: ["g1", "g2"], of: broken) {
            for answer in try lab.probe(passages.map(\.probe)) { #expect(answer.outcome.isWhole, "\(answer)") }
            try Self.expectLasting(lab, source: source)
            try lab.expectRefusals([("pc", "10.200.1.7"), ("p1", client)])
            let ways = [("pc", "p1", "10.200.1.7"), ("p1", "pc", client)]
            try lab.expectTransfers(over: ["n1 calip1 p1 eth0"], relays: ["g1", "g2"], ways)
            // The office's side of whichever carries: its router tells the client, the relay tells the pod.
            for relay in [1, 2] {
                try Self.lead(lab, by: relay, source: source)
                for way in ways {
                    try lab.expectTransfers(over: ["rt g\(relay) g\(relay) lan"], relays: ["g1", "g2"], [way])
                    let known = try lab.on(way.0, "ip route get \(way.2)").output
                    #expect(known.contains("mtu 1300"), "relay \(relay), \(way.0): \(known)")
                }
            }
            for relay in ["g1", "g2"] { #expect(try lab.net(relay, "apply --config \(file)").code == 0) }
        }
    }

    /// To connection tracking, packets of connections that the other relay has begun are INVALID.
    @Test func `a firewall that drops INVALID packets is named, and its remedy lets connections live on`() throws {
        let (lab, file) = try Self.twoRelays("mapinvalid")
        for relay in ["g1", "g2"] {
            try lab.script("on \(relay) iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP")
            #expect(try lab.net(relay, "apply --config \(file)").code == 0)
            let status = try lab.net(relay, "status --config \(file)")
            #expect(status.code == 1 && status.output.contains("drops INVALID packets"), "\(status.output)")
            let plan = try lab.net(relay, "plan --config \(file)").output
            let lines = plan.split(separator: "\n").filter { $0.contains(" -j CT --notrack") }.map { $0.dropFirst(4) }
            #expect(lines.count == 4, "\(plan)")
            try lab.script(lines.map { "on \(relay) \($0)\n" }.joined())
            let after = try lab.net(relay, "status --config \(file)")
            #expect(after.code == 0, "\(after.output)")
        }
        try Self.expectLasting(lab)
    }

    /// Connections of either end live on whichever relay carries them, whichever end speaks first, also after relays have
    /// forgotten them, as after a long silence; so do datagrams.
    private static func expectLasting(_ lab: Lab, source: String = "keep") throws {
        let (pc, p1) = (lab.space(of: "pc"), lab.space(of: "p1"))
        let client = source == "map" ? "10.250.0.100" : "172.16.0.100"
        let opened = try HeldConnections(from: pc, to: p1, address: "10.200.1.7")
        let coming = try HeldConnections(from: p1, to: pc, address: client, port: 9601)
        let stream = try Stream(from: pc, to: p1, address: "10.200.1.7")
        let back = try Stream(from: p1, to: pc, address: client)
        let all = [("office", opened), ("pod", coming)]
        for (end, held) in all { #expect(held.exchange(serverFirst: false) == HeldConnections.count, "from the \(end)") }
        for (relay, serverFirst, isIdle) in [(2, false, false), (1, true, false), (2, true, true), (1, false, true)] {
            try lead(lab, by: relay, source: source)
            for relay in isIdle ? ["g1", "g2"] : [] {
                for space in ["", "ip netns exec nb-prod "] { _ = try lab.on(relay, "\(space)conntrack -F") }
            }
            for (end, held) in all {
                let alive = held.exchange(serverFirst: serverFirst)
                #expect(
                    alive == HeldConnections.count, "\(source), relay \(relay), from the \(end), server first: \(serverFirst)")
            }
            for stream in [stream, back] { try lab.waits(for: stream) }
        }
    }

    /// Leads packets both ways by one of two relays.
    private static func lead(_ lab: Lab, by relay: Int, source: String) throws {
        try lab.script(
            """
            ip -n ${P}rt route replace 10.200.0.0/16 via 172.16.\(relay).1
            ip -n ${P}n1 route replace \(source == "map" ? "10.250.0.0/18" : "172.16.0.0/18") via 192.168.10.\(relay)
            """)
    }

    /// An office and a cluster between two relays that keep sources, with routes by the first one.
    ///
    /// ```
    /// pc --- rt --- lan g1 dmz --- wan --- n1 --- p1
    ///           --- lan g2 dmz ---
    /// ```
    ///
    /// - Parameter isParted: Pods have two ranges that cannot be joined.
    private static func twoRelays(
        _ name: String, source: String = "keep", isParted: Bool = false
    ) throws -> (lab: Lab, file: String) {
        let isMapped = source == "map"
        let map =
            isParted ? "10.244.1.0/24: 10.200.1.0/24, 10.244.4.0/24: 10.200.4.0/24" : "10.244.0.0/16: 10.200.0.0/16"
        let lab = try Lab(
            name, hosts: ["pc", "rt", "g1", "g2", "wan", "n1", "p1"],
            script: """
                wire pc eth0 rt eth0; address pc eth0 172.16.0.100/24; address rt eth0 172.16.0.254/24
                ip -n ${P}pc route add default via 172.16.0.254; on rt sysctl -qw net.ipv4.ip_forward=1
                ip -n ${P}wan link add br0 type bridge; ip -n ${P}wan link set br0 up
                port() { wire $1 $2 $3 $1; ip -n $P$3 link set $1 master br0; }
                for i in 1 2; do
                    wire rt g$i g$i lan; address rt g$i 172.16.$i.254/24; address g$i lan 172.16.$i.1/24
                    port g$i dmz wan; address g$i dmz 192.168.10.$i/24
                    ip -n ${P}g$i route add 172.16.0.0/18 via 172.16.$i.254
                done
                port n1 eth0 wan; address n1 eth0 192.168.10.11/24
                pod n1 p1 10.244.1.1 10.244.1.7; on n1 sysctl -qw net.ipv4.ip_forward=1

                """, answering: ["pc", "p1"], nesting: ["g1", "g2"])
        try lead(lab, by: 1, source: source)
        let file = try lab.file(
            "over.yaml",
            """
            clusters:
              prod:
                pods: [10.244.0.0/16]
                map: { \(map) }
                cni: flannel-host-gw
                nodes: { n1: { address: 192.168.10.11, pods: [10.244.1.0/24] } }
            sites:
              office:
                networks: [172.16.0.0/18]
                router: 172.16.0.254
                \(isMapped ? "map: { 172.16.0.0/18: 10.250.0.0/18 }" : "")
                hosts: { g1: { address: [172.16.1.1, 192.168.10.1] }, g2: { address: [172.16.2.1, 192.168.10.2] } }
            paths:
              - { from: office, to: prod, via: relay, relays: [g1, g2], source: \(source) }

            """)
        return (lab, file)
    }

    static func lab(_ name: String, _ count: Int) throws -> Lab {
        let numbers = Array(1...count)
        return try Lab(
            name, hosts: ["pc", "gate"] + numbers.flatMap { ["n\($0)", "p\($0)"] },
            script: """
                wire pc eth0 gate eth0
                address pc eth0 172.16.0.100/18; address gate eth0 172.16.0.5/18
                ip -n ${P}pc route add default via 172.16.0.5

                """
                    + numbers.map {
                        """
                        wire gate upa\($0) n\($0) eth0
                        address gate upa\($0) 192.168.10.1/24; address n\($0) eth0 192.168.10.11/24
                        on n\($0) sysctl -qw net.ipv4.ip_forward=1
                        pod n\($0) p\($0) 10.244.1.1 10.244.1.7; service n\($0) 10.96.0.10 10.244.1.7

                        """
                    }.joined(),
            answering: ["pc"] + numbers.map { "p\($0)" }, nesting: ["gate"])
    }

    static func configuration(_ count: Int, source: String) -> String {
        let numbers = 1...count
        let clusters = numbers.map {
            """
              c\($0):
                dns: [10.96.0.10]
                pods: [10.244.0.0/16]
                services: [10.96.0.0/16]
                map: { 10.244.0.0/16: 10.20\($0).0.0/16, 10.96.0.0/16: 10.\(16 * $0).0.0/16 }
                cni: flannel-host-gw
                nodes:
                  n1: { address: 192.168.10.11, pods: [10.244.1.0/24] }

            """
        }.joined()
        let paths = numbers.map {
            "  - { from: office, to: c\($0), via: relay, relays: [{ host: gate, uplink: upa\($0) }], source: \(source) }\n"
        }.joined()
        return """
            clusters:
            \(clusters)
            sites:
              office: { networks: [172.16.0.0/18], router: 172.16.0.1, hosts: { gate: { address: [172.16.0.5, 192.168.10.1] } } }
            paths:
            \(paths)
            """
    }

    private static let nodeConfiguration = """
        clusters:
          prod:
            dns: [10.96.0.10]
            pods: [10.244.0.0/16]
            services: [10.96.0.0/16]
            map: { 10.244.0.0/16: 10.200.0.0/16, 10.96.0.0/16: 10.208.0.0/16 }
            cni: flannel-host-gw
            nodes:
              n1: { address: 192.168.10.11, pods: [10.244.1.0/24] }
              n2: { address: 192.168.10.12, pods: [10.244.2.0/24] }
        sites:
          office: { networks: [172.16.0.0/18], router: 172.16.0.1 }
        paths:
          - { from: office, to: prod, via: relay, relays: [n1], source: snat }

        """
}
