import IPAddressing
import Inventory
import NetworkModel

extension KubeProxySettings {
    /// True if kube-proxy hides the address of each of `sources` that asks for a service behind the node
    /// of entry.
    ///
    /// It does so for sources outside of the cluster CIDR of their family; if that family has none, for no
    /// source (writeServiceRules of pkg/proxy/iptables/proxier.go).
    func hides(_ sources: PrefixSet) -> Bool {
        if masqueradeAll { return true }
        let inside = PrefixSet(clusterCIDR.filter { $0.family == sources.family })
        return !inside.isEmpty && !inside.overlaps(sources)
    }
}
