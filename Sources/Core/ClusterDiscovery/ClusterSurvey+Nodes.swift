import IPAddressing
import Inventory
import JSON

extension ClusterSurvey {
    /// The nodes with their addresses, and the pod prefixes that `cni` has given them.
    func findNodes(cni: CNI?) -> (found: Fact<[Node]>?, knowsPrefixes: Bool, remarks: [String]) {
        var remarks: [String] = []
        let isCalico = [.calicoIPIP, .calicoVXLAN, .calicoBGP].contains(cni)
        let blocks = isCalico ? blocksByCalicoName : [:]
        let (prefixes, source) = nodePrefixes(cni: cni, blocks)
        remarks += strayBlocks(blocks)
        var nodes: [Node] = []
        var skipped: [String] = []
        for item in items(.nodes) where isNodeName(item.name) {
            let addresses = Self.internalAddresses(of: item)
            if addresses.isEmpty {
                skipped.append(item.name)
            } else {
                nodes.append(Node(name: item.name, addresses: addresses, pods: prefixes[item.name] ?? []))
            }
        }
        if !skipped.isEmpty {
            remarks.append("without an InternalIP, and left out: " + skipped.joined(separator: ", "))
        }
        if nodes.isEmpty { return (nil, false, remarks) }
        if cni == .vpc, source == nil {
            remarks.append("pods have addresses of the cloud's network: nodes have no prefixes of their own")
        } else if source == nil {
            remarks.append("pod prefixes of nodes were not found")
        }
        if isCalico, source != nil {
            remarks.append(
                "Calico gives out and takes back blocks as pods come and go: look again now and then")
        }
        let words = "InternalIP of the nodes" + (source.map { "; pods: \($0)" } ?? "")
        return (Fact(nodes, words), source != nil, remarks)
    }

    /// Each node's prefixes by its name, and their source; no source if there are none.
    ///
    /// - Parameter blocks: Calico's, by its own name for the node.
    private func nodePrefixes(
        cni: CNI?, _ blocks: [String: [IPPrefix]]
    ) -> ([String: [IPPrefix]], source: String?) {
        switch cni {
        case .calicoIPIP, .calicoVXLAN, .calicoBGP:
            let blocks = calicoPrefixes(blocks)
            if !blocks.isEmpty { return (blocks, "Calico's block affinities") }
            // Calico's own IPAM ignores podCIDR.
            guard calicoUsesPodCIDR else { return ([:], nil) }
        case .cilium:
            let prefixes = ciliumPrefixes
            if !prefixes.isEmpty { return (prefixes, "spec.ipam.podCIDRs of the CiliumNodes") }
            let annotated = annotatedPrefixes
            if !annotated.isEmpty { return (annotated, "Cilium's annotations of the nodes") }
            guard configMap(named: "cilium-config")?["ipam"]?.string ?? "kubernetes" == "kubernetes" else {
                return ([:], nil)
            }
        case .other:
            let subnets = ovnPrefixes
            if !subnets.isEmpty { return (subnets, "the annotation k8s.ovn.org/node-subnets of nodes") }
            let name = otherAgent?.name ?? ""
            guard !["weave-net", "kube-ovn-cni", "ovnkube-node", "sdn"].contains(name) else {
                return ([:], nil)
            }
        default: break
        }
        let nodes = items(.nodes).map { ($0.name, Self.podPrefixes(ofNode: $0)) }.filter { !$0.1.isEmpty }
        let prefixes = Dictionary(nodes) { first, _ in first }
        return (prefixes, prefixes.isEmpty ? nil : "spec.podCIDRs")
    }

    /// True if Calico has each node's podCIDR for its pods: host-local IPAM.
    private var calicoUsesPodCIDR: Bool {
        let agent = daemonSet("calico-node")
        if agent.flatMap({ Self.variable("USE_POD_CIDR", of: $0) }) == "true" { return true }
        return configMap(named: "calico-config")?["cni_network_config"]?.string?.contains("host-local")
            == true
    }

    /// Calico's blocks by the node's name in Kubernetes.
    private func calicoPrefixes(_ blocksByName: [String: [IPPrefix]]) -> [String: [IPPrefix]] {
        var prefixes: [String: [IPPrefix]] = [:]
        let names = Set(items(.nodes).map(\.name))
        for (name, blocks) in blocksByName {
            guard let node = names.contains(name) ? name : kubernetesName(ofCalicoBlocks: blocks) else {
                continue
            }
            prefixes[node, default: []] += blocks
        }
        return prefixes.mapValues { withoutNested($0).sorted() }
    }

    /// Calico's blocks by its own name for the node.
    private var blocksByCalicoName: [String: [IPPrefix]] {
        var blocks: [String: [IPPrefix]] = [:]
        for block in calicoBlocks {
            guard let node = block["spec"]?["node"]?.string,
                let cidr = block["spec"]?["cidr"]?.string.flatMap(prefix)
            else { continue }
            blocks[node, default: []].append(cidr)
        }
        return blocks
    }

    /// The node that Calico calls by a name of its own: the one whose tunnel address, which Calico takes from
    /// one of the node's own blocks, lies in one of `blocks`; nil if there is none.
    private func kubernetesName(ofCalicoBlocks blocks: [IPPrefix]) -> String? {
        let nodes = items(.nodes)
        let tunnels = ["IPv4IPIPTunnelAddr", "IPv4VXLANTunnelAddr", "IPv6VXLANTunnelAddr"]
        return nodes.first { node in
            tunnels.compactMap { node.annotation("projectcalico.org/" + $0).flatMap { IPAddress($0) } }
                .contains { address in blocks.contains { $0.contains(address) } }
        }?.name
    }

    /// Remarks about Calico's blocks that belong to no node of the list.
    private func strayBlocks(_ blocksByName: [String: [IPPrefix]]) -> [String] {
        guard !blocksByName.isEmpty, !items(.nodes).isEmpty else { return [] }
        let names = Set(items(.nodes).map(\.name))
        let others = blocksByName.filter { !names.contains($0.key) }.sorted { $0.key < $1.key }
        return others.compactMap { name, blocks in
            guard kubernetesName(ofCalicoBlocks: blocks) == nil else { return nil }
            let list = blocks.sorted().map(\.description).joined(separator: ", ")
            return plainText(
                "Calico's node \(name) is no node of Kubernetes by name or address; its blocks: \(list)")
        }
    }

    /// OVN-Kubernetes: `{"default": "10.244.0.0/24"}`, or a list for two families.
    private var ovnPrefixes: [String: [IPPrefix]] {
        var prefixes: [String: [IPPrefix]] = [:]
        for node in items(.nodes) {
            guard let text = node.annotation("k8s.ovn.org/node-subnets"),
                let subnets = (try? JSONReader.read(Array(text.utf8)))?["default"]
            else { continue }
            let texts = subnets.elements?.compactMap(\.string) ?? [subnets.string].compactMap(\.self)
            let found = texts.compactMap(prefix)
            if !found.isEmpty { prefixes[node.name] = found }
        }
        return prefixes
    }

    /// The pod prefixes in the CiliumNode objects.
    private var ciliumPrefixes: [String: [IPPrefix]] {
        var prefixes: [String: [IPPrefix]] = [:]
        for node in items(.ciliumNodes) {
            let ipam = node["spec"]?["ipam"]
            let pools = ipam?["pools"]?["allocated"]?.elements ?? []
            let texts =
                (ipam?["podCIDRs"]?.elements ?? []) + pools.flatMap { $0["cidrs"]?.elements ?? [] }
            let found = texts.compactMap(\.string).compactMap(prefix)
            if !found.isEmpty { prefixes[node.name] = unique(found) }
        }
        return prefixes
    }

    /// `network.cilium.io/ipv4-pod-cidr`; before Cilium 1.12 `io.cilium.network.ipv4-pod-cidr`.
    private var annotatedPrefixes: [String: [IPPrefix]] {
        var prefixes: [String: [IPPrefix]] = [:]
        for node in items(.nodes) {
            let texts = ["ipv4-pod-cidr", "ipv6-pod-cidr"].compactMap {
                node.annotation("network.cilium.io/\($0)") ?? node.annotation("io.cilium.network.\($0)")
            }
            let found = texts.compactMap(prefix)
            if !found.isEmpty { prefixes[node.name] = found }
        }
        return prefixes
    }
}

/// True for a name that the configuration file accepts for a node.
func isNodeName(_ name: String) -> Bool {
    (1...253).contains(name.utf8.count)
        && name.utf8.allSatisfy { isLetterOrDigit($0) || [UInt8](".-_".utf8).contains($0) }
}
