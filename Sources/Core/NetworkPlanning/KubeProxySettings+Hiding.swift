import IPAddressing
import Inventory
import NetworkModel

extension KubeProxySettings {
    /// True if kube-proxy hides each of `sources` that asks for a service behind the node that it came in by.
    ///
    /// It does so with sources outside of the cluster CIDR of their family; where that family has none, with
    /// no source (writeServiceRules of pkg/proxy/iptables/proxier.go).
    func hides(_ sources: PrefixSet) -> Bool {
        if masqueradeAll { return true }
        let inside = PrefixSet(clusterCIDR.filter { $0.family == sources.family })
        return !inside.isEmpty && !inside.overlaps(sources)
    }
}
