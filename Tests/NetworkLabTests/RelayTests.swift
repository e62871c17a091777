import Testing

/// Pods of a new cluster that open connections to pods of an old one, whose addresses the cloud does not know, through a
/// node of the old cluster; its nodes have strict reverse path filters.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct RelayTests {
    /// The node's address takes plans on the nodes as well, whose strict filters would drop what arrives by the tunnel;
    /// the tunnel's own takes the relay alone. Where the tunnel has none, masquerading takes the node's.
    @Test(arguments: [
        Case(translation: "node", changed: ["web02", "node36"], source: "10.0.0.19"),
        Case(translation: "masquerade", changed: ["web02"], source: "172.26.95.0"),
        Case(translation: "masquerade", isBare: true, changed: ["web02", "node36"], source: "10.0.0.19"),
        Case(translation: "node", isHostile: true, changed: ["web02", "node36"], source: "10.0.0.19"),
    ])
    func `a relay brings pods of one cluster to those of another`(variant: Case) throws {
        let lab = try Lab(
            "r\(variant)", hosts: ["vpc", "web02", "node36", "old", "new"],
            script: Self.script + (variant.isBare ? Self.bare : "") + (variant.isHostile ? Self.strangers : ""),
            answering: ["old"])
        let text = Self.configuration.replacing("snat: node", with: "snat: \(variant.translation)")
        let file = try lab.file("relay.yaml", text)
        for answer in try lab.probeInVain([Probe(host: "new", address: "172.26.139.70")]) {
            #expect(answer.outcome.isBroken, "the cloud knows no route")
        }
        // What "net render --format vpc" tells the owner of the route table, which alone is not enough.
        let row = try lab.net("new", "render --config \(file) --format vpc").output
        #expect(row.contains("172.26.0.0/16\tVM\tweb02 (10.0.0.19)"), "\(row)")
        try lab.script("ip -n ${P}vpc route add 172.26.0.0/16 via 10.0.0.19")
        try lab.expectRepair(by: file, on: variant.changed, of: [Passage("new", "172.26.139.70", from: variant.source)])
    }

    /// Requests leave by the tunnel, answers come in by eth0: the plan loosens the kernel's filter, and names another's.
    @Test func `a foreign reverse path rule that drops the answers is reported`() throws {
        let lab = try Lab("rback", hosts: ["vpc", "web02", "node36", "old", "new"], script: Self.script, answering: ["old"])
        let file = try lab.file("relay.yaml", Self.configuration)
        try lab.script("ip -n ${P}vpc route add 172.26.0.0/16 via 10.0.0.19")
        for result in try lab.net(each: ["web02", "node36"], "apply --config \(file)") {
            #expect(result.code == 0, "\(result.output)")
        }
        let probe = Probe(host: "new", address: "172.26.139.70")
        try lab.script("on web02 iptables -t raw -A PREROUTING -m rpfilter --loose --invert -j DROP")
        #expect(try lab.probe([probe]).allSatisfy(\.outcome.isWhole), "some way back is enough")
        #expect(try lab.net("web02", "status --config \(file)").code == 0)
        try lab.script("on web02 iptables -t raw -A PREROUTING -m rpfilter --invert -j DROP")
        #expect(try lab.probeInVain([probe]).allSatisfy(\.outcome.isBroken))
        let status = try lab.net("web02", "status --config \(file)")
        #expect(status.code == 1 && status.output.contains("-A PREROUTING -m rpfilter --invert -j DROP"), "\(status.output)")
    }

    /// How the relay translates, and what is on the hosts.
    struct Case: CustomStringConvertible {
        let translation: String
        var isBare = false
        var isHostile = false
        let changed: [String]
        let source: String

        var description: String { translation + (isBare ? "bare" : "") + (isHostile ? "hostile" : "") }
    }

    /// With the last address of a device its routes go as well. The filter of all devices is off: with it on, nothing
    /// that one device has lets asymmetric packets in where it has no address.
    private static let bare = """
        for h in web02 node36; do
            ip -n $P$h -4 addr flush dev tunl0
            on $h sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.tunl0.rp_filter=1
        done
        peer web02 172.26.139.64/26 172.26.139.64 10.0.0.36 36; peer node36 172.26.95.0/26 172.26.95.0 10.0.0.19 19

        """

    /// Rules as docker and kube-proxy make them, rules by hand, a firewall that drops, and another's route.
    private static let strangers = """
        for h in web02 node36; do
            on $h iptables -P FORWARD DROP
            on $h iptables -N DOCKER-USER; on $h iptables -A DOCKER-USER -j RETURN; on $h iptables -A FORWARD -j DOCKER-USER
            on $h iptables -A FORWARD -i cali+ -j ACCEPT; on $h iptables -A FORWARD -o cali+ -j ACCEPT
            on $h iptables -t nat -N KUBE-POSTROUTING; on $h iptables -t nat -A POSTROUTING -j KUBE-POSTROUTING
            on $h iptables -t nat -A POSTROUTING -s 10.0.0.0/8 ! -d 172.26.0.0/16 -j MASQUERADE
            on $h iptables -t nat -A POSTROUTING -s 10.0.0.0/8 -j ACCEPT
            on $h ip route add 172.26.240.0/26 via 10.0.3.254 proto static
            on $h sysctl -qw net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.tunl0.rp_filter=1
        done

        """

    static let script = """
        ip -n ${P}vpc link add br0 type bridge; ip -n ${P}vpc link set br0 up; address vpc br0 10.0.3.254/22
        for h in web02 node36; do
            wire $h eth0 vpc $h; ip -n ${P}vpc link set $h master br0
            on $h sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=1
        done
        address web02 eth0 10.0.0.19/22; address node36 eth0 10.0.0.36/22
        for h in web02 node36; do ip -n $P$h route add default via 10.0.3.254; done
        tunnel web02 172.26.95.0 10.0.0.19 19; tunnel node36 172.26.139.64 10.0.0.36 36
        peer web02 172.26.139.64/26 172.26.139.64 10.0.0.36 36; peer node36 172.26.95.0/26 172.26.95.0 10.0.0.19 19
        pod node36 old 172.26.139.65 172.26.139.70
        wire new eth0 vpc new; address vpc new 10.0.32.1/21; address new eth0 10.0.32.21/21
        ip -n ${P}new route add default via 10.0.32.1; forward vpc br0 new

        """

    static let configuration = """
        clusters:
          old:
            pods: [172.26.0.0/16]
            cni: calico-ipip
            nodes:
              web02: { address: 10.0.0.19, pods: [172.26.95.0/26] }
              node36: { address: 10.0.0.36, pods: [172.26.139.64/26] }
          new:
            pods: [10.0.32.0/21]
            cni: vpc
            nodes:
              node15: { address: 10.0.40.15, pods: [10.0.32.0/24] }
            subnets:
              pod: { networks: [10.0.32.0/21], route-table: pod-rt-0 }
        paths:
          - { from: new, to: old, via: relay, relays: [web02], source: snat, snat: node, targets: [pods] }

        """
}
