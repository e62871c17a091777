import Testing

/// Three clusters of two nodes each, joined by a segment of their own: pods of different clusters reach each other with
/// their own addresses, and each other's services through the node that their own node asks at.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct MeshTests {
    /// How the nodes are connected, what the pods speak, and who else is there.
    enum Variant: String, CaseIterable {
        /// All nodes on one link, over IPv4.
        case link
        /// As before, on hosts with strict filters, a firewall that drops, docker, kube-proxy and other people's routes.
        case hostile
        /// Nodes in six subnets with a router between them; pods with addresses of both families.
        case router
        /// IPv6 alone, inside and outside.
        case six

        var families: [Int] {
            switch self {
            case .link, .hostile: [4]
            case .router: [4, 6]
            case .six: [6]
            }
        }
    }

    @Test(arguments: Variant.allCases)
    func `one file makes the mesh, and its removal leaves nothing`(variant: Variant) throws {
        let network = MeshNetwork(variant)
        let lab = try Lab(
            "m\(variant.rawValue)", hosts: ["net"] + (1...6).flatMap { ["n\($0)", "p\($0)"] },
            script: network.script + (variant == .hostile ? network.strangers : ""),
            answering: (1...6).map { "p\($0)" })
        let file = try lab.file("mesh.yaml", network.configuration)
        let family = variant.families[0]
        #expect(network.passages.count == 24 * variant.families.count + network.services.count)
        try lab.expectRepair(by: file, on: (1...6).map { "n\($0)" }, of: network.passages) {
            #expect(lab.transfer(from: "p6", to: "p1", at: network.pod(1, family)) == 50_000_000)
        }
    }
}

/// The network of a mesh, in the words of the lab and of the file.
struct MeshNetwork {
    let variant: MeshTests.Variant

    /// Of each node: the last part of its address and the third of its pods'.
    private let nodes = [(21, 111), (31, 118), (16, 88), (44, 113), (15, 115), (13, 106)]

    init(_ variant: MeshTests.Variant) { self.variant = variant }

    private func cluster(_ number: Int) -> Int { (number - 1) / 2 }

    /// What the pods of a node share.
    private func block(_ number: Int, _ family: Int) -> String {
        let (cluster, third) = (234 + cluster(number), nodes[number - 1].1)
        return family == 4 ? "10.\(cluster).\(third)." : "fd00:\(cluster):0:\(third)::"
    }

    func pod(_ number: Int, _ family: Int) -> String { block(number, family) + (family == 4 ? "10" : "a") }

    private func node(_ number: Int) -> String {
        let last = nodes[number - 1].0
        return switch variant {
        case .link, .hostile: "192.168.0.\(last)"
        case .router: "192.168.\(number).\(last)"
        case .six: "fd00:192::\(last)"
        }
    }

    func service(_ pod: Int, _ family: Int) -> String {
        let cluster = 234 + cluster(pod)
        return family == 4 ? "10.\(cluster).0.\(100 + pod)" : "fd00:\(cluster):ffff::\(pod)"
    }

    var passages: [Passage] {
        variant.families.flatMap { family in
            (1...6).flatMap { from in
                (1...6).filter { cluster($0) != cluster(from) }.map { to in
                    Passage("p\(from)", pod(to, family), from: pod(from, family))
                }
            }
        } + services
    }

    /// Pods of the first cluster ask for services of the second, each by way of another node; a pod beside that node
    /// sees it by its address on the pod's device, one elsewhere by that on the tunnel between the two.
    var services: [Passage] {
        variant.families.flatMap { family in
            let local = [
                Passage("p1", service(3, family), port: 80, from: block(3, family) + "1"),
                Passage("p2", service(4, family), port: 80, from: block(4, family) + "1"),
            ]
            let remote = [
                Passage("p1", service(4, family), port: 80, from: block(3, family) + "0"),
                Passage("p2", service(3, family), port: 80, from: block(4, family) + "0"),
            ]
            return family == 4 ? local + remote : local
        }
    }

    var script: String {
        var text = "on net sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1\n"
        if variant != .router {
            text += "ip -n ${P}net link add br0 type bridge mcast_snooping 0; ip -n ${P}net link set br0 up\n"
        }
        for number in 1...6 {
            let addresses = variant.families.map { "\(block(number, $0))1 \(pod(number, $0))" }.joined(separator: " ")
            text += "wire n\(number) eth0 net n\(number); pod n\(number) p\(number) \(addresses)\n"
            text += "address n\(number) eth0 \(node(number))/\(variant == .six ? 64 : 24)\n"
            if variant == .router {
                text += "address net n\(number) 192.168.\(number).1/24\n"
                text += "ip -n ${P}n\(number) route add default via 192.168.\(number).1\n"
            } else {
                text += "ip -n ${P}net link set n\(number) master br0\n"
            }
            for family in variant.families {
                for other in [cluster(number) * 2 + 1, cluster(number) * 2 + 2] {
                    text += "service n\(number) \(service(other, family)) \(pod(other, family))\n"
                }
            }
        }
        return variant.families.contains(4) ? text + tunnels : text
    }

    /// What carries the pods of one cluster between its nodes.
    private var tunnels: String {
        var text = ""
        for number in 1...6 {
            text += "tunnel n\(number) \(block(number, 4))0 \(node(number)) 0\(number)\n"
            let other = number + (number % 2 == 1 ? 1 : -1)
            text += "peer n\(number) \(block(other, 4))0/24 \(block(other, 4))0 \(node(other)) 0\(other)\n"
        }
        return text
    }

    /// What others have on each node.
    var strangers: String {
        (1...6).map { number in
            let own = "10.\(234 + cluster(number)).64.0/18"
            let foreign = (1...6).filter { cluster($0) != cluster(number) }.map {
                "ip -n ${P}n\(number) route add \(block($0, 4))0/24 via 192.168.0.99 proto static\n"
            }.joined()
            return """
                h=n\(number)
                on $h sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.calip\(number).rp_filter=1
                on $h iptables -P FORWARD DROP
                on $h iptables -N DOCKER-USER; on $h iptables -A DOCKER-USER -j RETURN
                on $h iptables -N DOCKER; on $h iptables -A FORWARD -j DOCKER-USER; on $h iptables -A FORWARD -o docker0 -j DOCKER
                on $h iptables -A FORWARD -s \(own) -d \(own) -m comment --comment "this cluster alone" -j ACCEPT
                on $h iptables -t nat -A POSTROUTING -s 10.123.0.0/16 ! -o docker0 -j MASQUERADE
                on $h iptables -t nat -N KUBE-POSTROUTING; on $h iptables -t nat -I POSTROUTING -j KUBE-POSTROUTING
                on $h iptables -t nat -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
                on $h iptables -t nat -A KUBE-POSTROUTING -j MASQUERADE --random-fully
                on $h iptables -t nat -A POSTROUTING -s 192.168.0.0/20 -m comment --comment "by hand" -j ACCEPT
                on $h nft add table inet site; on $h nft 'add chain inet site input { type filter hook input priority 0; }'
                on $h nft add rule inet site input tcp dport 9999 counter drop
                ip -n $P$h link add other type vxlan id 42 dstport 4789 local \(node(number)) dev eth0 nolearning
                ip -n $P$h link set other up; address $h other 10.97.0.\(number)/24
                on $h bridge fdb append 02:00:00:00:09:09 dev other dst 192.168.0.99
                on $h ip rule add from 10.99.0.0/16 lookup 99 priority 1000
                \(foreign)
                """
        }.joined(separator: "\n")
    }

    var configuration: String {
        var text = "clusters:\n"
        for cluster in 0..<3 {
            let key = 234 + cluster
            let pods = variant.families.map { $0 == 4 ? "10.\(key).64.0/18" : "\"fd00:\(key)::/48\"" }
            let services = variant.families.map { $0 == 4 ? "10.\(key).0.0/18" : "\"fd00:\(key):ffff::/112\"" }
            text += "  c\(cluster + 1):\n    pods: [\(pods.joined(separator: ", "))]\n"
            text += "    services: [\(services.joined(separator: ", "))]\n    cni: calico-ipip\n    nodes:\n"
            for number in [cluster * 2 + 1, cluster * 2 + 2] {
                let blocks = variant.families.map { $0 == 4 ? "\(block(number, 4))0/24" : "\"\(block(number, 6))/64\"" }
                text += "      n\(number): { address: \"\(node(number))\", pods: [\(blocks.joined(separator: ", "))] }\n"
            }
        }
        let inner = variant == .six ? "\"fd00:255::/64\"" : "10.255.1.0/24"
        return text
            + "paths:\n  - { between: [c1, c2, c3], via: vxlan, vxlan: { id: 10001, port: 4899, network: \(inner) } }\n"
    }
}
