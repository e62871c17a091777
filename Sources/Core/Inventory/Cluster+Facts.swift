/// Where a value of a followed cluster comes from.
package enum ValueOrigin: Hashable, Sendable {
    /// The configuration file.
    case file
    /// The cluster: what the value was read from there, and since when it is so, in seconds since 1970.
    case cluster(source: String, since: Int)
}

extension Cluster {
    /// True if it is followed, and its servers are not known yet.
    package var isAwaitingServers: Bool { follow != nil && dns.isEmpty }

    /// Adds what was found to what the file has. Values of the file win: whole keys, and for nodes each node,
    /// whose pod prefixes are the found ones if the file has none.
    ///
    /// Does nothing to a cluster that is not followed.
    package mutating func take(_ facts: ClusterFacts) {
        guard let follow else { return }
        self.facts = facts
        let written = follow.written
        func isFree(_ key: ClusterFacts.Key) -> Bool { !written.contains(key) }
        if isFree(.domain), let found = facts.domain { domain = found.value }
        if isFree(.dns), let found = facts.dns { dns = found.value }
        // Who may read nodes only, such as a kubelet, follows the network of a cluster, not its names.
        if dns.isEmpty, names == Self.defaultNames(key: key) { names = [] }
        if isFree(.pods), let found = facts.pods { pods = found.value }
        if isFree(.services), let found = facts.services { services = found.value }
        if isFree(.cni), let found = facts.cni { cni = found.value }
        if isFree(.kubeProxy), let found = facts.kubeProxy { kubeProxy = found.value }
        // Settings of a CNI that the file says the cluster does not have are no contradiction of the file's.
        if isFree(.cilium), let found = facts.cilium, cni == .cilium || cni == .vpc { cilium = found.value }
        if isFree(.calico), let found = facts.calico, cni?.isCalico == true || cni == .vpc {
            calico = found.value
        }
        if let found = facts.nodes { addNodes(found.value.map(\.node)) }
    }

    /// Adds the found nodes to those of the file.
    private mutating func addNodes(_ found: [Node]) {
        let own = Dictionary(nodes.enumerated().map { ($1.name, $0) }) { first, _ in first }
        let others = Set(hosts.map(\.name))
        for node in found {
            if let index = own[node.name] {
                if nodes[index].pods.isEmpty { nodes[index].pods = node.pods }
            } else if !others.contains(node.name) {
                nodes.append(node)
            }
        }
    }

    /// Where the value of `key` comes from: the file, the cluster, or both for nodes; empty if it is the
    /// default, or the cluster is not followed.
    package func origins(of key: ClusterFacts.Key) -> [ValueOrigin] {
        guard let follow else { return [] }
        let isWritten = follow.written.contains(key)
        var origins: [ValueOrigin] = isWritten ? [.file] : []
        if !isWritten || key == .nodes, let found = facts?.origin(of: key) {
            origins.append(.cluster(source: found.source, since: found.since))
        }
        return origins
    }
}
