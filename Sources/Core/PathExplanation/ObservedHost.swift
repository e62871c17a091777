import IPAddressing
import Inventory
import NetworkModel
import PacketPath

/// What is known of a host that was observed, besides its state.
struct ObservedHost {
    /// The host.
    let located: LocatedHost
    /// The cluster that it is a node of; nil for other hosts.
    let cluster: Cluster?
    /// The state.
    let state: HostState

    /// Rules are in the state; what eBPF programs and IPVS do is not.
    func knowledge(_ services: ClusterServices?) -> Machine.Knowledge {
        var knowledge = Machine.Knowledge()
        knowledge.forwards = false
        knowledge.edgeDevices = edgeDevices
        knowledge.tunnels = Set(
            state.links.filter { link in
                guard case .other(let kind) = link.kind else { return false }
                return ["ipip", "sit", "gre", "ip6tnl"].contains(kind)
            }.map(\.name))
        if let tunnel = cluster?.tunnel?.device { knowledge.tunnels.insert(tunnel) }
        guard let cluster, let services, !hasRules(cluster) else { return knowledge }
        knowledge.proxies = services.proxies
        return knowledge
    }

    /// True if what translates the cluster's services has its rules in the state.
    private func hasRules(_ cluster: Cluster) -> Bool {
        guard !cluster.calico.usesBPF else { return false }
        return [.iptables, .nftables, .userspace].contains(cluster.kubeProxy.mode)
    }

    /// Devices of pods: pairs and bridges that lead to nothing else.
    private var edgeDevices: Set<String> {
        let own = Set(located.host.addresses)
        let uplinks = Set(
            state.addresses.filter { own.contains($0.address) }.map(\.device)
                + state.routes.filter(\.isDefault).flatMap(\.nextHops).compactMap(\.device))
        return Set(
            state.links.filter { link in
                guard case .other(let kind) = link.kind, !link.isOurs else { return false }
                return ["veth", "bridge"].contains(kind) && !uplinks.contains(link.name)
            }.map(\.name))
    }
}
