import IPAddressing

extension InventoryChecker {
    /// `dns.announce`: hosts that exist, and addresses that the forwarder listens on and nothing else has.
    mutating func checkAnnouncement() {
        guard let announce = inventory.dns.announce else { return }
        let here = InventoryPath("dns") + "announce"
        let places = inventory.sites.map(\.key) + clusterKeys
        refuseDuplicates(announce.hosts.map(\.host), at: here + "hosts")
        if announce.hosts.isEmpty {
            error(at: here + "hosts", "found an empty list, expected the hosts that forwarders run on")
        }
        for (index, entry) in announce.hosts.enumerated() where inventory.forwarder(entry) == nil {
            unknown(
                entry.host, at: (here + "hosts")[index], expected: "a host of a site or cluster",
                among: inventory.hosts.map { places.count > 1 ? "\($0.place)/\($0.host.name)" : $0.host.name }
            )
        }
        if Set(announce.addresses.map(\.family)).count < announce.addresses.count {
            error(at: here + "address", "found two addresses of one family, expected at most one of each")
        }
        checkFailover(of: announce, at: here)
        for address in announce.addresses { checkServiceAddress(address, at: here + "address") }
        if announce.hosts.count > 1, inventory.dns.cookieSecretFile == nil {
            warn(
                at: here,
                "found several forwarders at one address and no \"cookie-secret-file\": each refuses the"
                    + " cookies of the others; expected a file with the same secret on each")
        }
    }

    private mutating func checkFailover(of announce: ServiceAnnouncement, at here: InventoryPath) {
        switch announce.failover {
        case .bgp: break
        case .vrrp:
            if announce.vrrpID == nil {
                error(
                    at: here, "found no \"vrrp\", expected \"vrrp: { id: NUMBER }\" with \"failover: vrrp\"")
            }
            if announce.addresses.count > 1 {
                error(
                    at: here + "address",
                    "found addresses of two families, expected one with \"failover: vrrp\"")
            }
        case .agent, .dns:
            error(
                at: here + "failover",
                "found \(announce.failover.rawValue), expected bgp or vrrp: nothing else leads clients to"
                    + " another forwarder")
        }
    }

    private mutating func checkServiceAddress(_ address: IPAddress, at place: InventoryPath) {
        let listens = inventory.dns.listen.contains { endpoint in
            endpoint.address == address
                || endpoint.address.isUnspecified && (endpoint.address.family == address.family)
        }
        if !listens {
            error(
                at: place, and: InventoryPath("dns") + "listen",
                "found \(address), which the forwarder does not listen on, expected it or"
                    + " \(address.family == .v4 ? "0.0.0.0" : "::") in dns.listen")
        }
        let cluster = inventory.clusters.first { cluster in
            (cluster.pods + cluster.services + cluster.outerRanges).contains { $0.contains(address) }
        }
        if let cluster {
            error(
                at: place, and: InventoryPath("clusters") + cluster.key,
                "found \(address), which is an address of \(cluster.key), expected one that nothing else has")
        } else if let owner = inventory.hosts.first(where: { $0.host.addresses.contains(address) }) {
            error(
                at: place,
                "found \(address), which is \(owner.host.name)'s own, expected one that no host has")
        }
    }
}
