import Testing

/// What others have put in the way of packets is named, with the lines that clear it, and what only looks like it is not.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct ObstacleTests {
    @Test(arguments: firewalls) func `a foreign firewall is reported, and its lines open it`(obstacle: Obstacle) throws {
        let lab = try network("obst")
        let file = try whole(lab)
        try lab.script(obstacle.script)
        let status = try lab.net("relay", "status --config \(file)")
        guard let says = obstacle.says else {
            #expect(status.code == 0 && status.output.contains("all as planned\n"), "\(status.output)")
            #expect(try lab.probe(Self.probes).allSatisfy(\.outcome.isWhole))
            return
        }
        #expect(status.code == 1 && status.output.contains("shadowed"), "\(status.output)")
        #expect(status.output.contains(says), "\(status.output)")
        #expect(try lab.probeInVain(Self.probes).allSatisfy { $0.outcome.tcp == nil })
        try enter(lab, file)
        #expect(try lab.probe(Self.probes).allSatisfy(\.outcome.isWhole))
        let after = try lab.net("relay", "status --config \(file)")
        #expect(after.code == 0, "\(after.output)")
    }

    static let routes = [
        Obstacle(
            "a rule for the sources",
            "ip -n ${P}relay route add default via 10.99.0.2 table 100;"
                + " ip -n ${P}relay rule add from 172.16.0.0/18 lookup 100 pref 100",
            "from 172.16.0.0/18 lookup 100 priority 100"),
        Obstacle(
            "a rule for others",
            "ip -n ${P}relay route add default via 10.99.0.2 table 100;"
                + " ip -n ${P}relay rule add from 172.17.0.0/18 lookup 100 pref 100", nil),
        Obstacle(
            "a rule for what has no mark, as wg-quick makes it",
            "ip -n ${P}relay route add 0.0.0.0/0 dev vpn0 table 51820;"
                + " ip -n ${P}relay rule add not fwmark 51820 table 51820 pref 32764", "not from all fwmark 0xca6c lookup 51820"
        ),
        Obstacle(
            "a rule for all, behind main without its default route",
            "ip -n ${P}relay route add 0.0.0.0/0 dev vpn0 table 51820;"
                + " ip -n ${P}relay rule add lookup main suppress_prefixlength 0 pref 32763;"
                + " ip -n ${P}relay rule add not fwmark 51820 table 51820 pref 32764", nil),
        Obstacle(
            "a mark",
            nft("prerouting priority -150", "ip daddr 10.7.0.0/16 meta mark set 0x77")
                + "ip -n ${P}relay route add default via 10.99.0.2 table 100;"
                + " ip -n ${P}relay rule add fwmark 0x77 lookup 100 pref 90",
            "fwmark 0x77 lookup 100"),
        Obstacle(
            "a mark of others",
            nft("prerouting priority -150", "ip daddr 10.70.0.0/16 meta mark set 0x77")
                + "ip -n ${P}relay route add default via 10.99.0.2 table 100;"
                + " ip -n ${P}relay rule add fwmark 0x77 lookup 100 pref 90",
            nil),
        Obstacle(
            "a longer prefix", "ip -n ${P}relay route add 10.7.1.0/25 via 10.99.0.2", "10.7.1.0/25 via 10.99.0.2 dev vpn0"),
        Obstacle("another prefix", "ip -n ${P}relay route add 10.70.1.0/25 via 10.99.0.2", nil),
        Obstacle("a black hole", "ip -n ${P}relay route add blackhole 10.7.1.0/27", "the route \"blackhole 10.7.1.0/27"),
        Obstacle(
            "a rule that drops", "ip -n ${P}relay rule add from 172.16.3.0/24 blackhole pref 50", "from 172.16.3.0/24 blackhole"
        ),
    ]

    @Test(arguments: routes) func `rules that divert packets are reported, and their lines lead them back`(
        obstacle: Obstacle
    )
        throws
    {
        let lab = try network("rout")
        let file = try whole(lab)
        try lab.script(obstacle.script)
        let status = try lab.net("relay", "status --config \(file)")
        guard let says = obstacle.says else {
            #expect(status.code == 0 && status.output.contains("all as planned\n"), "\(status.output)")
            #expect(try lab.probe(Self.probes).allSatisfy(\.outcome.isWhole))
            return
        }
        #expect(status.code == 1 && status.output.contains(says), "\(status.output)")
        #expect(try lab.probeInVain([Self.probes[0]]).allSatisfy(\.outcome.isBroken))
        let apply = try lab.net("relay", "apply --config \(file)")
        #expect(apply.output.contains(says), "\(apply.output)")
        let lines = apply.output.split(separator: "\n").filter { $0.hasPrefix("#   ip ") }
        #expect(!lines.isEmpty, "\(apply.output)")
        for line in lines { try lab.script("on relay \(line.dropFirst(4))") }
        #expect(try lab.probe(Self.probes).allSatisfy(\.outcome.isWhole))
        let after = try lab.net("relay", "status --config \(file)")
        #expect(after.code == 0, "\(after.output)")
    }

    @Test(arguments: [
        ("iptables -N DOCKER-USER; on relay iptables -P FORWARD DROP", "-I FORWARD"),
        (
            "iptables -N DOCKER-USER; on relay iptables -A FORWARD -j DOCKER-USER; on relay iptables -P FORWARD DROP",
            "-I DOCKER-USER"
        ),
        (
            "iptables -N DOCKER-USER; on relay iptables -N site; on relay iptables -A FORWARD -j site;"
                + " on relay iptables -A site -i office -j REJECT; on relay iptables -A FORWARD -j DOCKER-USER", "-I FORWARD"
        ),
        ("iptables -N site; on relay iptables -A FORWARD -j site; on relay iptables -A site -i office -j DROP", "-I FORWARD"),
    ])
    func `rules of ours are put where packets traverse them`(script: String, verb: String) throws {
        let lab = try network("place")
        let file = try lab.file("office.yaml", Self.configuration)
        try lab.script("on relay \(script)")
        let before = try lab.snapshot("relay")
        #expect(try lab.net("n1", "apply --config \(file)").code == 0)
        let applied = try lab.net("relay", "apply --config \(file)")
        #expect(applied.code == 0 && applied.output.contains(verb), "\(applied.output)")
        #expect(try lab.probe(Self.probes).allSatisfy(\.outcome.isWhole))
        #expect(try lab.net("relay", "status --config \(file)").code == 0)
        #expect(try lab.net("relay", "apply --config \(file)").output.hasSuffix("nothing to do\n"))
        #expect(try lab.net("relay", "remove").code == 0)
        #expect(try lab.snapshot("relay") == before)
    }

    @Test func `a foreign rule put before ours is overtaken again`() throws {
        let lab = try network("again")
        try lab.script("on relay iptables -P FORWARD DROP")
        let file = try whole(lab)
        try lab.script("on relay iptables -I FORWARD 1 -i office -j DROP")
        #expect(try lab.probeInVain(Self.probes).allSatisfy(\.outcome.isBroken))
        #expect(try lab.net("relay", "status --config \(file)").code == 1)
        #expect(try lab.net("relay", "apply --config \(file)").code == 0)
        #expect(try lab.probe(Self.probes).allSatisfy(\.outcome.isWhole))
        #expect(try lab.net("relay", "apply --config \(file)").output.hasSuffix("nothing to do\n"))
    }

    @Test func `a rule that is not understood is reported as unknown`() throws {
        let lab = try network("unkn")
        let file = try whole(lab)
        try lab.script("on relay iptables -t mangle -A FORWARD -m statistic --mode random --probability 0.5 -j DROP")
        let status = try lab.net("relay", "status --config \(file)")
        #expect(status.output.contains("unknown   iptables table mangle, chain FORWARD, rule 1"), "\(status.output)")
        #expect(status.output.contains("1 foreign rule not understood"), "\(status.output)")
    }

    // MARK: - The network

    /// An office, a relay that is no node, a node with a pod and a service, and a VPN's far end, which answers nothing.
    private func network(_ name: String) throws -> Lab {
        try Lab(
            name, hosts: ["pc", "relay", "n1", "p1", "vpn"],
            script: """
                wire pc eth0 relay office; wire relay eth0 n1 eth0; wire relay vpn0 vpn eth0
                address pc eth0 172.16.3.50/18; address relay office 172.16.0.1/18
                address relay eth0 192.168.0.60/24; address n1 eth0 192.168.0.11/24
                address relay vpn0 10.99.0.1/24; address vpn eth0 10.99.0.2/24
                ip -n ${P}pc route add default via 172.16.0.1; ip -n ${P}n1 route add default via 192.168.0.60
                on n1 sysctl -qw net.ipv4.ip_forward=1
                pod n1 p1 10.7.1.1 10.7.1.10; service n1 10.20.0.10 10.7.1.10

                """, answering: ["p1"])
    }

    /// Applies the configuration and sees that it works.
    private func whole(_ lab: Lab) throws -> String {
        let file = try lab.file("office.yaml", Self.configuration)
        for result in try lab.net(each: ["relay", "n1"], "apply --config \(file)") {
            #expect(result.code == 0, "\(result.output)")
        }
        #expect(try lab.probe(Self.probes).allSatisfy(\.outcome.isWhole))
        return file
    }

    /// Enters the lines that the plan gives.
    private func enter(_ lab: Lab, _ file: String) throws {
        let plan = try lab.net("relay", "plan --config \(file)").output
        let lines = plan.split(separator: "\n").filter { $0.hasPrefix("#   ") }
        #expect(!lines.isEmpty, "\(plan)")
        for line in lines { try lab.script("on relay \(line.dropFirst(4))") }
    }

    private static let probes = [Probe(host: "pc", address: "10.7.1.10"), Probe(host: "pc", address: "10.20.0.10", port: 80)]

    private static let configuration = """
        clusters:
          prod:
            pods: [10.7.0.0/16]
            services: [10.20.0.0/16]
            cni: calico-bgp
            nodes: { n1: { address: 192.168.0.11, pods: [10.7.1.0/24] } }
            hosts: { relay: { address: 192.168.0.60 } }
        sites:
          office: { networks: [172.16.0.0/18], router: 172.16.0.1 }
        paths:
          - { from: office, to: prod, via: relay, relays: [relay] }

        """

    /// Something that another has made on the relay.
    struct Obstacle: Sendable, CustomTestStringConvertible {
        let name: String
        let script: String

        /// What the status says; nil for what is in no packet's way.
        let says: String?

        var testDescription: String { name }

        init(_ name: String, _ script: String, _ says: String?) {
            (self.name, self.script, self.says) = (name, script, says)
        }
    }

    /// A base chain of a table `site` with one rule.
    private static func nft(_ hook: String, _ rule: String, _ more: String = "") -> String {
        "on relay nft -f - <<'END'\ntable inet site {\n\(more)\nchain it {\ntype filter hook \(hook);\n\(rule)\n}\n}\nEND\n"
    }

    static let firewalls = [
        Obstacle(
            "a late chain of forward", nft("forward priority 300", "iifname \"office\" drop"), "inet site, chain it, handle"),
        Obstacle("for another device", nft("forward priority 300", "iifname \"vpn0\" drop"), nil),
        Obstacle(
            "a chain of raw", nft("prerouting priority -300", "ip saddr 172.16.0.0/12 drop"), "inet site, chain it, handle"),
        Obstacle(
            "a chain behind the route", nft("postrouting priority 0", "oifname \"eth0\" ip protocol tcp drop"), "chain it"),
        Obstacle("answers alone", nft("forward priority 0", "ct direction reply drop"), "ct direction reply drop"),
        Obstacle("invalid packets", nft("forward priority 0", "ct state invalid drop"), nil),
        Obstacle(
            "a set",
            nft(
                "forward priority 0", "ip saddr @bad drop",
                "set bad { type ipv4_addr; flags interval; elements = { 172.16.0.0/18 }; }"),
            "ip saddr @bad drop"),
        Obstacle(
            "another set",
            nft(
                "forward priority 0", "ip saddr @bad drop",
                "set bad { type ipv4_addr; flags interval; elements = { 172.17.0.0/18 }; }"),
            nil),
        Obstacle(
            "a map", nft("forward priority 0; policy drop", "ct state vmap { established : accept, invalid : drop }"),
            "policy drop"),
        Obstacle("a table that sleeps", nft("forward priority 0", "drop", "flags dormant"), nil),
        Obstacle("a chain that is not called", "on relay nft 'add table ip x; add chain ip x y; add rule ip x y drop'", nil),
        Obstacle(
            "a device's own chain",
            "on relay nft 'add table netdev site; add chain netdev site it { type filter hook ingress device office priority 0;"
                + " }; add rule netdev site it ip daddr 10.0.0.0/8 drop'", "netdev site, chain it, handle"),
        Obstacle("a way back that is the same", nft("prerouting priority -150", "fib saddr . iif oif missing drop"), nil),
        Obstacle(
            "mangle of iptables", "on relay iptables -t mangle -A FORWARD -i office -j DROP",
            "table mangle, chain FORWARD, rule 1"),
        Obstacle(
            "raw of iptables", "on relay iptables -t raw -A PREROUTING -s 172.16.0.0/18 -j DROP", "table raw, chain PREROUTING"),
        Obstacle(
            "iptables-legacy beside it", "on relay iptables-legacy -A FORWARD -i office -j DROP",
            "iptables-legacy table filter, chain FORWARD, rule 1"),
        Obstacle("iptables-legacy that accepts", "on relay iptables-legacy -A FORWARD -i office -j ACCEPT", nil),
    ]
}
