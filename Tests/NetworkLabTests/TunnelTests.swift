import Testing

/// An office behind a tunnel that asks for services of a managed cluster, whose pods answer by an interface of their
/// own, straight to the tunnel's end: the cloud drops answers to questions that it has not seen.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct TunnelTests {
    static let hosts = ["pc", "tun", "vpn", "vpc", "node1", "node2", "p1", "p2"]

    /// Direct ways, and the service whose pod is on the node that packets come in by, work before; the other one not.
    private static let passages = [
        Passage("pc", "10.10.64.10", before: "192.168.40.100", from: "192.168.40.100"),
        Passage("pc", "10.10.65.10", before: "192.168.40.100", from: "192.168.40.100"),
        Passage("pc", "10.20.0.101", port: 80, before: "192.168.40.100", from: "10.10.64.1"),
        Passage("pc", "10.20.0.102", port: 80, from: "10.10.0.11"),
    ]

    @Test func `half of the services fail, and all work once the relay hides the clients`() throws {
        let lab = try Lab("four", hosts: Self.hosts, script: Self.script, answering: ["p1", "p2"])
        let file = try lab.file("vpn.yaml", Self.configuration(source: "snat"))
        try lab.expectRepair(by: file, on: ["node1", "node2", "vpn"], of: Self.passages) {
            #expect(lab.transfer(from: "pc", to: "p2", at: "10.10.65.10") == 50_000_000)
        }
    }

    /// As kube-proxy does with masquerade-all: what it translates gets the node's address as source, so that pods see their
    /// clients and services work all the same. The office's gateway needs no change.
    @Test(arguments: [false, true])
    func `with masquerade-all the clients' addresses can be kept`(isHostile: Bool) throws {
        let lab = try Lab(
            "fourall\(isHostile)", hosts: Self.hosts,
            script: Self.script + Self.masqueradeAll + (isHostile ? Self.strangers : ""), answering: ["p1", "p2"])
        let text = Self.configuration(source: "keep").replacing("masquerade-all: false", with: "masquerade-all: true")
        let file = try lab.file("vpn.yaml", text)
        let before = try ["node1", "node2", "vpn"].map { try lab.snapshot($0) }
        for host in ["node1", "node2", "vpn"] {
            let result = try lab.net(host, "apply --config \(file)")
            #expect(result.code == 0, "\(host): \(result.output)")
        }
        for (passage, answer) in zip(Self.keptPassages, try lab.probe(Self.keptPassages.map(\.probe))) {
            #expect(answer.outcome.isWhole(from: passage.sources), "\(answer.probe) from \(passage.sources): \(answer.outcome)")
        }
        for host in ["node1", "node2", "vpn"] {
            let status = try lab.net(host, "status --config \(file)")
            #expect(status.code == 0, "\(host): \(status.output)")
            #expect(try lab.net(host, "remove").code == 0)
        }
        #expect(try ["node1", "node2", "vpn"].map { try lab.snapshot($0) } == before)
    }

    /// Pods see the clients themselves; behind services they see the node that the request came in by, by the address of
    /// the device that leads to the pod.
    private static let keptPassages = [
        Passage("pc", "10.10.64.10", from: "192.168.40.100"), Passage("pc", "10.10.65.10", from: "192.168.40.100"),
        Passage("pc", "10.20.0.101", port: 80, from: "10.10.64.1"),
        Passage("pc", "10.20.0.102", port: 80, from: "10.10.0.11"),
    ]

    static let masqueradeAll = """
        for h in node1 node2; do
            on $h iptables -t nat -N KUBE-POSTROUTING; on $h iptables -t nat -A POSTROUTING -j KUBE-POSTROUTING
            on $h iptables -t nat -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
            on $h iptables -t nat -A KUBE-POSTROUTING -j MASQUERADE
            on $h iptables -t nat -I PREROUTING -d 10.20.0.0/16 -j MARK --set-xmark 0x4000/0x4000
        done

        """

    /// A firewall that drops on each of the hosts, with docker's chains, and rules and routes of others.
    private static let strangers = """
        for h in node1 node2 vpn; do
            on $h iptables -P FORWARD DROP
            on $h iptables -N DOCKER-USER; on $h iptables -A DOCKER-USER -j RETURN; on $h iptables -A FORWARD -j DOCKER-USER
            on $h iptables -A FORWARD -i cali+ -j ACCEPT; on $h iptables -A FORWARD -o cali+ -j ACCEPT
            on $h iptables -t nat -A POSTROUTING -s 10.123.0.0/16 ! -o docker0 -j MASQUERADE
            on $h ip rule add from 10.99.0.0/16 lookup 99 priority 1000
            on $h ip route add 10.98.0.0/16 dev eth0 proto static
        done

        """

    /// The planner knows what would come of it, and says which field of kube-proxy it takes.
    @Test func `keeping the clients' addresses is refused with the field that is missing`() throws {
        let lab = try Lab("fourkeep", hosts: ["node1"], script: "wire node1 eth0 node1 other; address node1 eth0 10.10.0.11/24")
        let file = try lab.file("vpn.yaml", Self.configuration(source: "keep"))
        let before = try lab.snapshot("node1")
        let result = try lab.net("node1", "apply --config \(file)")
        #expect(result.code == 1 && result.output.contains("iptables.masqueradeAll: true"), "\(result.output)")
        #expect(try lab.snapshot("node1") == before)
    }

    static let script = """
        wire pc eth0 tun lan; address pc eth0 192.168.40.100/22; address tun lan 192.168.40.2/22
        ip -n ${P}pc route add default via 192.168.40.2
        wire tun wan vpn ipsec; address tun wan 10.254.0.1/30; address vpn ipsec 10.254.0.2/30
        ip -n ${P}tun route add default via 10.254.0.2; ip -n ${P}vpn route add 192.168.40.0/22 via 10.254.0.1
        wire vpn eth0 vpc vpn; address vpc vpn 10.10.32.1/24; address vpn eth0 10.10.32.5/24
        ip -n ${P}vpn route add default via 10.10.32.1; forward tun lan wan; forward vpn eth0 ipsec
        ip -n ${P}vpc link add br0 type bridge; ip -n ${P}vpc link set br0 up; address vpc br0 10.10.0.1/24
        for i in 1 2; do
            wire node$i eth0 vpc node$i; ip -n ${P}vpc link set node$i master br0; address node$i eth0 10.10.0.1$i/24
            ip -n ${P}node$i route add default via 10.10.0.1; on node$i sysctl -qw net.ipv4.ip_forward=1
            pod node$i p$i 10.10.6$((3+i)).1 10.10.6$((3+i)).10
            # The pods' own interface: what they send goes to the cloud there, not by the node's main one.
            wire node$i pods vpc pods$i; address node$i pods 10.10.7$i.1/24; address vpc pods$i 10.10.7$i.2/24
            on node$i ip rule add iif calip$i lookup 100
            ip -n ${P}node$i route add default via 10.10.7$i.2 dev pods table 100
            ip -n ${P}node$i route add 10.10.6$((3+i)).10 dev calip$i table 100
            forward node$i pods; ip -n ${P}vpc route add 10.10.6$((3+i)).0/24 via 10.10.7$i.1
            for b in 1 2; do service node$i 10.20.0.10$b 10.10.6$((3+b)).10; done
        done
        forward vpc vpn br0 pods1 pods2
        # The cloud: the routes that its tables have, and no answers to questions that it has not seen.
        ip -n ${P}vpc route add 192.168.40.0/22 via 10.10.32.5; ip -n ${P}vpc route add 10.20.0.0/16 via 10.10.0.11
        on vpc sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0
        on vpc nft 'add table inet cloud'
        on vpc nft 'add chain inet cloud forward { type filter hook forward priority 0; }'
        on vpc nft 'add rule inet cloud forward ct state invalid drop'

        """

    static func configuration(source: String) -> String {
        """
        clusters:
          shop:
            pods: [10.10.64.0/18]
            services: [10.20.0.0/16]
            cni: vpc
            kube-proxy: { mode: iptables, masquerade-all: false }
            nodes:
              node1: { address: 10.10.0.11, pods: [10.10.64.0/24] }
              node2: { address: 10.10.0.12, pods: [10.10.65.0/24] }
            hosts:
              vpn: { address: 10.10.32.5 }
            subnets:
              nodes: { networks: [10.10.0.0/24], route-table: rt-nodes }
              pods: { networks: [10.10.64.0/18], route-table: rt-pods }
              nat: { networks: [10.10.32.0/24], route-table: rt-nat }
        sites:
          shanghai: { networks: [192.168.40.0/22], router: 192.168.40.1 }
        paths:
          - { from: shanghai, to: shop, via: relay, relays: [node1], endpoint: vpn, source: \(source) }

        """
    }
}
