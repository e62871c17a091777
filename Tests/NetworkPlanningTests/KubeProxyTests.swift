import IPAddressing
import NetworkModel
import NetworkPlanning
import Testing

/// Who hides the clients of services: kube-proxy, if they are outside of the cluster CIDR of their family, else a rule
/// of ours on the node that they come in by.
@Suite struct KubeProxyTests {
    @Test(arguments: [
        ("", [4, 6], "nothing is set: it hides no client"),
        ("masquerade-all: true", [], "it hides every client"),
        ("cluster-cidr: [10.244.0.0/16, \"fd00:244::/48\"]", [], "the clients of both families are outside"),
        ("cluster-cidr: [10.244.0.0/16]", [6], "a CIDR of one family says nothing of the other"),
        ("cluster-cidr: [\"fd00:244::/48\"]", [4], "a CIDR of one family says nothing of the other"),
        ("cluster-cidr: [10.0.0.0/8, \"fd00:244::/48\"]", [4], "clients inside are taken for pods"),
        ("cluster-cidr: [10.244.0.0/16, \"fd00::/16\"]", [6], "clients inside are taken for pods"),
        ("cluster-cidr: [10.244.0.0/16, 10.0.36.0/24, \"fd00:244::/48\"]", [4], "some clients are inside"),
    ])
    func `a node translates the families that kube-proxy does not`(
        settings: String, families: [Int], reason: String
    ) throws {
        for path in ["via: routed", "via: relay, relays: [gate], source: keep"] {
            let inventory = try Networks.inventory(yaml: Self.file(settings, path))
            let plan = try Networks.plan("n1", in: inventory)
            let translated = plan.table.chains.filter { $0.name == "postrouting" }.flatMap(\.rules).compactMap { rule in
                for case .source(let set) in rule.matches { return set.family }
                return nil
            }
            #expect(Set(translated) == Set(families.map { $0 == 4 ? .v4 : .v6 }), "\(reason): \(settings), \(path)")
        }
    }

    /// A relay that is no node asks a node for services: it is the relay's address that kube-proxy looks at.
    @Test(arguments: [
        ("masquerade", "[10.244.0.0/16]", [], "the relay is outside"),
        ("masquerade", "[192.168.0.0/16]", ["192.168.0.5"], "the relay is inside"),
        ("masquerade", "[10.0.0.0/8]", [], "the clients are inside, but the relay hides them"),
        ("masquerade", "[\"fd00:244::/48\"]", ["192.168.0.5"], "nothing is set for its family"),
        ("to: 192.168.7.7", "[192.168.7.0/24]", ["192.168.0.5", "192.168.7.7"], "the address it translates to is inside"),
        ("to: 192.168.7.7", "[10.244.0.0/16]", [], "both addresses of the relay are outside"),
    ])
    func `a node translates for relays that kube-proxy takes for pods`(
        snat: String, cidr: String, sources: [String], reason: String
    ) throws {
        let translation = snat.hasPrefix("to: ") ? snat.dropFirst(4).description : snat
        let file = Self.file("cluster-cidr: \(cidr)", "via: relay, relays: [gate], source: snat, snat: \(translation)")
        let plan = try Networks.plan("n1", in: Networks.inventory(yaml: file))
        let translated = plan.table.chains.filter { $0.name == "postrouting" }.flatMap(\.rules).flatMap { rule in
            rule.matches.flatMap { match in
                if case .source(let set) = match, set.family == .v4 { return set.prefixes.map(\.address.description) }
                return []
            }
        }
        #expect(translated == sources, "\(reason)")
        let isLet = plan.accepts.contains { accept in
            "\(accept.value)".contains("192.168.7.7")
        }
        #expect(isLet == snat.hasPrefix("to: "), "\(reason): firewalls see the same address")
    }

    /// Where pods answer past the node, `keep` needs kube-proxy to hide every client.
    @Test(arguments: [
        ("", true, "nothing is set"),
        ("cluster-cidr: [10.10.64.0/18]", false, "the clients are outside"),
        ("cluster-cidr: [10.0.0.0/8]", false, "the clients are outside, all nodes inside"),
        ("cluster-cidr: [192.168.0.0/16]", true, "the clients are inside"),
        ("cluster-cidr: [10.10.64.0/18, 192.168.43.0/24]", true, "some clients are inside"),
        ("cluster-cidr: [\"fd00:244::/48\"]", true, "a CIDR of the other family"),
        ("masquerade-all: true, cluster-cidr: [192.168.0.0/16]", false, "all are hidden whatever the CIDR"),
    ])
    func `keeping sources is refused if kube-proxy does not hide clients`(
        settings: String, isRefused: Bool, reason: String
    ) throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  shop:
                    pods: [10.10.64.0/18]
                    services: [10.20.0.0/16]
                    cni: vpc
                    kube-proxy: { \(settings) }
                    nodes: { node1: { address: 10.10.0.11 } }
                    hosts: { vpn: { address: 10.10.32.5 } }
                    subnets: { nodes: { networks: [10.10.0.0/24] }, pods: { networks: [10.10.64.0/18] } }
                sites: { shanghai: { networks: [192.168.40.0/22] } }
                paths: [{ from: shanghai, to: shop, via: relay, relays: [node1], endpoint: vpn, source: keep }]
                """)
        let plan = try Networks.plan("node1", in: inventory)
        #expect(plan.isRefused == isRefused, "\(reason): \(plan.notes)")
        let told = NetworkPlanner(inventory).instructions().map(\.text).joined()
        #expect(told.contains("masqueradeAll: true") == isRefused, "\(reason): \(told)")
    }

    private static func file(_ settings: String, _ path: String) -> String {
        """
        clusters:
          shop:
            pods: [10.244.0.0/16, "fd00:244::/48"]
            services: [10.96.0.0/16, "fd00:96::/112"]
            kube-proxy: { \(settings) }
            nodes:
              n1: { address: [192.168.0.11, "fd00:192::11"], pods: [10.244.1.0/24, "fd00:244:0:1::/64"] }
              n2: { address: [192.168.0.12, "fd00:192::12"], pods: [10.244.2.0/24, "fd00:244:0:2::/64"] }
            hosts:
              gate: { address: [192.168.0.5, "fd00:192::5"] }
        sites:
          office: { networks: [10.0.32.0/21, "fd00:32::/64"], router: [192.168.0.1, "fd00:192::1"] }
        paths:
          - { from: office, to: shop, \(path) }
        """
    }
}
