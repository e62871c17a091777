import Testing

/// An office that reaches the pods and services of a cluster through a relay, on hosts that others use as well: docker,
/// kube-proxy and hands have left rules there, and the firewall drops what it does not know.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct OfficeTests {
    static let hosts = ["pc", "router", "master1", "node3", "relay1", "p1", "p3"]
    private static let passages = [
        Passage("pc", "172.17.33.10", from: "172.17.14.60"), Passage("pc", "172.17.54.10", from: "172.17.14.60"),
        // The relay hides the office, and the node that translates hides the relay: the answer comes back through both.
        Passage("pc", "172.17.24.229", port: 80, from: "172.17.33.0"),
        // Behind this one is an address of a node: no rule for the pods' prefixes would see it.
        Passage("pc", "172.17.24.230", port: 80, from: "172.17.14.11", "172.17.14.60"),
    ]

    @Test(arguments: [false, true])
    func `a relay brings the office to pods and services, and takes nothing along`(isHostile: Bool) throws {
        let lab = try Lab(
            "o\(isHostile)", hosts: Self.hosts, script: Self.script + (isHostile ? Self.strangers : ""),
            answering: ["p1", "p3", "node3"])
        let file = try lab.file("office.yaml", Self.configuration)
        try lab.expectRepair(by: file, on: ["relay1", "master1", "node3"], of: Self.passages) {
            let status = try lab.net("relay1", "status --config \(file)")
            let unused = status.output.contains(" 0 packets, 0 octets  # path office -> prod via relay1\nrule")
            #expect(status.code == 0 && !unused, "\(status.output)")
        }
    }

    /// What is rendered for those who type it themselves brings the same about, and twice is as good as once.
    @Test func `the rendered script does what an apply does`() throws {
        let lab = try Lab("oshell", hosts: Self.hosts, script: Self.script + Self.strangers, answering: ["p1", "p3", "node3"])
        let file = try lab.file("office.yaml", Self.configuration)
        for host in ["relay1", "master1", "node3"] {
            let script = try lab.net(host, "render --config \(file) --format shell --host \(host)")
            let path = try lab.file("\(host).sh", script.output)
            for _ in 1...2 {
                let result = try lab.on(host, "sh \(path)")
                #expect(script.code == 0 && result.code == 0, "\(host): \(result.output)\n\(script.output)")
            }
            let rules = try lab.on(host, "iptables-save").output.split(separator: "\n").filter { $0.contains("namebridge: ") }
            #expect(!rules.isEmpty && Set(rules).count == rules.count, "\(rules)")
        }
        for (passage, answer) in zip(Self.passages, try lab.probe(Self.passages.map(\.probe))) {
            #expect(answer.outcome.isWhole(from: passage.sources), "\(answer.probe) from \(passage.sources): \(answer.outcome)")
        }
    }

    /// The status shows what was removed, and the next apply restores it; a foreign change stays.
    @Test func `flushed objects are missing in the status and restored by an apply`() throws {
        let lab = try Lab("oflush", hosts: Self.hosts, script: Self.script)
        let file = try lab.file("office.yaml", Self.configuration)
        #expect(try lab.net("relay1", "apply --config \(file)").code == 0)
        try lab.script("on relay1 nft flush ruleset; ip -n ${P}relay1 route flush proto 78")
        let status = try lab.net("relay1", "status --config \(file)")
        #expect(status.code == 1 && status.output.contains("missing"), "\(status.output)")
        #expect(try lab.net("relay1", "apply --config \(file)").code == 0)
        #expect(try lab.net("relay1", "status --config \(file)").code == 0)
    }

    // MARK: - The network

    static let script = """
        wire pc eth0 router office
        ip -n ${P}router link add br0 type bridge; ip -n ${P}router link set br0 up
        for h in master1 node3 relay1; do wire $h eth0 router $h; ip -n ${P}router link set $h master br0; done
        address router office 172.16.0.1/18; address router br0 172.17.14.1/24; forward router office br0
        address pc eth0 172.16.0.100/18; ip -n ${P}pc route add default via 172.16.0.1
        address master1 eth0 172.17.14.11/24; address node3 eth0 172.17.14.23/24; address relay1 eth0 172.17.14.60/24
        for h in master1 node3 relay1; do ip -n $P$h route add default via 172.17.14.1; done
        for h in master1 node3; do on $h sysctl -qw net.ipv4.ip_forward=1; done
        pod master1 p1 172.17.33.1 172.17.33.10; pod node3 p3 172.17.54.1 172.17.54.10
        tunnel master1 172.17.33.0 172.17.14.11 11; tunnel node3 172.17.54.0 172.17.14.23 23
        peer master1 172.17.54.0/24 172.17.54.0 172.17.14.23 23
        peer node3 172.17.33.0/24 172.17.33.0 172.17.14.11 11
        for h in master1 node3; do
            service $h 172.17.24.229 172.17.54.10; service $h 172.17.24.230 172.17.14.23
        done
        for n in 172.17.32.0/19 172.17.16.0/20; do ip -n ${P}router route add $n via 172.17.14.60; done

        """

    /// On every host: rules as docker and kube-proxy make them, rules by hand, a firewall that drops, strict filters.
    static let strangers = """
        for h in master1 node3 relay1; do
            on $h iptables -P FORWARD DROP
            on $h iptables -N DOCKER-USER; on $h iptables -A DOCKER-USER -j RETURN
            on $h iptables -N DOCKER; on $h iptables -A FORWARD -j DOCKER-USER; on $h iptables -A FORWARD -o docker0 -j DOCKER
            on $h iptables -t nat -A POSTROUTING -s 10.123.0.0/16 ! -o docker0 -j MASQUERADE
            on $h iptables -t nat -N KUBE-POSTROUTING; on $h iptables -t nat -A POSTROUTING -j KUBE-POSTROUTING
            on $h iptables -t nat -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
            on $h iptables -t nat -A POSTROUTING -s 192.168.0.0/20 -m comment --comment "by hand" -j MASQUERADE
            on $h nft add table inet site; on $h nft 'add chain inet site input { type filter hook input priority 0; }'
            on $h nft add rule inet site input tcp dport 9999 counter drop
            on $h ip rule add from 10.99.0.0/16 lookup 99 priority 1000
            on $h ip route add 10.98.0.0/16 via 172.17.14.1 proto static
            on $h sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1
        done
        for h in master1 node3; do
            # What Calico lets through: its own pods.
            on $h iptables -I FORWARD -i cali+ -j ACCEPT; on $h iptables -I FORWARD -o cali+ -j ACCEPT
        done

        """

    static let configuration = """
        clusters:
          prod:
            dns: [172.17.16.10]
            pods: [172.17.32.0/19]
            services: [172.17.16.0/20]
            cni: calico-ipip
            nodes:
              master1: { address: 172.17.14.11, pods: [172.17.33.0/24] }
              node3: { address: 172.17.14.23, pods: [172.17.54.0/24] }
            hosts:
              relay1: { address: 172.17.14.60, device: eth0 }
        sites:
          office: { networks: [172.16.0.0/18], router: 172.16.0.1 }
        paths:
          - { from: office, to: prod, via: relay, relays: [relay1] }

        """
}
