/// A network of the documentation as it is broken, half mended and mended, and the packets that are sent in it.
struct CellNetwork: CustomStringConvertible, Sendable {
    let name: String
    let hosts: [String]
    let answering: [String]
    let script: String
    /// The hosts whose states `explain` reads.
    let observed: [String]
    let stages: [Stage]
    let cells: [Cell]

    var description: String { name }

    /// What is done to the network, and the file that describes it then.
    struct Stage: Sendable {
        let name: String
        var script = ""
        let file: String
        /// The hosts that the file is applied on, until the next stage.
        var applied: [String] = []
    }

    /// Packets from a host, which has `source`, to an address.
    struct Cell: Sendable {
        let probe: Probe
        let source: String

        init(_ host: String, _ source: String, to address: String, port: UInt16 = ProbeSockets.port) {
            probe = Probe(host: host, address: address, port: port)
            self.source = source
        }
    }

    /// The network with some of its stages alone.
    func only(_ names: String...) -> CellNetwork {
        CellNetwork(
            name: name, hosts: hosts, answering: answering, script: script, observed: observed,
            stages: stages.filter { names.contains($0.name) }, cells: cells)
    }

    /// A file without its paths.
    private static func pathless(_ file: String) -> String {
        file.split(separator: "\n").prefix { $0 != "paths:" }.joined(separator: "\n") + "\n"
    }

    static let all = [relayBetweenClusters, oneCluster, officeToCluster, mesh, officeOverTunnel]

    // MARK: - The networks

    /// Pods of a new cluster reach those of an old one: the cloud lacks a route, then the strict filters of nodes drop what
    /// the tunnel brings.
    private static let relayBetweenClusters = CellNetwork(
        name: "n0", hosts: ["vpc", "web02", "node36", "old", "new"], answering: ["old", "new"], script: RelayTests.script,
        observed: ["web02", "node36"],
        stages: [
            Stage(name: "broken", file: pathless(RelayTests.configuration)),
            Stage(
                name: "half", script: "ip -n ${P}vpc route add 172.26.0.0/16 via 10.0.0.19",
                file: RelayTests.configuration.replacing("source: snat, snat: node", with: "source: keep")),
            Stage(name: "fixed", file: RelayTests.configuration, applied: ["web02", "node36"]),
        ],
        cells: [
            Cell("new", "10.0.32.21", to: "172.26.139.70"), Cell("old", "172.26.139.70", to: "10.0.32.21"),
        ])

    /// Two nodes whose pods reach each other by plain routes: both are missing, then one.
    private static let oneCluster = CellNetwork(
        name: "n1", hosts: ["sw", "n1", "n2", "p1", "p2"], answering: ["p1", "p2"],
        script: """
            ip -n ${P}sw link add br0 type bridge; ip -n ${P}sw link set br0 up; address sw br0 192.168.5.1/24; forward sw br0
            for i in 1 2; do
                wire n$i eth0 sw n$i; ip -n ${P}sw link set n$i master br0; address n$i eth0 192.168.5.1$i/24
                ip -n ${P}n$i route add default via 192.168.5.1; on n$i sysctl -qw net.ipv4.ip_forward=1
                pod n$i p$i 10.244.$i.1 10.244.$i.10; service n$i 10.96.0.10 10.244.2.10
            done

            """,
        observed: ["n1", "n2"],
        stages: [
            Stage(name: "broken", file: flannel),
            Stage(name: "half", script: "ip -n ${P}n1 route add 10.244.2.0/24 via 192.168.5.12", file: flannel),
            Stage(name: "fixed", script: "ip -n ${P}n2 route add 10.244.1.0/24 via 192.168.5.11", file: flannel),
        ],
        cells: [
            Cell("p1", "10.244.1.10", to: "10.244.2.10"), Cell("p2", "10.244.2.10", to: "10.244.1.10"),
            Cell("n1", "n1", to: "10.244.2.10"), Cell("p1", "10.244.1.10", to: "10.96.0.10", port: 80),
        ])

    private static let flannel = """
        clusters:
          prod:
            pods: [10.244.0.0/16]
            services: [10.96.0.0/16]
            cni: flannel-host-gw
            nodes:
              n1: { address: 192.168.5.11, pods: [10.244.1.0/24] }
              n2: { address: 192.168.5.12, pods: [10.244.2.0/24] }

        """

    /// An office reaches a cluster: its router lacks the routes, then those to services, on a node with a rule by hand.
    private static let officeToCluster = CellNetwork(
        name: "n2", hosts: OfficeTests.hosts, answering: ["p1", "p3", "node3", "pc"], script: OfficeTests.script,
        observed: ["master1", "node3", "relay1"],
        stages: [
            Stage(
                name: "broken",
                script: "for n in 172.17.32.0/19 172.17.16.0/20; do ip -n ${P}router route del $n via 172.17.14.60; done",
                file: pathless(OfficeTests.configuration)),
            Stage(
                name: "half",
                script: """
                    ip -n ${P}router route add 172.17.32.0/19 via 172.17.14.11
                    on master1 iptables -t nat -A POSTROUTING -s 172.16.0.0/18 -d 172.17.32.0/19 -j MASQUERADE
                    """,
                file: OfficeTests.configuration.replacing("relays: [relay1]", with: "relays: [master1], targets: [pods]")),
            Stage(
                name: "fixed",
                script: """
                    on master1 iptables -t nat -D POSTROUTING -s 172.16.0.0/18 -d 172.17.32.0/19 -j MASQUERADE
                    ip -n ${P}router route del 172.17.32.0/19
                    for n in 172.17.32.0/19 172.17.16.0/20; do ip -n ${P}router route add $n via 172.17.14.60; done
                    """, file: OfficeTests.configuration, applied: ["relay1", "master1", "node3"]),
        ],
        cells: [
            Cell("pc", "172.16.0.100", to: "172.17.33.10"), Cell("pc", "172.16.0.100", to: "172.17.54.10"),
            Cell("pc", "172.16.0.100", to: "172.17.24.229", port: 80), Cell("pc", "172.16.0.100", to: "172.17.24.230", port: 80),
            Cell("p1", "172.17.33.10", to: "172.16.0.100"), Cell("p3", "172.17.54.10", to: "172.16.0.100"),
        ])

    /// Three clusters joined by a segment: no path, then pods alone.
    private static let mesh: CellNetwork = {
        let network = MeshNetwork(.link)
        let file = network.configuration
        let nodes = (1...6).map { "n\($0)" }
        return CellNetwork(
            name: "n3", hosts: ["net"] + nodes + (1...6).map { "p\($0)" }, answering: (1...6).map { "p\($0)" },
            script: network.script, observed: nodes,
            stages: [
                Stage(name: "broken", file: pathless(file)),
                Stage(
                    name: "half",
                    file: file.replacing("network: 10.255.1.0/24 } }", with: "network: 10.255.1.0/24 }, targets: [pods] }"),
                    applied: nodes),
                Stage(name: "fixed", file: file, applied: nodes),
            ],
            cells: [
                Cell("p1", network.pod(1, 4), to: network.pod(3, 4)), Cell("p1", network.pod(1, 4), to: network.pod(6, 4)),
                Cell("p5", network.pod(5, 4), to: network.pod(2, 4)),
                Cell("p1", network.pod(1, 4), to: network.service(3, 4), port: 80),
                Cell("p1", network.pod(1, 4), to: network.service(4, 4), port: 80),
            ])
    }()

    /// An office behind a tunnel: half of the services fail, until kube-proxy hides all clients, or the relay does.
    private static let officeOverTunnel = CellNetwork(
        name: "n4", hosts: TunnelTests.hosts, answering: ["p1", "p2", "pc"], script: TunnelTests.script,
        observed: ["node1", "node2", "vpn"],
        stages: [
            Stage(name: "broken", file: TunnelTests.configuration(source: "keep")),
            Stage(
                name: "fixed", file: TunnelTests.configuration(source: "snat"), applied: ["node1", "node2", "vpn"]),
            Stage(
                name: "half", script: TunnelTests.masqueradeAll,
                file: TunnelTests.configuration(source: "keep").replacing(
                    "masquerade-all: false", with: "masquerade-all: true")),
        ],
        cells: [
            Cell("pc", "192.168.40.100", to: "10.20.0.101", port: 80), Cell("pc", "192.168.40.100", to: "10.20.0.102", port: 80),
            Cell("pc", "192.168.40.100", to: "10.10.64.10"), Cell("pc", "192.168.40.100", to: "10.10.65.10"),
            Cell("p2", "10.10.65.10", to: "192.168.40.100"),
        ])
}
