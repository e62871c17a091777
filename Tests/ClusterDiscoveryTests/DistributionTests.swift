import ClusterDiscovery
import DomainNames
import IPAddressing
import Inventory
import JSON
import Testing

/// What distributions do their own way.
@Suite struct DistributionTests {
    @Test func `OpenShift publishes its DNS and prefixes in objects of its own`() throws {
        var cluster = StandInCluster()
        cluster.addGroups("apps", "operator.openshift.io", "config.openshift.io")
        cluster.addNode("w1", ["10.0.0.1"])
        cluster.add(
            "/apis/operator.openshift.io/v1/dnses/default",
            .object([
                "status": .object(["clusterIP": .string("172.30.0.10"), "clusterDomain": .string("cluster.local")])
            ]))
        cluster.add(
            "/apis/config.openshift.io/v1/networks/cluster",
            .object([
                "status": .object([
                    "networkType": .string("OVNKubernetes"), "serviceNetwork": .array([.string("172.30.0.0/16")]),
                    "clusterNetwork": .array([.object(["cidr": .string("10.128.0.0/14"), "hostPrefix": .integer(23)])]),
                ])
            ]))
        let findings = try survey(cluster).findings(key: "prod")
        #expect(findings.dns?.value.map(\.description) == ["172.30.0.10:53"])
        #expect(findings.domain?.value == .clusterLocal)
        #expect(findings.services?.value.map(\.description) == ["172.30.0.0/16"])
        #expect(findings.pods?.value.map(\.description) == ["10.128.0.0/14"])
        #expect(findings.cni?.value == .other && findings.cni?.source.contains("OVNKubernetes") == true)
    }

    @Test(arguments: [("v1.30.4+k3s1", "k3s"), ("v1.30.4+rke2r1", "RKE2")])
    func `k3s and RKE2 have defaults`(version: String, name: String) throws {
        var cluster = StandInCluster()
        cluster.addNode("one", ["10.0.0.1"], pods: ["10.42.0.0/24"], version: version)
        let findings = try survey(cluster).findings(key: "prod")
        #expect(findings.pods?.value.map(\.description) == ["10.42.0.0/16"])
        #expect(findings.services?.value.map(\.description) == ["10.43.0.0/16"])
        #expect(findings.services?.source == "the default of \(name)")
        #expect(findings.domain?.source == "the default of \(name)")
    }

    @Test func `a link-local address of the kubelets is no server for others`() throws {
        var cluster = StandInCluster()
        cluster.addConfigMap("kubelet-config", ["kubelet": "clusterDNS: [169.254.20.10]\nclusterDomain: cluster.local\n"])
        var findings = try survey(cluster).findings(key: "prod")
        #expect(findings.dns == nil)
        #expect(findings.remarks[.dns]?.contains { $0.contains("169.254.20.10") } == true)
        cluster.objects[StandInCluster.system + "/configmaps"] = nil
        cluster.addConfigMap("kubelet-config", ["kubelet": "clusterDNS: [169.254.20.10, 10.96.0.10]\n"])
        findings = try survey(cluster).findings(key: "prod")
        #expect(findings.dns?.value.map(\.description) == ["10.96.0.10:53"])
    }

    @Test func `a Corefile from Windows is read`() throws {
        var cluster = StandInCluster()
        cluster.addConfigMap("coredns", ["Corefile": Clusters.corefile.replacing("\n", with: "\r\n")])
        #expect(try survey(cluster).findings(key: "prod").domain?.value == .clusterLocal)
    }

    @Test func `where a new API server names no range, the comment says why and how to find it`() throws {
        var cluster = StandInCluster()
        cluster.namesNoRange = true
        let findings = try survey(cluster).findings(key: "prod")
        #expect(findings.services == nil)
        let text = findings.yaml.replacing("\n    # ", with: " ")
        #expect(text.contains("services: not found. By hand: kubectl --context prod get servicecidrs"), "\(text)")
        #expect(text.contains("refuses a wrong service address without naming the range"), "\(text)")
    }
}
