import IPAddressing
import Inventory
import JSON

extension ClusterSurvey {
    /// The CNI that carries the pods' packets, and remarks about it.
    func findCNI() -> (found: Fact<CNI>?, remarks: [String]) {
        // The cloud's CNI comes first: Calico and Cilium can enforce policy on top of it.
        for find in [cloudCNI, calicoCNI, ciliumCNI, flannelCNI, otherCNI] {
            if let (found, remarks) = find() { return (found, remarks) }
        }
        return (nil, [])
    }

    /// A CNI and remarks about it.
    private typealias Finding = (found: Fact<CNI>, remarks: [String])

    // MARK: - Clouds

    /// A CNI of a cloud, whose pods have addresses of the cloud's network.
    private func cloudCNI() -> Finding? {
        let settings = configMap(named: "cilium-config")
        let mode = settings?["ipam"]?.string ?? ""
        if runs("cilium", "anetd") != false, ["eni", "azure", "alibabacloud"].contains(mode) {
            let found = Fact(CNI.vpc, "ipam: \(mode) in ConfigMap kube-system/cilium-config")
            return (found, ["Cilium runs; its pods have addresses of the cloud's network"])
        }
        if let node = daemonSet("aws-node") {
            return (Fact(.vpc, "DaemonSet \(Self.place(of: node)), the Amazon VPC CNI"), cloudRemarks(node))
        }
        if let overlay = azureOverlay { return overlay }
        if let node = daemonSet("azure-cns", "azure-cni-networkmonitor", "terway", "terway-eniip") {
            return (Fact(.vpc, "DaemonSet \(Self.place(of: node))"), [])
        }
        let isGoogle = items(.nodes).contains {
            $0["spec"]?["providerID"]?.string?.hasPrefix("gce://") == true
        }
        if isGoogle, let node = daemonSet("netd", "gke-metadata-server", "anetd") {
            let source = "DaemonSet \(Self.place(of: node)) on nodes of Google Cloud"
            return (Fact(.vpc, source), ["where GKE is routes-based, pods have routes of the VPC as well"])
        }
        return nil
    }

    /// AKS with Azure CNI Overlay: its pods' addresses are in no subnet of the virtual network.
    private var azureOverlay: Finding? {
        let label = "kubernetes.azure.com/podnetwork-type"
        let isOverlay = items(.nodes).contains { $0["metadata"]?["labels"]?[label]?.string == "overlay" }
        guard isOverlay else { return nil }
        let remark =
            "pods have addresses of an overlay, which nothing outside of the cluster reaches: lead paths to"
            + " the services through a node, or use a load balancer"
        return (Fact(.other, "the label \(label): overlay of nodes"), [remark])
    }

    /// Remarks about settings of the Amazon VPC CNI.
    private func cloudRemarks(_ node: JSONValue) -> [String] {
        var remarks: [String] = []
        if Self.variable("AWS_VPC_K8S_CNI_EXTERNALSNAT", of: node) != "true" {
            remarks.append(
                "AWS_VPC_K8S_CNI_EXTERNALSNAT is not true: pods' packets to addresses outside of the VPC"
                    + " leave with the node's address")
        }
        if Self.variable("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", of: node) == "true" {
            remarks.append(
                "custom networking: pods get addresses of the subnets that the ENIConfig objects name")
        }
        return remarks
    }

    // MARK: - Calico

    /// Calico's pools that give addresses to pods. A disabled pool only disables translation.
    var calicoPools: [JSONValue] {
        guard let group = calicoGroup else { return [] }
        return items(.calicoPools(group: group)).filter { pool in
            let uses = pool["spec"]?["allowedUses"]?.elements?.compactMap(\.string) ?? ["Workload"]
            return pool["spec"]?["disabled"]?.boolean != true && uses.contains("Workload")
        }
    }

    /// Calico's disabled pools, by their prefixes.
    var disabledCalicoPools: [IPPrefix] {
        guard let group = calicoGroup else { return [] }
        return items(.calicoPools(group: group)).filter { $0["spec"]?["disabled"]?.boolean == true }
            .compactMap { $0["spec"]?["cidr"]?.string }.compactMap(prefix)
    }

    /// Calico, with the encapsulation of its pools.
    private func calicoCNI() -> Finding? {
        // Pools without an agent are left over from an earlier CNI.
        if runs("calico-node", "calico-vpp-node") == false { return nil }
        if hasFlannel, calicoBlocks.isEmpty { return nil }  // Canal
        let pools = calicoPools
        // Pools of IPv4 first: only they have IP-in-IP.
        let isIPv6 = { (pool: JSONValue) in pool["spec"]?["cidr"]?.string?.contains(":") == true }
        if let pool = pools.first(where: { !isIPv6($0) }) ?? pools.first {
            return calicoCNI(
                ipip: pool["spec"]?["ipipMode"]?.string, vxlan: pool["spec"]?["vxlanMode"]?.string,
                "IPPool \(plainText(pool.name))", pools)
        }
        guard let node = daemonSet("calico-node"),
            Self.variable("CALICO_NETWORKING_BACKEND", of: node) != "none"
        else { return nil }
        let ipip = Self.variable("CALICO_IPV4POOL_IPIP", of: node)
        let vxlan = Self.variable("CALICO_IPV4POOL_VXLAN", of: node)
        guard ipip != nil || vxlan != nil else { return nil }
        return calicoCNI(ipip: ipip, vxlan: vxlan, "the variables of DaemonSet \(Self.place(of: node))", [])
    }

    /// Calico with the encapsulation of these modes.
    private func calicoCNI(
        ipip: String?, vxlan: String?, _ source: String, _ pools: [JSONValue]
    ) -> Finding {
        let ipip = ipip ?? "Never"
        let vxlan = vxlan ?? "Never"
        let cni: CNI = ipip != "Never" ? .calicoIPIP : vxlan != "Never" ? .calicoVXLAN : .calicoBGP
        let mode = ipip != "Never" ? ipip : vxlan
        var remarks: [String] = []
        if mode == "CrossSubnet" {
            remarks.append("CrossSubnet: encapsulated between subnets only, plain routes within one")
        }
        let isIPv6 = { (pool: JSONValue) in pool["spec"]?["cidr"]?.string?.contains(":") == true }
        let modes = Set(
            pools.filter { !isIPv6($0) }.map { pool in
                ["ipipMode", "vxlanMode"].map { pool["spec"]?[$0]?.string ?? "Never" }
            })
        if modes.count > 1 {
            remarks.append("the pools differ in their encapsulation; this is the first one's")
        }
        let words = plainText("\(source): ipipMode \(ipip), vxlanMode \(vxlan)")
        return (Fact(cni, words), remarks)
    }

    /// Confirmed block affinities: the node of each block of addresses.
    var calicoBlocks: [JSONValue] {
        guard let group = calicoGroup else { return [] }
        return items(.calicoBlocks(group: group)).filter { block in
            let isDeleted = block["spec"]?["deleted"]
            let state = block["spec"]?["state"]?.string ?? "confirmed"
            // Blocks of LoadBalancer addresses have a "virtual" owner instead of a node.
            return state == "confirmed" && isDeleted?.string != "true" && isDeleted?.boolean != true
                && block["spec"]?["type"]?.string != "virtual"
        }
    }

    // MARK: - Cilium, flannel, others

    /// Cilium.
    private func ciliumCNI() -> Finding? {
        if runs("cilium", "anetd") == false { return nil }
        if let settings = configMap(named: "cilium-config") {
            let chaining = settings["cni-chaining-mode"]?.string ?? "none"
            if chaining != "none", chaining != "portmap" { return nil }
            return (Fact(.cilium, "ConfigMap kube-system/cilium-config"), ciliumRemarks(settings))
        }
        if !items(.ciliumNodes).isEmpty { return (Fact(.cilium, "CiliumNode objects"), []) }
        return daemonSet("cilium").map { (Fact(.cilium, "DaemonSet \(Self.place(of: $0))"), []) }
    }

    /// How Cilium carries packets, in words; the protocol is that of `tunnel` until 1.13, of
    /// `tunnel-protocol` since.
    private func ciliumRemarks(_ settings: JSONValue) -> [String] {
        if Self.ciliumRoutingMode(settings) == .native {
            let whole =
                settings["ipv4-native-routing-cidr"]?.string ?? settings["native-routing-cidr"]?.string
            return ["native routing: no encapsulation" + (whole.map { " inside of " + plainText($0) } ?? "")]
        }
        let name = settings["tunnel-protocol"]?.string ?? settings["tunnel"]?.string ?? "vxlan"
        return [plainText("tunnel: \(name) between nodes")]
    }

    /// Flannel, by its backend.
    private func flannelCNI() -> Finding? {
        guard hasFlannel else { return nil }
        let annotations = unique(items(.nodes).compactMap { $0.annotation(Self.flannelBackend) })
        let declared = flannelNetwork?["Backend"]?["Type"]?.string
        guard let backend = annotations.first ?? declared else { return nil }
        let source =
            annotations.isEmpty ? "flannel's net-conf.json" : "the annotation \(Self.flannelBackend) of nodes"
        let words = plainText("\(source): \(backend)")
        var remarks: [String] = []
        if annotations.count > 1 {
            remarks.append(plainText("nodes differ: " + annotations.joined(separator: ", ")))
        }
        switch backend.lowercased() {
        case "vxlan": return (Fact(.flannelVXLAN, words), remarks)
        case "host-gw": return (Fact(.flannelHostGateway, words), remarks)
        default: return (Fact(.other, words), remarks)
        }
    }

    /// A CNI that the file has no value for.
    private func otherCNI() -> Finding? {
        if let known = otherAgent { return (Fact(.other, "DaemonSet \(Self.place(of: known))"), []) }
        let type = openShiftNetwork?["status"]?["networkType"]?.string
        return type.map { (Fact(.other, plainText("networkType \($0) of OpenShift's Network cluster")), []) }
    }

    /// The agent of a CNI that has no value of its own in the file; nil if none is seen to run.
    var otherAgent: JSONValue? {
        daemonSet(
            "kindnet", "weave-net", "kube-router", "antrea-agent", "kube-ovn-cni", "ovnkube-node",
            "calico-node", "sdn")
    }
}
