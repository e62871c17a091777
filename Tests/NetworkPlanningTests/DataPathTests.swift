import NetworkModel
import NetworkPlanning
import Testing

/// What eBPF programs on nodes do otherwise than kube-proxy and netfilter is said before anything is made.
@Suite struct DataPathTests {
    /// A relay that is a node, and one that is none.
    private static func file(_ settings: String, relay: String = "n1", path: String = "source: snat") -> String {
        """
        clusters:
          prod:
            pods: [10.2.0.0/16]
            services: [10.96.0.0/16]
            \(settings)
            nodes: { n1: { address: 10.9.0.2, pods: [10.2.0.0/24] }, n2: { address: 10.9.0.3, pods: [10.2.1.0/24] } }
            hosts: { r1: { address: 10.9.0.60 } }
        sites: { office: { networks: [172.16.0.0/18] } }
        paths: [{ from: office, to: prod, via: relay, relays: [\(relay)], \(path) }]
        """
    }

    private static func warnings(_ file: String, on host: String) throws -> [String] {
        try Networks.plan(host, in: Networks.inventory(yaml: file)).notes.filter { $0.severity == .warning }.map(\.message)
    }

    @Test(arguments: [
        ("cni: cilium, kube-proxy: { mode: none }", true, "Cilium's default"),
        ("cni: cilium, kube-proxy: { mode: none }, cilium: { bpf-lb-external-clusterip: false }", true, "said so"),
        ("cni: vpc, kube-proxy: { mode: none }, cilium: { routing-mode: native }", true, "beside a cloud's CNI"),
        ("cni: cilium, kube-proxy: { mode: none }, cilium: { bpf-lb-external-clusterip: true }", false, "the flag"),
        ("cni: cilium", false, "kube-proxy serves"), ("cni: other, kube-proxy: { mode: none }", false, "not Cilium"),
        ("cni: calico-bgp, kube-proxy: { mode: none }, calico: { bpf-enabled: true }", false, "Calico serves them"),
    ])
    func `services that Cilium keeps from outsiders are told`(settings: String, isTold: Bool, why: String) throws {
        let lines = settings.replacing(", kube-proxy", with: "\n    kube-proxy").replacing(", cilium:", with: "\n    cilium:")
            .replacing(", calico:", with: "\n    calico:")
        for relay in ["n1", "r1"] {
            let told = try Self.warnings(Self.file(lines, relay: relay), on: relay)
            let warning = told.first { $0.contains("bpf-lb-external-clusterip") }
            #expect((warning != nil) == isTold, "\(why): \(told)")
            if let warning { #expect(warning.contains("(targets: [pods])") && !warning.contains("Cilium's devices")) }
            let pods = try Self.warnings(Self.file(lines, relay: relay, path: "targets: [pods]"), on: relay)
            #expect(!pods.contains { $0.contains("bpf-lb-external-clusterip") }, "\(why): \(pods)")
        }
    }

    @Test(
        arguments: [
            ("cilium: { enable-bpf-masquerade: true }", "warning", "a tunnel is entered past netfilter"),
            ("cilium: { enable-bpf-masquerade: true, routing-mode: native }", "advice", "only its own pods"),
            ("cilium: { enable-bpf-masquerade: true, enable-host-legacy-routing: true }", nil, "through the host"),
            ("cilium: { enable-bpf-masquerade: false }", nil, "through the host"), ("", nil, "nothing is known"),
        ] as [(String, String?, String)])
    func `a relay whose packets pass no rules is told`(settings: String, severity: String?, why: String) throws {
        let settings = "cni: cilium\n    kube-proxy: { mode: none }\n    \(settings)"
        let notes = try Networks.plan("n1", in: Networks.inventory(yaml: Self.file(settings))).notes
        let note = notes.first { $0.message.contains("eBPF programs of Cilium") }
        #expect(note?.severity.rawValue == severity, "\(why): \(notes)")
        if let note { #expect(note.message.contains("no node") && note.message.contains("enable-host-legacy-routing")) }
        for (relay, path) in [("r1", "source: snat"), ("n1", "targets: [services]"), ("n1", "source: keep")] {
            let file = Self.file(settings, relay: relay, path: path)
            let others = try Networks.plan(relay, in: Networks.inventory(yaml: file)).notes
            #expect(!others.contains { $0.message.contains("eBPF programs") }, "\(relay), \(path): \(others)")
        }
    }

    @Test(arguments: [(true, true), (false, false)])
    func `a relay on a node of Calico's eBPF mode is told`(usesBPF: Bool, isTold: Bool) throws {
        let settings = "cni: calico-ipip\n    calico: { bpf-enabled: \(usesBPF) }"
        let warnings = try Self.warnings(Self.file(settings), on: "n1")
        #expect(warnings.contains { $0.contains("eBPF programs of Calico") } == isTold, "\(warnings)")
        #expect(!warnings.contains { $0.contains("legacy-routing") })
    }

    /// Cilium sends answers back by the node that a client came in by; a rule of ours would see none of it.
    @Test(arguments: [
        ("cni: cilium\n    kube-proxy: { mode: none }\n    cilium: { bpf-lb-external-clusterip: true }", false),
        ("cni: cilium", true),
    ])
    func `an entry node translates only what passes its rules`(settings: String, translates: Bool) throws {
        let plan = try Networks.plan("n1", in: Networks.inventory(yaml: Self.file(settings, relay: "r1")))
        #expect(plan.roles.contains(.entry))
        #expect(plan.table.chains.contains { $0.name == "postrouting" } == translates)
    }

    @Test(arguments: [("{ mode: none }", true), ("{ mode: iptables }", false)])
    func `a segment whose packets Cilium does not see is told`(proxy: String, isTold: Bool) throws {
        let file = """
            clusters:
              one: { pods: [10.1.0.0/16], services: [10.96.0.0/16], nodes: { a: { address: 10.9.0.1, pods: [10.1.0.0/24] } } }
              two:
                pods: [10.2.0.0/16]
                services: [10.97.0.0/16]
                cni: cilium
                kube-proxy: \(proxy)
                nodes: { b: { address: 10.9.0.2, pods: [10.2.0.0/24] } }
            paths: [{ between: [one, two], via: vxlan, vxlan: { id: 7, network: 10.255.0.0/24, device: mesh0 } }]
            """
        for host in ["one/a", "two/b"] {
            let warnings = try Self.warnings(file, on: host)
            #expect(warnings.contains { $0.contains("add mesh0 to Cilium's devices") } == isTold, "\(warnings)")
        }
    }
}
