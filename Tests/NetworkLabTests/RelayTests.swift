import Testing

/// Pods of a new cluster that open connections to pods of an old one, whose addresses the cloud does not know, through a
/// node of the old cluster; its nodes have strict reverse path filters.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct RelayTests {
    /// The node's address takes plans on the nodes as well, whose strict filters would drop what arrives by the tunnel;
    /// the tunnel's own takes the relay alone.
    @Test(arguments: [("node", ["web02", "node36"], "10.0.0.19"), ("masquerade", ["web02"], "172.26.95.0")])
    func `a relay brings pods of one cluster to those of another`(translation: String, changed: [String], source: String) throws {
        let lab = try Lab(
            "r\(translation)", hosts: ["vpc", "web02", "node36", "old", "new"], script: Self.script, answering: ["old"])
        let file = try lab.file("relay.yaml", Self.configuration.replacing("snat: node", with: "snat: \(translation)"))
        for answer in try lab.probeInVain([Probe(host: "new", address: "172.26.139.70")]) {
            #expect(answer.outcome.isBroken, "the cloud knows no route")
        }
        // What "net render --format vpc" tells the owner of the route table, which alone is not enough.
        let row = try lab.net("new", "render --config \(file) --format vpc").output
        #expect(row.contains("172.26.0.0/16\tVM\tweb02 (10.0.0.19)"), "\(row)")
        try lab.script("ip -n ${P}vpc route add 172.26.0.0/16 via 10.0.0.19")
        try lab.expectRepair(by: file, on: changed, of: [Passage("new", "172.26.139.70", from: source)])
    }

    private static let script = """
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

    private static let configuration = """
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
