import ClusterDiscovery
import Inventory
import InventoryFile
import JSON
import Testing

/// How a cluster's eBPF programs carry packets, and which clients they serve.
@Suite struct DataPathTests {
    private static func cilium(_ changes: [String: String]) -> StandInCluster {
        var cluster = StandInCluster()
        cluster.addGroups("apps", "cilium.io")
        cluster.addDaemonSet("cilium")
        cluster.addConfigMap("cilium-config", ["ipam": "cluster-pool"].merging(changes) { $1 })
        return cluster
    }

    @Test(
        arguments: [
            ([:], [false, false, false], "tunnel"),
            (
                ["bpf-lb-external-clusterip": "true", "enable-bpf-masquerade": "true", "routing-mode": "native"],
                [true, true, false], "native"
            ),
            (
                ["bpf-lb-external-clusterip": "maybe", "enable-host-legacy-routing": "true", "tunnel": "disabled"],
                [false, false, true], "native"
            ),
        ] as [([String: String], [Bool], String)])
    func `Cilium's flags are read from its ConfigMap`(flags: [String: String], values: [Bool], mode: String) throws {
        let text =
            "bpf-lb-external-clusterip: \(values[0]), enable-bpf-masquerade: \(values[1]), "
            + "enable-host-legacy-routing: \(values[2]), routing-mode: \(mode)"
        let findings = try survey(Self.cilium(flags)).findings(key: "prod")
        let file = inventoryText(of: [findings])
        #expect(file.contains("    # from ConfigMap kube-system/cilium-config\n    cilium: { \(text) }\n"), "\(file)")
        let inventory = try #require(InventoryFile.read(Array(file.utf8), name: "found.yaml").inventory)
        #expect(inventory.clusters == [findings.cluster])
        #expect(findings.json["cilium"]?["value"]?["routing-mode"]?.string == findings.cilium?.value.routingMode.rawValue)
    }

    @Test func `settings without the agent say nothing`() throws {
        var cluster = Clusters.flannel(backend: "vxlan")
        cluster.addGroups("cilium.io")
        cluster.addConfigMap("cilium-config", ["bpf-lb-external-clusterip": "true"])
        let findings = try survey(cluster).findings(key: "prod")
        #expect(findings.cilium == nil && findings.calico == nil)
        #expect(!findings.yaml.contains("cilium:") && findings.json["cilium"] == nil)
    }

    /// A variable goes before the FelixConfiguration.
    @Test(
        arguments: [
            (true, nil, true), (false, nil, false), (nil, nil, nil), (nil, "true", true), (true, "false", false),
        ] as [(Bool?, String?, Bool?)])
    func `Calico's eBPF mode is read, and serves services then`(field: Bool?, variable: String?, expected: Bool?) throws {
        var cluster = Clusters.calico(ipip: "Always")
        if let field {
            cluster.add(
                "/apis/crd.projectcalico.org/v1/felixconfigurations/default",
                .object(["spec": .object(["bpfEnabled": .boolean(field)])]))
        }
        cluster.objects["/apis/apps/v1/daemonsets"] = nil
        if let variable { cluster.addDaemonSet("calico-node", variables: ["FELIX_BPFENABLED": variable]) }
        let findings = try survey(cluster).findings(key: "prod")
        #expect(findings.calico?.value.usesBPF == expected)
        #expect(findings.kubeProxy?.value.mode == (expected == true ? KubeProxyMode.none : .ipvs))
        #expect(findings.yaml.contains("    calico: { bpf-enabled: \(expected ?? true) }\n") == (expected != nil))
        let file = inventoryText(of: [findings])
        #expect(InventoryFile.read(Array(file.utf8), name: "found.yaml").inventory?.clusters == [findings.cluster])
    }

    @Test func `a flag that was changed is told`() throws {
        var findings = try survey(Self.cilium(["bpf-lb-external-clusterip": "true"])).findings(key: "prod")
        var file = findings.cluster
        #expect(ClusterDifference(from: file, to: findings).rows.isEmpty)
        file.cilium?.servesOutsiders = false
        let change = "~ cilium.bpf-lb-external-clusterip: false -> true"
        #expect(ClusterDifference(from: file, to: findings).rows.map(\.text) == [change])
        file.cilium = nil
        #expect(ClusterDifference(from: file, to: findings).rows.map(\.text) == [change])
        findings.partialKeys = [.cni]
        #expect(ClusterDifference(from: file, to: findings).rows.isEmpty)
    }
}
