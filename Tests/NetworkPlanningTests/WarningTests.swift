import IPAddressing
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// What works today and will not tomorrow, or not everywhere, is said before anything is made.
@Suite struct WarningTests {
    /// Calico gives out blocks of /26, several to a node; what the file says of a node is a snapshot.
    @Test(arguments: ["via: routed", "via: vxlan, vxlan: { id: 7, network: 10.255.0.0/24 }"])
    func `prefixes that Calico does not assign are reported if routes lead to them`(carrier: String) throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  near: { pods: [10.1.0.0/16], cni: calico-bgp, nodes: { n: { address: 10.9.0.1, pods: [10.1.0.0/26] } } }
                  far:
                    pods: [10.2.0.0/16]
                    cni: calico-bgp
                    nodes:
                      f1: { address: 10.9.0.2, pods: [10.2.0.0/24] }
                      f2: { address: 10.9.0.3, pods: [10.2.1.0/24] }
                      f3: { address: 10.9.0.4, pods: [10.2.2.64/26, 10.2.3.0/26] }
                      f4: { address: 10.9.0.5 }
                paths: [{ between: [near, far], \(carrier) }]
                """)
        let isRouted = carrier == "via: routed"
        let blocks = try Networks.plan(isRouted ? "near/n" : "far/f1", in: inventory).notes.filter {
            $0.message.contains("kubectl get blockaffinities")
        }
        #expect(blocks.count == 1 && blocks.allSatisfy { $0.severity == .advice }, "\(blocks)")
        let start = isRouted ? "f1 has 10.2.0.0/24 (1 other node the like), but" : "f1 has 10.2.0.0/24, but"
        #expect(blocks.first?.message.contains(start) == true, "\(blocks)")
    }

    @Test func `nodes that a relay has no route to are reported`() throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  prod:
                    pods: [10.2.0.0/16]
                    nodes: { f1: { address: 10.9.0.2, pods: [10.2.0.0/24] }, f4: { address: 10.9.0.5 } }
                    hosts: { r1: { address: 10.9.0.60 } }
                sites: { office: { networks: [172.16.0.0/18] } }
                paths: [{ from: office, to: prod, via: relay, relays: [r1] }]
                """)
        let notes = try Networks.plan("r1", in: inventory).notes.filter { $0.severity == .warning }
        #expect(notes.count == 1 && notes[0].message.contains("the pods of f4 are not known"), "\(notes)")
    }

    /// Pods answer past the node that translated for them; kube-proxy's section is that of its mode.
    @Test(arguments: [
        ("iptables", "iptables"), ("ipvs", "iptables"), ("nftables", "nftables"), ("none", nil),
    ])
    func `answers past the entry node are reported with the field of kube-proxy that prevents them`(
        mode: String, section: String?
    ) throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  shop:
                    pods: [10.10.64.0/18]
                    services: [10.20.0.0/16]
                    cni: vpc
                    kube-proxy: { mode: \(mode), masquerade-all: false }
                    nodes: { node1: { address: 10.10.0.11 } }
                    hosts: { vpn: { address: 10.10.32.5 } }
                    subnets: { nodes: { networks: [10.10.0.0/24] }, pods: { networks: [10.10.64.0/18] } }
                sites: { shanghai: { networks: [192.168.40.0/22] } }
                paths: [{ from: shanghai, to: shop, via: relay, relays: [node1], endpoint: vpn, source: keep }]
                """)
        let plan = try Networks.plan("node1", in: inventory)
        let refusal = try #require(plan.notes.first { $0.message.contains("half of the services fail") })
        #expect(plan.isRefused && refusal.message.contains("use \"source: snat\""))
        #expect(refusal.message.contains("masqueradeAll") == (section != nil))
        let rendered = try? Renderer(inventory).render(.kubeProxy, for: "shop")
        let told = NetworkPlanner(inventory).instructions().map(\.text).joined()
        guard let section else {
            #expect(rendered == nil && !told.contains("kube-proxy"))
            return
        }
        #expect(refusal.message.contains("set \(section).masqueradeAll: true (or a clusterCIDR of each family"))
        #expect(rendered?.contains("\n\(section):\n  masqueradeAll: true\n") == true, "\(rendered ?? "")")
        #expect(rendered?.contains("# clusterCIDR: \"10.10.64.0/18\"\n") == true)
        #expect(told.contains("# kube-proxy of shop:\n#   \(section).masqueradeAll: true\n"), "\(told)")
    }

    @Test(arguments: [("", true), ("port: 8472, ", true), ("port: 4899, ", false)])
    func `a port that hypervisors may intercept is reported`(port: String, isTold: Bool) throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  c1: { pods: [10.1.0.0/16], nodes: { a: { address: 10.9.0.1, pods: [10.1.0.0/24] } } }
                  c2: { pods: [10.2.0.0/16], nodes: { b: { address: 10.9.0.2, pods: [10.2.0.0/24] } } }
                paths: [{ between: [c1, c2], via: vxlan, vxlan: { id: 7, \(port)network: 10.255.0.0/24 } }]
                """)
        let notes = try Networks.plan("a", in: inventory).notes
        #expect(notes.contains { $0.message.contains("must let UDP port") })
        #expect(notes.contains { $0.message.contains("hypervisors") } == isTold, "\(notes)")
    }

    /// The rule and what is said of it agree, whether or not the tunnel has an address.
    @Test(arguments: [(true, "see 10.14.0.11, since tunl0 has no address"), (false, "see the relay's address on tunl0")])
    func `the source that pods see is told as the rule has it`(isBare: Bool, words: String) throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  shop:
                    pods: [10.10.0.0/16]
                    cni: calico-ipip
                    nodes: { gate: { address: 10.14.0.11, pods: [10.10.1.0/24] } }
                sites: { office: { networks: [192.168.40.0/22] } }
                paths: [{ from: office, to: shop, via: relay, relays: [gate] }]
                """)
        let plan = try Networks.plan("gate", in: inventory)
        var state = FakeHost.fresh(plan.host)
        state.links.removeAll { $0.name == "tunl0" }
        state.addresses.removeAll { $0.device == "tunl0" }
        state.links.append(Link(name: "tunl0", kind: .other("ipip"), mtu: 1480))
        if !isBare {
            state.addresses.append(
                InterfaceAddress(device: "tunl0", address: try #require(IPAddress("10.10.1.0")), length: 32))
        }
        state.routes.append(
            Route(
                destination: try IPPrefix(parsing: "10.10.2.0/24"), routeProtocol: 12, metric: 0,
                nextHops: [NextHop(gateway: IPAddress("10.14.0.12"), device: "tunl0", isOnLink: true)]))
        let told = plan.resolved(on: state).notes.map(\.message).filter { $0.contains("pods on other nodes") }
        #expect(told.count == 1 && told[0].contains(words), "\(told)")
    }

    @Test(arguments: [
        ("[pods]", ["10.2.0.0/16"]), ("[services]", ["10.3.0.0/16"]), ("[pods, services]", ["10.2.0.0/16", "10.3.0.0/16"]),
    ])
    func `Calico gets pools for what the path carries`(targets: String, pools: [String]) throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  near: { pods: [10.1.0.0/16], cni: calico-bgp, nodes: { n: { address: 10.9.0.1, pods: [10.1.0.0/24] } } }
                  far:
                    pods: [10.2.0.0/16]
                    services: [10.3.0.0/16]
                    nodes: { f: { address: 10.9.0.2, pods: [10.2.0.0/24] } }
                paths: [{ from: near, to: far, via: routed, targets: \(targets) }]
                """)
        let told = NetworkPlanner(inventory).instructions().flatMap(\.pools).map(\.prefix.description)
        #expect(told == pools)
    }

    @Test func `Calico gets pools for the addresses that its pods use`() throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  near: { pods: [10.1.0.0/16], cni: calico-bgp, nodes: { n: { address: 10.9.0.1, pods: [10.1.0.0/24] } } }
                  far:
                    pods: [10.2.0.0/16]
                    services: [10.3.0.0/16]
                    map: { 10.2.0.0/16: 10.102.0.0/16, 10.3.0.0/16: 10.103.0.0/16 }
                    nodes: { f: { address: 10.9.0.2, pods: [10.2.0.0/24] } }
                paths: [{ from: near, to: far, via: relay, relays: [f] }]
                """)
        let told = NetworkPlanner(inventory).instructions().flatMap(\.pools).map(\.prefix.description)
        #expect(told == ["10.102.0.0/16", "10.103.0.0/16"])
    }
}
