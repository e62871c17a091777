import Foundation
import JSON
import Testing

@testable import ClusterDiscovery

/// The file of facts of a cluster with each network.
@Suite struct FactsGoldenTests {
    private static let clusters: [(name: String, cluster: StandInCluster)] = [
        ("calico-ipip", Clusters.calico(ipip: "Always")), ("calico-bgp", Clusters.calico(ipip: "Never")),
        ("calico-vxlan", Clusters.calico(ipip: "Never", vxlan: "Always")),
        ("flannel", Clusters.flannel(backend: "vxlan")), ("cilium", Clusters.cilium(mode: "tunnel")),
        ("cilium-native", Clusters.cilium(mode: "native")), ("aws-vpc", Clusters.vpc()),
        ("azure-vpc", vpc(agent: "azure-cns")), ("ovn-kubernetes", ovn), ("kube-ovn", kubeOVN), ("weave", weave),
        ("k3s", k3s),
    ]

    @Test(arguments: clusters.map(\.name))
    func `the facts of a cluster are those of its network`(name: String) throws {
        let cluster = try #require(Self.clusters.first { $0.name == name }?.cluster)
        var run = FollowRun(cluster)
        try run.settle()
        let text = try #require(run.last).yaml
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Goldens/\(name).yaml")
        if ProcessInfo.processInfo.environment["RECORD_GOLDENS"] == "1" {
            try Data(text.utf8).write(to: file)
        }
        let golden = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        #expect(text == golden, "RECORD_GOLDENS=1 writes \(name) anew")
    }

    /// A cloud whose pods have addresses of its network.
    private static func vpc(agent: String) -> StandInCluster {
        var cluster = StandInCluster()
        cluster.addGroups("apps")
        cluster.addDaemonSet(agent)
        cluster.addDNS(["10.0.0.10"], pods: ["10.224.0.40"])
        for number in 4...6 { cluster.addNode("aks-pool-\(number)", ["10.224.0.\(number)"]) }
        return cluster
    }

    /// The subnets of nodes are annotations.
    private static var ovn: StandInCluster {
        var cluster = Clusters.kubeadm(pods: "10.128.0.0/14", services: "172.30.0.0/16", dns: ["172.30.0.10"])
        cluster.addDaemonSet("ovnkube-node", namespace: "ovn-kubernetes")
        for number in 1...2 {
            let subnets = #"{"default":["10.12\#(7 + number).0.0/23","fd01:0:0:\#(number)::/64"]}"#
            cluster.addNode(
                "w\(number)", ["192.168.0.\(number)"], annotations: ["k8s.ovn.org/node-subnets": subnets])
        }
        return cluster
    }

    /// Kube-OVN gives pods addresses of subnets that span all nodes.
    private static var kubeOVN: StandInCluster {
        var cluster = Clusters.kubeadm(pods: "10.16.0.0/16", services: "10.96.0.0/12", dns: ["10.96.0.10"])
        cluster.addDaemonSet("kube-ovn-cni")
        cluster.addNode("w1", ["192.168.0.1"], pods: ["10.244.0.0/24"])
        return cluster
    }

    /// Weave Net has a range of its own, and no prefix for each node.
    private static var weave: StandInCluster {
        var cluster = Clusters.kubeadm(pods: "10.32.0.0/12", services: "10.96.0.0/12", dns: ["10.96.0.10"])
        cluster.addDaemonSet("weave-net", variables: ["IPALLOC_RANGE": "10.40.0.0/13"])
        for number in 1...2 { cluster.addNode("w\(number)", ["192.168.0.\(number)"], pods: ["10.244.\(number).0/24"]) }
        return cluster
    }

    /// k3s with its own flannel: what it has is in an annotation of its servers.
    private static var k3s: StandInCluster {
        var cluster = StandInCluster()
        cluster.addGroups("apps", "networking.k8s.io", "discovery.k8s.io")
        cluster.addDNS(["10.43.0.10"], pods: ["10.42.0.7"])
        let arguments = #"["server","--disable","traefik","--cluster-domain","k3s.local"]"#
        cluster.addNode(
            "server", ["10.0.0.1"], pods: ["10.42.0.0/24"],
            annotations: ["k3s.io/node-args": arguments, "flannel.alpha.coreos.com/backend-type": "vxlan"],
            version: "v1.30.4+k3s1")
        cluster.addNode(
            "agent", ["10.0.0.2"], pods: ["10.42.1.0/24"], annotations: ["k3s.io/node-args": #"["agent"]"#],
            version: "v1.30.4+k3s1")
        return cluster
    }
}
