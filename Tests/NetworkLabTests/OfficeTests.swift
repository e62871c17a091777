import Testing

/// An office that reaches the pods and services of a cluster through a relay, on hosts that others use as well: docker,
/// kube-proxy and hands have left rules there, and the firewall drops what it does not know.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct OfficeTests {
    private static let hosts = ["pc", "router", "master1", "node3", "relay1", "p1", "p3"]
    private static let changed = ["relay1", "master1", "node3"]
    private static let targets = ["172.17.33.10", "172.17.54.10"]

    @Test(arguments: [false, true])
    func `a relay brings the office to pods and services, and takes nothing along`(isHostile: Bool) throws {
        let lab = try Lab("o\(isHostile)", hosts: Self.hosts, script: Self.script + (isHostile ? Self.strangers : ""))
        let file = try lab.file("office.yaml", Self.configuration)
        let probes = Self.targets.map { Probe(host: "pc", address: $0) }
        let before = try Self.changed.map { try lab.snapshot($0) }
        for (probe, outcome) in try lab.probe(probes) { #expect(outcome.isBroken, "before: \(probe): \(outcome)") }
        #expect(try Self.service(lab) == "")

        for host in Self.changed {
            let result = try lab.net(host, "apply --config \(file)")
            #expect(result.code == 0, "\(result.output)")
            let again = try lab.net(host, "apply --config \(file)")
            #expect(again.code == 0 && again.output.hasSuffix("nothing to do\n"), "\(again.output)")
        }
        for (probe, outcome) in try lab.probe(probes) {
            #expect(outcome.isWhole && outcome.tcp == "172.17.14.60" && outcome.udp == "172.17.14.60", "\(probe): \(outcome)")
        }
        #expect(try Self.service(lab) != "")
        let status = try lab.net("relay1", "status --config \(file)")
        #expect(status.code == 0 && !status.output.contains(" 0 packets, 0 octets  # path office -> prod via relay1\nrule"))

        for (index, host) in Self.changed.enumerated() {
            let result = try lab.net(host, "remove")
            #expect(result.code == 0, "\(result.output)")
            #expect(try lab.snapshot(host) == before[index], "\(host)")
        }
        for (probe, outcome) in try lab.probe(probes) { #expect(outcome.isBroken, "after: \(probe): \(outcome)") }
    }

    /// What somebody takes away is seen, and put back by the next apply; what he did himself stays.
    @Test func `what was flushed is missing in the status and back after an apply`() throws {
        let lab = try Lab("oflush", hosts: Self.hosts, script: Self.script)
        let file = try lab.file("office.yaml", Self.configuration)
        #expect(try lab.net("relay1", "apply --config \(file)").code == 0)
        try lab.script("on relay1 nft flush ruleset; ip -n ${P}relay1 route flush proto 78")
        let status = try lab.net("relay1", "status --config \(file)")
        #expect(status.code == 1 && status.output.contains("missing"), "\(status.output)")
        #expect(try lab.net("relay1", "apply --config \(file)").code == 0)
        #expect(try lab.net("relay1", "status --config \(file)").code == 0)
    }

    /// The source that the pod behind the service sees; empty where nothing comes back.
    private static func service(_ lab: Lab) throws -> String {
        try lab.on("pc", "timeout 3 socat -u TCP:172.17.24.229:80,connect-timeout=2 - 2>/dev/null").output
    }

    // MARK: - The network

    private static let script = """
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
            on $h iptables -t nat -A PREROUTING -d 172.17.24.229 -p tcp --dport 80 -j DNAT --to-destination 172.17.54.10:9400
        done
        for n in 172.17.32.0/19 172.17.16.0/20; do ip -n ${P}router route add $n via 172.17.14.60; done
        answer p1 p3

        """

    /// On every host: rules as docker and kube-proxy make them, rules by hand, a firewall that drops, strict filters.
    private static let strangers = """
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

    private static let configuration = """
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
