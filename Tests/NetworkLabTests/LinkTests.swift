import Testing

/// Two clusters and a site on one link, with addresses of both families: routes to the nodes are enough. The one with Flannel
/// hides its pods behind their nodes from all other hosts; the one with Calico has the pools that it needs.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct LinkTests {
    @Test(arguments: [false, true])
    func `clusters and a site on one link only need routes`(isHostile: Bool) throws {
        let lab = try Lab(
            "link\(isHostile)", hosts: ["net", "router", "pc", "n1", "n2", "n3", "n4", "p1", "p2", "p3", "p4"],
            script: Self.script + (isHostile ? Self.strangers : ""), answering: ["p1", "p2", "p3", "p4"])
        let file = try lab.file("link.yaml", Self.configuration)
        try lab.expectRepair(by: file, on: ["n1", "n2", "n3", "n4", "router"], of: Self.passages) {
            #expect(lab.transfer(from: "p1", to: "p3", at: "10.245.1.10") == 50_000_000)
            #expect(lab.transfer(from: "p4", to: "p2", at: "fd00:244:0:2::a") == 50_000_000)
        }
    }

    /// Of each pod: its addresses.
    private static let pods = [
        "p1": ["10.244.1.10", "fd00:244:0:1::a"], "p2": ["10.244.2.10", "fd00:244:0:2::a"],
        "p3": ["10.245.1.10", "fd00:245:0:1::a"], "p4": ["10.245.1.70", "fd00:245:0:2::a"],
    ]
    private static let nodes = [
        "p1": ["192.168.10.11", "fd00:10::11"], "p2": ["192.168.10.12", "fd00:10::12"],
    ]

    private static var passages: [Passage] {
        var list: [Passage] = []
        for family in 0...1 {
            for (near, far) in [("p1", "p3"), ("p1", "p4"), ("p2", "p3"), ("p2", "p4")] {
                list.append(Passage(near, address(far, family), from: nodes[near]?[family] ?? ""))
                list.append(Passage(far, address(near, family), from: address(far, family)))
            }
            let office = family == 0 ? "192.168.10.100" : "fd00:10::100"
            list.append(Passage("pc", address("p3", family), from: office))
            list.append(Passage("pc", address("p4", family), from: office))
        }
        // Each node uses for services the node of the other cluster at the same place in the list.
        return list + [
            Passage("p1", "10.97.0.103", port: 80, from: "10.245.1.1"),
            Passage("p1", "10.97.0.104", port: 80, from: "192.168.10.13"),
            Passage("p2", "10.97.0.104", port: 80, from: "10.245.1.65"),
            Passage("p3", "10.96.0.101", port: 80, from: "10.244.1.1"),
            Passage("p3", "10.96.0.102", port: 80, from: "192.168.10.11"),
        ]
    }

    private static func address(_ pod: String, _ family: Int) -> String { pods[pod]?[family] ?? "" }

    private static let script = """
        ip -n ${P}net link add br0 type bridge mcast_snooping 0; ip -n ${P}net link set br0 up
        for h in router pc n1 n2 n3 n4; do wire $h eth0 net $h; ip -n ${P}net link set $h master br0; done
        address router eth0 192.168.10.1/24 fd00:10::1/64; address pc eth0 192.168.10.100/32 fd00:10::100/128
        # A machine that asks its router for everything, and does not listen to advice.
        ip -n ${P}pc route add 192.168.10.1 dev eth0; ip -n ${P}pc route add default via 192.168.10.1
        ip -n ${P}pc -6 route add fd00:10::1 dev eth0; ip -n ${P}pc -6 route add default via fd00:10::1
        on pc sysctl -qw net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.eth0.accept_redirects=0
        on pc sysctl -qw net.ipv6.conf.all.accept_redirects=0 net.ipv6.conf.eth0.accept_redirects=0
        for n in 1 2 3 4; do
            address n$n eth0 192.168.10.1$n/24 fd00:10::1$n/64
            ip -n ${P}n$n route add default via 192.168.10.1; ip -n ${P}n$n -6 route add default via fd00:10::1
        done
        pod n1 p1 10.244.1.1 10.244.1.10 fd00:244:0:1::1 fd00:244:0:1::a
        pod n2 p2 10.244.2.1 10.244.2.10 fd00:244:0:2::1 fd00:244:0:2::a
        pod n3 p3 10.245.1.1 10.245.1.10 fd00:245:0:1::1 fd00:245:0:1::a
        pod n4 p4 10.245.1.65 10.245.1.70 fd00:245:0:2::1 fd00:245:0:2::a
        # What the clusters do inside of themselves: routes to the nodes, and services.
        for n in 1 2 3 4; do forward n$n eth0; done
        ip -n ${P}n1 route add 10.244.2.0/24 via 192.168.10.12; ip -n ${P}n2 route add 10.244.1.0/24 via 192.168.10.11
        ip -n ${P}n3 route add 10.245.1.64/26 via 192.168.10.14; ip -n ${P}n4 route add 10.245.1.0/26 via 192.168.10.13
        for n in 1 2; do service n$n 10.96.0.101 10.244.1.10; service n$n 10.96.0.102 10.244.2.10; done
        for n in 3 4; do service n$n 10.97.0.103 10.245.1.10; service n$n 10.97.0.104 10.245.1.70; done
        for n in 1 2; do
            on n$n iptables -t nat -N FLANNEL-POSTRTG; on n$n iptables -t nat -A POSTROUTING -j FLANNEL-POSTRTG
            on n$n iptables -t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.0.0/16 -j RETURN
            on n$n iptables -t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully
            on n$n ip6tables -t nat -A POSTROUTING -s fd00:244::/48 ! -d fd00:244::/48 -j MASQUERADE --random-fully
        done

        """

    /// On every host: strict filters, a firewall that drops in both families, with docker's chains and a table of nft, rules as
    /// kube-proxy makes them, a rule by hand that ends POSTROUTING, and routes of others that lead the prefixes of the paths
    /// elsewhere. Each cluster accepts only its own pods and nodes.
    private static let strangers = """
        for h in n1 n2 n3 n4 router; do
            for d in all eth0; do on $h sysctl -qw net.ipv4.conf.$d.rp_filter=1; done
            on $h iptables -P FORWARD DROP; on $h ip6tables -P FORWARD DROP
            on $h iptables -N DOCKER-USER; on $h iptables -A DOCKER-USER -j RETURN
            on $h iptables -N DOCKER; on $h iptables -A FORWARD -j DOCKER-USER; on $h iptables -A FORWARD -o docker0 -j DOCKER
            on $h iptables -t nat -A POSTROUTING -s 10.123.0.0/16 ! -o docker0 -j MASQUERADE
            on $h nft add table inet site; on $h nft 'add chain inet site input { type filter hook input priority 0; }'
            on $h nft add rule inet site input tcp dport 9999 counter drop
            on $h ip rule add from 10.99.0.0/16 lookup 99 priority 1000
            on $h ip route add 10.98.0.0/16 dev eth0 proto static
        done
        own() {
            h=$1 t=$2 pods=$3; shift 3
            for n in $pods "$@"; do
                on $h $t -A FORWARD -s $n -d $pods -m comment --comment "this cluster alone" -j ACCEPT
                on $h $t -A FORWARD -s $pods -d $n -m comment --comment "this cluster alone" -j ACCEPT
            done
        }
        for n in 1 2 3 4; do
            h=n$n; on $h sysctl -qw net.ipv4.conf.calip$n.rp_filter=1
            case $n in [12]) c=244 o=245 a=11 b=12 ;; *) c=245 o=244 a=13 b=14 ;; esac
            own $h iptables 10.$c.0.0/16 192.168.10.$a 192.168.10.$b
            own $h ip6tables fd00:$c::/48 fd00:10::$a fd00:10::$b
            for t in iptables ip6tables; do
                on $h $t -t nat -N KUBE-POSTROUTING; on $h $t -t nat -A POSTROUTING -j KUBE-POSTROUTING
                on $h $t -t nat -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
                on $h $t -t nat -A KUBE-POSTROUTING -j MASQUERADE
            done
            on $h iptables -t nat -A POSTROUTING -s 192.168.0.0/16 -m comment --comment "by hand" -j ACCEPT
            on $h ip route add 10.$o.1.0/24 via 192.168.10.99 proto static
            ip -n $P$h -6 route add fd00:$o:0:1::/64 via fd00:10::99 proto static
        done
        for h in n1 n2 router; do on $h ip route add 10.245.1.0/26 via 192.168.10.99 proto static; done

        """

    private static let configuration = """
        clusters:
          flannel:
            pods: [10.244.0.0/16, "fd00:244::/48"]
            services: [10.96.0.0/16]
            cni: flannel-host-gw
            nodes:
              n1: { address: [192.168.10.11, "fd00:10::11"], pods: [10.244.1.0/24, "fd00:244:0:1::/64"], device: eth0 }
              n2: { address: [192.168.10.12, "fd00:10::12"], pods: [10.244.2.0/24, "fd00:244:0:2::/64"], device: eth0 }
          calico:
            pods: [10.245.0.0/16, "fd00:245::/48"]
            services: [10.97.0.0/16]
            cni: calico-bgp
            nodes:
              n3: { address: [192.168.10.13, "fd00:10::13"], pods: [10.245.1.0/26, "fd00:245:0:1::/64"] }
              n4: { address: [192.168.10.14, "fd00:10::14"], pods: [10.245.1.64/26, "fd00:245:0:2::/64"] }
        sites:
          laboratory:
            networks: [192.168.10.0/24, "fd00:10::/64"]
            router: [192.168.10.1, "fd00:10::1"]
            hosts: { router: { address: [192.168.10.1, "fd00:10::1"] } }
        paths:
          - { between: [flannel, calico], via: routed }
          - { from: laboratory, to: calico, via: routed }

        """
}
