/// What is known of a cluster's Cilium: keys of its ConfigMap cilium-config.
package struct CiliumSettings: Hashable, Sendable {
    /// `bpf-lb-external-clusterip`: whether ClusterIPs answer clients from outside of the cluster, where
    /// Cilium does the work of kube-proxy. Default: false.
    package var servesOutsiders = false

    /// `enable-bpf-masquerade`: whether eBPF programs translate the sources of pods. Default: false.
    package var masqueradesInBPF = false

    /// `enable-host-legacy-routing`: whether packets to pods pass the node's own routing and netfilter
    /// although Cilium could do without. Default: false.
    package var routesInHost = false

    /// `routing-mode`. Default: tunnel.
    package var routingMode = CiliumRoutingMode.tunnel

    /// Creates Cilium settings.
    package init() {}
}

/// How Cilium's packets reach pods on other nodes.
package enum CiliumRoutingMode: String, Hashable, Sendable, CaseIterable {
    case tunnel, native
}

/// What is known of a cluster's Calico: fields of its FelixConfiguration.
package struct CalicoSettings: Hashable, Sendable {
    /// `bpfEnabled`: whether eBPF programs carry the packets of pods and services. Default: false.
    package var usesBPF = false

    /// Creates Calico settings.
    package init() {}
}
