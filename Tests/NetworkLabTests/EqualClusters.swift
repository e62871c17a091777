/// Clusters that are the same inside, down to the addresses of their nodes, in both families, and an office, around one
/// relay that is no node of any.
///
/// ```
/// pc eth0 --- eth0 gate upa1 --- eth0 n1 --- p1     c1: pods 10.201.0.0/16, fd00:201::/32 outside
///                       upa2 --- eth0 n2 --- p2     c2: pods 10.202.0.0/16, fd00:202::/32
/// ```
enum EqualClusters {
    /// - Parameter masquerading: Nodes translate what pods send elsewhere, as flannel does.
    static func lab(_ name: String, masquerading: Bool = false) throws -> Lab {
        let lab = try Lab(
            name, hosts: ["pc", "gate", "n1", "n2", "p1", "p2"],
            script: """
                \(addressing)
                wire pc eth0 gate eth0
                address pc eth0 172.16.0.100/18 fd00:16::100/64
                ip -n ${P}pc route add default via 172.16.0.5; ip -n ${P}pc -6 route add default via fd00:16::5
                for i in 1 2; do
                    wire gate upa$i n$i eth0
                    address n$i eth0 192.168.10.11/24 fd00:10::11/64
                    on n$i sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
                    pod n$i p$i 10.244.1.1 10.244.1.7 fd00:244:1::1 fd00:244:1::7
                    service n$i 10.96.0.10 10.244.1.7; service n$i fd00:96::a fd00:244:1::7
                done
                addresses

                """
                    + (masquerading
                        ? """
                        for i in 1 2; do
                            on n$i iptables -t nat -A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE --random-fully
                            on n$i ip6tables -t nat -A POSTROUTING -s fd00:244::/32 ! -d fd00:244::/32 -j MASQUERADE
                        done

                        """ : ""),
            answering: ["pc", "p1", "p2"], nesting: ["gate"])
        lab.references = ["n1": "c1/n1", "n2": "c2/n2"]
        return lab
    }

    /// The addresses of the relay, as what starts its network gives them.
    private static let addressing = """
        addresses() {
            address gate eth0 172.16.0.5/18 fd00:16::5/64
            for i in 1 2; do address gate upa$i 192.168.10.1/24 fd00:10::1/64; done
        }
        """

    /// Ends all that is in the relay's kernel, and starts it again with its devices and addresses alone; what it had
    /// below /run is gone.
    static func reboot(_ lab: Lab) throws {
        try lab.script(
            """
            \(addressing)
            # Its cables are held by another host meanwhile.
            for d in eth0 upa1 upa2; do ip -n ${P}gate link set $d netns ${P}pc name gate-$d; done
            for p in $(ip netns pids ${P}gate); do kill -9 $p; done
            ip netns del ${P}gate; rm -r $F/nest-gate \(lab.state(of: "gate"))
            ip netns add ${P}gate; ip -n ${P}gate link set lo up
            on gate sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
            nest gate
            for d in eth0 upa1 upa2; do
                ip -n ${P}pc link set gate-$d netns ${P}gate name $d; ip -n ${P}gate link set $d up
            done
            addresses
            """)
    }

    /// The nodes lead packets for the office to the relay.
    static func leadBack(_ lab: Lab) throws {
        try lab.script(
            """
            for n in n1 n2; do
                ip -n $P$n route add 172.16.0.0/18 via 192.168.10.1; ip -n $P$n -6 route add fd00:16::/64 via fd00:10::1
            done
            """)
    }

    /// The file of the network with `paths`.
    static func configuration(_ paths: String, officeMap: String = "") -> String {
        let clusters = (1...2).map {
            """
              c\($0):
                dns: [10.96.0.10]
                pods: [10.244.0.0/16, "fd00:244::/32"]
                services: [10.96.0.0/16, "fd00:96::/112"]
                map:
                  10.244.0.0/16: 10.20\($0).0.0/16
                  10.96.0.0/16: 10.\(16 * $0).0.0/16
                  "fd00:244::/32": "fd00:20\($0)::/32"
                  "fd00:96::/112": "fd00:96\($0)::/112"
                cni: flannel-host-gw
                nodes:
                  n\($0): { address: [192.168.10.11, "fd00:10::11"], pods: [10.244.1.0/24, "fd00:244:1::/48"] }

            """
        }.joined()
        return """
            clusters:
            \(clusters)
            sites:
              office:
                networks: [172.16.0.0/18, "fd00:16::/64"]
                router: 172.16.0.1
            \(officeMap)
                hosts:
                  gate: { address: [172.16.0.5, 192.168.10.1, "fd00:16::5", "fd00:10::1"] }
            paths:
            \(paths)

            """
    }

    /// A path from each of the two clusters to the other.
    static func mutualPaths(source: String) -> String {
        [(1, 2), (2, 1)].map { from, to in
            let relay = "{ host: office/gate, uplink: upa\(to) }"
            return "  - { from: c\(from), to: c\(to), via: relay, relays: [\(relay)], source: \(source) }\n"
        }.joined()
    }

    /// A path from the office to each of them.
    static func officePaths(source: String) -> String {
        [1, 2].map { to in
            let relay = "{ host: gate, uplink: upa\(to) }"
            return "  - { from: office, to: c\(to), via: relay, relays: [\(relay)], source: \(source) }\n"
        }.joined()
    }
}
