import IPAddressing

extension InventoryChecker {
    /// Warnings of what can be meant, but is almost always a slip: a prefix without its length, a cluster
    /// that nothing is known of, a DNS server that is another cluster's.
    mutating func checkSlips() {
        for cluster in inventory.clusters {
            let path = InventoryPath("clusters") + cluster.key
            warnOfMissingLength(cluster.pods, at: path + "pods")
            warnOfMissingLength(cluster.services, at: path + "services")
            warnOfNothingKnown(cluster, at: path)
            warnOfForeignServers(cluster, at: path + "dns")
        }
        for site in inventory.sites {
            warnOfMissingLength(site.networks, at: InventoryPath("sites") + site.key + "networks")
        }
        let dns = InventoryPath("dns")
        warnOfMissingLength(inventory.dns.clients, at: dns + "clients")
        for (index, view) in inventory.dns.views.enumerated() {
            warnOfMissingLength(view.clients, at: (dns + "views")[index] + "clients")
        }
    }

    /// A prefix of one address that ends in zeros, as that of a network does.
    private mutating func warnOfMissingLength(_ prefixes: [IPPrefix], at path: InventoryPath) {
        for (index, prefix) in prefixes.enumerated() where prefix == IPPrefix(only: prefix.address) {
            let zeros = prefix.family == .v4 ? 8 : 64
            let network = IPPrefix(around: prefix.address, length: prefix.length - zeros)
            guard network?.address == prefix.address, prefix.address.bits != 0 else { continue }
            warn(
                at: path[index],
                "found \(prefix.address), which is one address; expected a prefix with its length, such as"
                    + " \(prefix.address)/\(prefix.family == .v4 ? 16 : 64)")
        }
    }

    /// A cluster that has neither servers nor addresses.
    private mutating func warnOfNothingKnown(_ cluster: Cluster, at path: InventoryPath) {
        // Names without servers are an error already.
        guard cluster.dns.isEmpty, cluster.names.isEmpty, cluster.also.isEmpty, cluster.pods.isEmpty,
            cluster.services.isEmpty, cluster.nodes.isEmpty, cluster.hosts.isEmpty, cluster.follow == nil
        else { return }
        warn(
            at: path,
            "found nothing that leads to the cluster: its names are not answered, and no path can carry its"
                + " packets; expected \"dns\", such as dns: 10.96.0.10")
    }

    /// A server in the ranges of another cluster, and in none of its own.
    private mutating func warnOfForeignServers(_ cluster: Cluster, at path: InventoryPath) {
        for (index, server) in cluster.dns.enumerated() {
            func holds(_ other: Cluster) -> Bool {
                (other.pods + other.services).contains { $0.contains(server.address) }
            }
            guard !cluster.isMapped, !holds(cluster),
                let owner = inventory.clusters.first(where: { !$0.isMapped && holds($0) })
            else { continue }
            warn(
                at: path[index],
                "found \(server), which is an address of cluster \(owner.key); expected a server of"
                    + " \(cluster.key)")
        }
    }
}
