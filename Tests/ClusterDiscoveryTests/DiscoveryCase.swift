import Testing

/// A cluster, and what is found of it.
struct DiscoveryCase: Sendable, CustomTestStringConvertible {
    let name: String
    let cluster: StandInCluster
    /// Without comments.
    let lines: [String]
    /// The expected comments.
    var comments: [String] = []

    /// True for what is asked through the real kubectl, too.
    let isForKubectl: Bool

    init(
        _ name: String, _ cluster: StandInCluster, _ lines: [String], comments: [String] = [],
        isForKubectl: Bool = true
    ) {
        self.name = name
        self.cluster = cluster
        self.lines = lines
        self.comments = comments
        self.isForKubectl = isForKubectl
    }

    var testDescription: String { name }

    static func calico(_ cni: String) -> [String] {
        [
            "domain: cluster.local", "dns: [172.17.16.10]", "pods: [172.17.32.0/19]", "services: [172.17.16.0/20]",
            "cni: \(cni)", "kube-proxy: { mode: ipvs, masquerade-all: true, cluster-cidr: [172.17.32.0/19] }",
            "nodes:", "master1: { address: 172.17.14.11, pods: [172.17.33.0/26] }",
            "node03: { address: 172.17.14.13, pods: [172.17.40.64/26, 172.17.54.192/26] }",
        ]
    }

    static func flannel(_ cni: String) -> [String] {
        [
            "domain: cluster.local", "dns: [10.96.0.10]", "pods: [10.244.0.0/16]", "services: [10.96.0.0/12]",
            "cni: \(cni)", "kube-proxy: { mode: iptables, masquerade-all: false, cluster-cidr: [10.244.0.0/16] }",
            "nodes:", "worker1: { address: 192.168.0.1, pods: [10.244.1.0/24] }",
            "worker2: { address: 192.168.0.2, pods: [10.244.2.0/24] }",
            "worker3: { address: 192.168.0.3, pods: [10.244.3.0/24] }",
        ]
    }

    static func cilium(_ mode: String) -> [String] {
        [
            "domain: cluster.local", "dns: [172.20.0.10, \"fd00:20::a\"]",
            "pods: [10.0.0.0/9, 10.128.0.0/16, \"fd00:10::/104\"]", "services: [172.20.0.0/16, \"fd00:20::/112\"]",
            "cni: cilium", "kube-proxy: { mode: none, masquerade-all: false }",
            "cilium: { bpf-lb-external-clusterip: false, enable-bpf-masquerade: false, enable-host-legacy-routing: false, "
                + "routing-mode: \(mode) }",
            "nodes:",
            "node1: { address: [192.0.2.11, \"2001:db8::11\"], pods: [10.0.1.0/24, \"fd00:10::100/120\"] }",
            "node2: { address: [192.0.2.12, \"2001:db8::12\"], pods: [10.0.2.0/24, \"fd00:10::200/120\"] }",
        ]
    }

    static let all = [
        DiscoveryCase(
            "Calico in IP-in-IP", Clusters.calico(ipip: "Always"), calico("calico-ipip"),
            comments: [
                "from kube-apiserver --service-cluster-ip-range", "from Calico's IPPool default-ipv4-ippool",
                "disabled pools, where no pods are: 10.235.64.0/18", "Calico's block affinities", "172.17.33.2:53",
                "context prod, Kubernetes v1.32.4",
            ]),
        DiscoveryCase(
            "Calico across subnets", Clusters.calico(ipip: "CrossSubnet"), calico("calico-ipip"),
            comments: ["CrossSubnet: encapsulated between subnets only"], isForKubectl: false),
        DiscoveryCase("Calico with BGP alone", Clusters.calico(ipip: "Never"), calico("calico-bgp")),
        DiscoveryCase(
            "Calico in VXLAN", Clusters.calico(ipip: "Never", vxlan: "Always"), calico("calico-vxlan"),
            isForKubectl: false),
        DiscoveryCase(
            "flannel in VXLAN", Clusters.flannel(backend: "vxlan"), flannel("flannel-vxlan"),
            comments: ["the annotation flannel.alpha.coreos.com/backend-type of nodes: vxlan", "flannel's net-conf.json"]),
        DiscoveryCase("flannel with routes", Clusters.flannel(backend: "host-gw"), flannel("flannel-host-gw")),
        DiscoveryCase(
            "Cilium's tunnel, dual stack", Clusters.cilium(mode: "tunnel"), cilium("tunnel"),
            comments: ["tunnel: geneve between nodes", "ServiceCIDR kubernetes", "Cilium translates services itself"]),
        DiscoveryCase(
            "Cilium without encapsulation", Clusters.cilium(mode: "native"), cilium("native"),
            comments: ["native routing: no encapsulation inside of 10.0.0.0/8"], isForKubectl: false),
        DiscoveryCase(
            "Amazon's VPC CNI", Clusters.vpc(),
            [
                "domain: cluster.local", "dns: [172.20.0.10]", "services: [172.20.0.0/16]", "cni: vpc",
                "kube-proxy: { mode: iptables, masquerade-all: false }", "nodes:",
                "ip-10-0-40-1.eu-west-1.compute.internal: { address: 10.0.40.1 }",
                "ip-10-0-40-2.eu-west-1.compute.internal: { address: 10.0.40.2 }",
            ],
            comments: [
                "a dry run: nothing was written", "pods: not found. By hand: kubectl --context prod get nodes",
                "enter the prefixes of their subnets", "AWS_VPC_K8S_CNI_EXTERNALSNAT is not true",
            ]),
    ]
}

/// `text` without line breaks in comments, so that sentences are found.
func flat(_ text: String) -> String {
    text.replacing("\n    # ", with: " ")
}

/// The lines of `text` that are no comments.
func values(_ text: String) -> [String] {
    text.split(separator: "\n").map { $0.trimmingPrefix(while: { $0 == " " }) }.filter { !$0.hasPrefix("#") }.map(String.init)
}
