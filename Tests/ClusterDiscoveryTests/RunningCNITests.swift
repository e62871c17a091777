import ClusterDiscovery
import DomainNames
import IPAddressing
import Inventory
import JSON
import Testing

/// The detected CNI is the one that runs, not one that has left traces.
@Suite struct RunningCNITests {
    @Test func `an agent that no node takes does not run`() throws {
        // EKS, where the Amazon VPC CNI was replaced by Calico.
        var cluster = Clusters.calico(ipip: "Always")
        cluster.addDaemonSet("aws-node", desired: 0)
        #expect(try survey(cluster).findings(key: "prod").cni?.value == .calicoIPIP)
    }

    @Test func `pools without Calico's agent are left over`() throws {
        var cluster = Clusters.calico(ipip: "Always")
        cluster.objects["/apis/apps/v1/daemonsets"] = nil
        cluster.addDaemonSet("calico-node", desired: 0)
        cluster.addDaemonSet("kube-flannel-ds")
        cluster.addConfigMap(
            "kube-flannel-cfg", ["net-conf.json": #"{"Network": "10.244.0.0/16", "Backend": {"Type": "wireguard"}}"#])
        let findings = try survey(cluster).findings(key: "prod")
        #expect(findings.cni?.value == .other && findings.cni?.source.contains("wireguard") == true)
        #expect(findings.pods?.value.map(\.description).contains("10.244.0.0/16") == true)
    }

    @Test func `flannel's annotations without flannel are left over`() throws {
        var cluster = Clusters.calico(ipip: "Never")
        cluster.addNode(
            "old", ["172.17.14.20"], annotations: ["flannel.alpha.coreos.com/backend-type": "vxlan"])
        #expect(try survey(cluster).findings(key: "prod").cni?.value == .calicoBGP)
    }

    @Test func `Cilium's settings without its agent are left over`() throws {
        var cluster = Clusters.flannel(backend: "vxlan")
        cluster.addGroups("cilium.io")
        cluster.addConfigMap("cilium-config", ["ipam": "cluster-pool", "kube-proxy-replacement": "true"])
        let findings = try survey(cluster).findings(key: "prod")
        #expect(findings.cni?.value == .flannelVXLAN)
        #expect(findings.kubeProxy?.value.mode == .iptables)
    }

    @Test func `an overlay of AKS is not the cloud's network`() throws {
        var cluster = StandInCluster()
        cluster.addDaemonSet("azure-cns")
        cluster.addNode(
            "aks-1", ["10.224.0.4"], labels: ["kubernetes.azure.com/podnetwork-type": "overlay"], version: "v1.30.3")
        let findings = try survey(cluster).findings(key: "prod")
        #expect(findings.cni?.value == .other)
        #expect(findings.yaml.replacing("\n    # ", with: " ").contains("addresses of an overlay"))
    }

    // MARK: - Prefixes of nodes

    @Test func `OVN-Kubernetes publishes each node's subnets`() throws {
        var cluster = StandInCluster()
        cluster.addDaemonSet("ovnkube-node", namespace: "openshift-ovn-kubernetes")
        cluster.addNode(
            "w1", ["10.0.0.1"], pods: ["10.99.0.0/24"],
            annotations: ["k8s.ovn.org/node-subnets": #"{"default":["10.128.2.0/23","fd01:0:0:2::/64"]}"#])
        cluster.addNode("w2", ["10.0.0.2"], annotations: ["k8s.ovn.org/node-subnets": #"{"default":"10.129.0.0/23"}"#])
        let nodes = try #require(try survey(cluster).findings(key: "prod").nodes)
        #expect(nodes.value.map { $0.pods.map(\.description) } == [["10.128.2.0/23", "fd01:0:0:2::/64"], ["10.129.0.0/23"]])
        #expect(nodes.source.contains("k8s.ovn.org/node-subnets"))
    }

    @Test(arguments: [("10.40.0.0/13", "10.40.0.0/13"), (nil, "10.32.0.0/12")] as [(String?, String)])
    func `Weave Net has a range of its own, and podCIDR is not asked`(range: String?, prefix: String) throws {
        var cluster = StandInCluster()
        cluster.addDaemonSet("weave-net", variables: range.map { ["IPALLOC_RANGE": $0] } ?? [:])
        cluster.addNode("w1", ["10.0.0.1"], pods: ["10.244.0.0/24"])
        let findings = try survey(cluster).findings(key: "prod")
        #expect(findings.pods?.value.map(\.description) == [prefix])
        #expect(findings.nodes?.value.first?.pods.isEmpty == true)
    }

    @Test func `without its blocks Calico's nodes have no prefixes, whatever podCIDR says`() throws {
        var cluster = Clusters.calico(ipip: "Always")
        cluster.objects["/apis/crd.projectcalico.org/v1/blockaffinities"] = nil
        #expect(try survey(cluster).findings(key: "prod").nodes?.value.allSatisfy(\.pods.isEmpty) == true)
        cluster.addConfigMap("calico-config", ["cni_network_config": #"{"ipam": {"type": "host-local"}}"#])
        #expect(try survey(cluster).findings(key: "prod").nodes?.value.contains { $0.pods.isEmpty } == false)
    }

    @Test func `Calico's name of a node is found by its tunnel's address, or said`() throws {
        var cluster = Clusters.calico(ipip: "Always")
        for (name, cidr) in [("worker9.corp.example", "172.17.60.0/26"), ("gone", "172.17.61.0/26")] {
            cluster.append(
                "/apis/crd.projectcalico.org/v1/blockaffinities",
                .object([
                    "metadata": StandInCluster.metadata(name),
                    "spec": .object(["cidr": .string(cidr), "node": .string(name), "state": .string("confirmed")]),
                ]))
        }
        cluster.addNode(
            "worker9", ["172.17.14.19"], annotations: ["projectcalico.org/IPv4IPIPTunnelAddr": "172.17.60.1"])
        let findings = try survey(cluster).findings(key: "prod")
        let node = try #require(findings.nodes?.value.first { $0.name == "worker9" })
        #expect(node.pods.map(\.description) == ["172.17.60.0/26"])
        let remarks = findings.remarks[.nodes] ?? []
        #expect(remarks.contains { $0.contains("Calico's node gone is no node") && $0.contains("172.17.61.0/26") })
        #expect(!remarks.contains { $0.contains("worker9") })
    }
}
