import Testing

/// A relay with two interfaces: one interface in the office's network, another in that of the nodes, and forwarding off. Requests
/// come in by the first and answers by the second, and the kernel asks the interface that a packet comes in by.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct TwoInterfaceRelayTests {
    private static let hosts = ["pc", "router", "relay1", "master1", "p1"]

    @Test(arguments: ["172.17.14.60", "172.16.0.2"])
    func `a relay with two interfaces forwards on both`(first: String) throws {
        let second = first == "172.16.0.2" ? "172.17.14.60" : "172.16.0.2"
        let lab = try Lab("two\(first.count)", hosts: Self.hosts, script: Self.script, answering: ["p1"])
        let file = try lab.file(
            "two.yaml", Self.configuration.replacing("ADDRESSES", with: "[\(first), \(second)]"))
        let passages = [
            Passage("pc", "172.17.33.10", from: "172.17.14.60"),
            Passage("pc", "172.17.24.229", port: 80, from: "172.17.33.1", "172.17.14.60"),
        ]
        try lab.expectRepair(by: file, on: ["relay1"], of: passages)
    }

    private static let script = """
        wire pc eth0 router lan; wire relay1 eth0 router wan; wire relay1 eth1 master1 eth0
        ip -n ${P}router link add br0 type bridge; ip -n ${P}router link set br0 up
        ip -n ${P}router link set lan master br0; ip -n ${P}router link set wan master br0
        address router br0 172.16.0.1/18; forward router br0
        address pc eth0 172.16.0.100/18; ip -n ${P}pc route add default via 172.16.0.1
        address relay1 eth0 172.16.0.2/18; address relay1 eth1 172.17.14.60/24
        ip -n ${P}relay1 route add default via 172.16.0.1
        address master1 eth0 172.17.14.11/24; on master1 sysctl -qw net.ipv4.ip_forward=1
        pod master1 p1 172.17.33.1 172.17.33.10; service master1 172.17.24.229 172.17.33.10
        for n in 172.17.32.0/19 172.17.16.0/20; do ip -n ${P}router route add $n via 172.16.0.2; done

        """

    private static let configuration = """
        clusters:
          prod:
            dns: [172.17.16.10]
            pods: [172.17.32.0/19]
            services: [172.17.16.0/20]
            cni: flannel-host-gw
            nodes:
              master1: { address: 172.17.14.11, pods: [172.17.33.0/24] }
            hosts:
              relay1: { address: ADDRESSES }
        sites:
          office: { networks: [172.16.0.0/18], router: 172.16.0.1 }
        paths:
          - { from: office, to: prod, via: relay, relays: [relay1] }

        """
}
