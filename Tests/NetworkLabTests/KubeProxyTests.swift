import Testing

/// An office that asks for services at a node while the pod behind them is on another, which would answer past it. Who
/// hides the office is kube-proxy's cluster CIDR to decide.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct KubeProxyTests {
    @Test(arguments: [
        Case(cidr: "10.244.0.0/16", before: "192.168.0.11", what: "outside"),
        Case(cidr: "10.0.0.0/8", before: nil, what: "inside"),
    ])
    func `services answer whether the clients are outside or inside of the cluster CIDR`(variant: Case) throws {
        let lab = try Lab(
            "k\(variant.what)", hosts: ["pc", "router", "n1", "n2", "p2"],
            script: Self.script.replacing("CIDR", with: variant.cidr), answering: ["p2"])
        let file = try lab.file("shop.yaml", Self.configuration.replacing("CIDR", with: variant.cidr))
        let service = Passage("pc", "10.96.0.10", port: 80, before: variant.before, from: "192.168.0.11")
        try lab.expectRepair(by: file, on: ["n1", "n2"], of: [service]) {
            let rules = try lab.on("n1", "nft list ruleset").output
            let isOurs = rules.contains("masquerade fully-random comment")
            #expect(isOurs == (variant.before == nil), "\(rules)")
        }
    }

    /// A cluster CIDR, and the source that the pod sees before anything of ours is there.
    struct Case: CustomStringConvertible {
        let cidr: String
        let before: String?
        let what: String

        var description: String { what }
    }

    /// kube-proxy marks packets from outside of the CIDR, and masquerades marked ones.
    static let script = """
        wire pc eth0 router office
        ip -n ${P}router link add br0 type bridge; ip -n ${P}router link set br0 up
        for h in n1 n2; do wire $h eth0 router $h; ip -n ${P}router link set $h master br0; done
        address router office 10.0.32.1/21; address router br0 192.168.0.1/24; forward router office br0
        address pc eth0 10.0.32.5/21; ip -n ${P}pc route add default via 10.0.32.1
        address n1 eth0 192.168.0.11/24; address n2 eth0 192.168.0.12/24
        for h in n1 n2; do
            ip -n $P$h route add default via 192.168.0.1; on $h sysctl -qw net.ipv4.ip_forward=1
        done
        pod n2 p2 10.244.2.1 10.244.2.2
        ip -n ${P}n1 route add 10.244.2.0/24 via 192.168.0.12
        ip -n ${P}router route add 10.96.0.0/16 via 192.168.0.11
        ip -n ${P}router route add 10.244.2.0/24 via 192.168.0.12
        on n1 iptables -t mangle -A PREROUTING ! -s CIDR -d 10.96.0.0/16 -j MARK --set-mark 0x4000
        on n1 iptables -t nat -A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE
        service n1 10.96.0.10 10.244.2.2

        """

    static let configuration = """
        clusters:
          shop:
            pods: [10.244.0.0/16]
            services: [10.96.0.0/16]
            kube-proxy: { cluster-cidr: CIDR }
            nodes:
              n1: { address: 192.168.0.11, pods: [10.244.1.0/24] }
              n2: { address: 192.168.0.12, pods: [10.244.2.0/24] }
        sites:
          office: { networks: [10.0.32.0/21], router: 192.168.0.1 }
        paths:
          - { from: office, to: shop, via: routed }

        """
}
