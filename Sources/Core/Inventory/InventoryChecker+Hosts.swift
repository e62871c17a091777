import IPAddressing

extension InventoryChecker {
    /// Nodes and other hosts of clusters: unique names and addresses, and pods if the cluster has them.
    mutating func checkHosts() {
        for cluster in inventory.clusters {
            let path = InventoryPath("clusters") + cluster.key
            checkIdentities(
                nodes: cluster.nodes.map(\.host), hosts: cluster.hosts, pods: cluster.pods,
                services: cluster.services,
                at: path)
            checkNodePods(cluster, at: path)
            checkSubnets(cluster, at: path)
        }
    }

    /// Sites: keys that no cluster has, one router address per family, unique hosts.
    mutating func checkSites() {
        for site in inventory.sites {
            let path = InventoryPath("sites") + site.key
            if clusters[site.key] != nil {
                error(
                    at: path, and: InventoryPath("clusters") + site.key,
                    "found the key \(quoted(site.key)), which is a cluster's; expected a name of its own")
            }
            if site.networks.isEmpty {
                error(at: path + "networks", "found an empty list, expected at least one prefix")
            }
            refuseDuplicates(site.networks, at: path + "networks")
            if Set(site.routers.map(\.family)).count < site.routers.count {
                error(at: path + "router", "found two addresses of one family, expected at most one of each")
            }
            checkIdentities(nodes: [], hosts: site.hosts, pods: [], services: [], at: path)
        }
    }

    /// A host is found by its addresses: in one place each must be unique, and not in a prefix of services.
    private mutating func checkIdentities(
        nodes: [Host], hosts: [Host], pods: [IPPrefix], services: [IPPrefix], at path: InventoryPath
    ) {
        var owners: [IPAddress: InventoryPath] = [:]
        var names: [String: InventoryPath] = [:]
        let virtual = IPPrefixTable(services.map { ($0, $0) })
        let all = nodes.map { ($0, path + "nodes" + $0.name) } + hosts.map { ($0, path + "hosts" + $0.name) }
        for (host, here) in all {
            if let earlier = names.updateValue(here, forKey: host.name) {
                error(
                    at: here, and: earlier,
                    "found \(quoted(host.name)) a second time, expected a name for each host")
            }
            for address in host.addresses {
                if let earlier = owners.updateValue(here, forKey: address) {
                    error(
                        at: here + "address", and: earlier,
                        "found \(address) a second time, expected each address at one host")
                }
                if let services = virtual.longestMatch(address) {
                    error(
                        at: here + "address", and: path + "services",
                        "found \(address), which is inside the services prefix \(services); expected an"
                            + " address that no service can get")
                }
            }
        }
    }

    /// Pod prefixes of nodes lie inside those of the cluster, and no two nodes have the same.
    private mutating func checkNodePods(_ cluster: Cluster, at path: InventoryPath) {
        let all = IPPrefixTable(cluster.pods.map { ($0, $0) })
        var claims: [Claim] = []
        for node in cluster.nodes {
            for (index, prefix) in node.pods.enumerated() {
                let here = (path + "nodes" + node.name + "pods")[index]
                claims.append(Claim(prefix: prefix, path: here, owner: node.name, purpose: "pods"))
                if all.longestMatch(prefix.address)?.contains(prefix) != true {
                    error(
                        at: here, and: cluster.pods.isEmpty ? nil : path + "pods",
                        "found \(prefix), which is outside of the cluster's pods; expected it to be inside"
                            + " a prefix of \(path + "pods")")
                }
            }
        }
        for (outer, inner) in nested(claims) {
            error(
                at: inner.path, and: outer.path,
                "found \(inner.prefix), which overlaps \(outer.prefix) of node \(outer.owner); expected"
                    + " each pod address at one node")
        }
    }

    /// Subnets: prefixes that do not overlap.
    private mutating func checkSubnets(_ cluster: Cluster, at path: InventoryPath) {
        var claims: [Claim] = []
        for subnet in cluster.subnets {
            let here = path + "subnets" + subnet.name + "networks"
            if subnet.networks.isEmpty {
                error(at: here, "found an empty list, expected at least one prefix")
            }
            for (index, prefix) in subnet.networks.enumerated() {
                claims.append(
                    Claim(prefix: prefix, path: here[index], owner: subnet.name, purpose: "networks"))
            }
        }
        for (outer, inner) in nested(claims) {
            error(
                at: inner.path, and: outer.path,
                "found \(inner.prefix), which overlaps \(outer.prefix) of subnet \(outer.owner); expected"
                    + " subnets apart"
            )
        }
    }
}
