import IPAddressing
package import Inventory

/// Rows for the route tables of a cloud network: destination, next-hop type, next hop, note; separated
/// by tabulators.
enum VPCRendering {
    /// The text for one route table.
    static func text(_ routes: [RouteAdvice], table: String, of cluster: String) -> String {
        guard !routes.isEmpty else { return "" }
        var text =
            "# \(cluster): route table \(table); switch the source/destination check of the next hops off\n"
        text += "# destination\tnext-hop type\tnext hop\tnote\n"
        for route in routes {
            text += route.lines { "\(route.destination)\tVM\t\($0.name) (\($0.address))\t\(route.because)" }
        }
        return text
    }
}

/// IPPools that assign no address and prevent Calico from translating sources towards the peers' prefixes,
/// for `calicoctl apply -f` (the resource of `projectcalico.org/v3`, which checks them).
enum CalicoRendering {
    /// The text for one cluster.
    static func text(_ pools: [AddressPool], of cluster: String) -> String {
        guard !pools.isEmpty else { return "" }
        return "# cluster \(cluster): calicoctl apply -f FILE\n"
            + pools.map { pool in
                """
                # \(pool.because)
                apiVersion: projectcalico.org/v3
                kind: IPPool
                metadata:
                  name: \(pool.name)
                spec:
                  cidr: \(pool.prefix)\(blockSize(pool.prefix))
                  disabled: true
                  natOutgoing: false

                """
            }.joined(separator: "---\n")
    }

    /// A pool holds at least one block, of 2^6 addresses by default.
    private static func blockSize(_ prefix: IPPrefix) -> String {
        prefix.length > prefix.family.bitWidth - 6 ? "\n  blockSize: \(prefix.length)" : ""
    }
}

/// The field of the KubeProxyConfiguration that hides outside clients behind the node that they came in by.
enum KubeProxyRendering {
    /// Empty if it is not kube-proxy that translates services.
    static func text(for cluster: Cluster) -> String {
        guard let section = cluster.kubeProxy.mode.section else { return "" }
        let pods = cluster.pods.map(\.description).joined(separator: ",")
        return """
            # cluster \(cluster.key): ConfigMap kube-system/kube-proxy, key config.conf
            # (KubeProxyConfiguration); then: kubectl -n kube-system rollout restart daemonset kube-proxy
            # Either every client of services (pods see nodes instead of each other):
            \(section):
              masqueradeAll: true
            # or only clients from outside of the cluster:
            # clusterCIDR: "\(pods)"

            """
    }
}

extension KubeProxyMode {
    /// The section of KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1) that has `masqueradeAll` for
    /// this mode; nil if none has.
    fileprivate var section: String? {
        switch self {
        case .iptables, .ipvs: "iptables"
        case .nftables: "nftables"
        case .userspace, .none: nil
        }
    }

    /// As in `iptables.masqueradeAll`; nil if there is no such field.
    package var masqueradeAllField: String? { section.map { $0 + ".masqueradeAll" } }
}
