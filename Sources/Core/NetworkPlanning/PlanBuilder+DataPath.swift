import Inventory
import NetworkModel

/// Packets that a cluster's eBPF programs forward on nodes without the rules of netfilter.
enum NetfilterBypass {
    case none
    /// Packets to the pods of the node that they come in by.
    case ownPods
    case allPods
}

extension Cluster {
    /// True if Cilium does the work of kube-proxy.
    private var ciliumServes: Bool {
        (cni == .cilium || cilium != nil) && kubeProxy.mode == .none
    }

    /// True if no ClusterIP answers clients from outside of the cluster.
    var servesOnlyInsiders: Bool { ciliumServes && cilium?.servesOutsiders != true }

    /// True if answers of services come back by the node that a client from outside came in by: kube-proxy
    /// hides the client behind the node, or eBPF programs remember the way.
    func hides(_ sources: PrefixSet) -> Bool {
        ciliumServes || calico.usesBPF || kubeProxy.hides(sources)
    }

    /// Cilium's own routing needs its replacement of kube-proxy and its masquerading (Linux 5.10 and later);
    /// without a tunnel it leaves what is for other nodes to the host.
    var netfilterBypass: NetfilterBypass {
        if calico.usesBPF { return .allPods }
        guard ciliumServes, let cilium, cilium.masqueradesInBPF, !cilium.routesInHost else { return .none }
        return cilium.routingMode == .native ? .ownPods : .allPods
    }
}

extension PlanBuilder {
    /// Warns if the services of `cluster` do not answer who comes from outside.
    ///
    /// - Parameter device: A device of ours that the packets come in by; nil for one of the host.
    mutating func noteServices(of cluster: Cluster, cameInBy device: String? = nil, because: String) {
        guard cluster.servesOnlyInsiders, !cluster.services.isEmpty else { return }
        let devices = device.map { ", add \($0) to Cilium's devices" } ?? ""
        note(
            .warning,
            "\(because): Cilium of \(cluster.key) drops what clients from outside ask ClusterIPs, unless"
                + " bpf-lb-external-clusterip is true: set it in ConfigMap kube-system/cilium-config (Helm:"
                + " bpf.lbExternalClusterIP)\(devices), restart Cilium's pods, and say so in"
                + " clusters.\(cluster.key).cilium; or lead the path to pods alone (targets: [pods])")
    }

    /// Warns if this host, a node of `cluster` and the relay of a path to it, forwards packets to pods
    /// without the rules that are planned for them.
    mutating func noteBypass(of cluster: Cluster, because: String) {
        let programs = cluster.calico.usesBPF ? "Calico" : "Cilium"
        let legacy =
            cluster.calico.usesBPF
            ? "" : ", or set enable-host-legacy-routing: \"true\" in ConfigMap kube-system/cilium-config"
        switch cluster.netfilterBypass {
        case .none: break
        case .ownPods:
            note(
                .advice,
                "\(because): eBPF programs of \(programs) deliver to the pods on \(host.host.name) past"
                    + " netfilter: they see clients by their own addresses, and no rule here counts or drops"
                    + " that; a relay that is no node treats all pods the same\(legacy)")
        case .allPods:
            note(
                .warning,
                "\(because): eBPF programs of \(programs) forward packets to pods past the netfilter of"
                    + " \(host.host.name): sources are not translated there, so that pods on other nodes"
                    + " answer past this relay: use a relay that is no node of \(cluster.key)\(legacy)")
        }
    }
}
