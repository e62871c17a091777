package import IPAddressing

extension InventoryChecker {
    /// Paths: ends that exist, and hosts that can carry them.
    mutating func checkPaths() {
        var known: [PathEnds: (index: Int, targets: PathTargets)] = [:]
        for (index, path) in inventory.paths.enumerated() {
            let here = InventoryPath("paths")[index]
            if !path.targets.pods, !path.targets.services {
                error(at: here + "targets", "found an empty list, expected pods, services or both")
            }
            checkEnds(path.ends, at: here)
            checkOwnNetworks(of: path, at: here)
            if let earlier = known[path.ends], earlier.targets.overlaps(path.targets) {
                error(
                    at: here, and: InventoryPath("paths")[earlier.index],
                    "found a second path between the same ends, expected one for each target")
            }
            known[path.ends] = (index, path.targets)
            checkHealth(of: path, at: here)
            switch path.carrier {
            case .relay(let relay): checkRelay(relay, of: path, at: here)
            case .routed: checkNodes(of: path, at: here)
            case .vxlan(let mesh):
                checkNodes(of: path, at: here)
                checkMesh(mesh, of: path, at: here)
            }
        }
        checkMeshIdentities()
    }

    // MARK: Ends

    /// The ends exist, and differ.
    private mutating func checkEnds(_ ends: PathEnds, at path: InventoryPath) {
        switch ends {
        case .oneWay(let from, let to):
            let keys = inventory.sites.map(\.key) + clusterKeys
            if clusters[from] == nil, sites[from] == nil {
                unknown(from, at: path + "from", expected: "a site or a cluster", among: keys)
            }
            if sites[to] != nil, clusters[to] == nil {
                error(
                    at: path + "to",
                    "found the site \(to), expected a cluster: connections are opened from a site to a"
                        + " cluster"
                )
            } else {
                checkMember(to, at: path + "to")
            }
            if from == to {
                error(at: path + "to", "found the same at both ends, expected two different ones")
            }
        case .mutual(let members):
            if members.count < 2 {
                error(at: path + "between", "found \(members.count) of them, expected two or more clusters")
            }
            refuseDuplicates(members, at: path + "between")
            for (index, member) in members.enumerated() { checkMember(member, at: (path + "between")[index]) }
        }
    }

    /// A cluster of `between` exists and has prefixes.
    private mutating func checkMember(_ key: String, at path: InventoryPath) {
        guard let cluster = clusters[key] else {
            return unknown(key, at: path, expected: "a cluster", among: clusterKeys)
        }
        if cluster.pods.isEmpty, cluster.services.isEmpty {
            error(
                at: path, and: InventoryPath("clusters") + key,
                "found \(key), which has neither pods nor services; expected a cluster with prefixes to reach"
            )
        }
    }

    /// A site whose own networks include a cluster's addresses never sends packets to the cluster.
    private mutating func checkOwnNetworks(of checked: Path, at path: InventoryPath) {
        guard case .oneWay(let from, let to) = checked.ends, let site = sites[from],
            let cluster = clusters[to],
            !cluster.isMapped || !checked.isMapped
        else { return }
        let sitePath = InventoryPath("sites") + from + "networks"
        let clusterPath = InventoryPath("clusters") + to
        var claims = site.networks.enumerated().map {
            Claim(prefix: $1, path: sitePath[$0], owner: "site", purpose: "networks")
        }
        for (purpose, prefixes) in [("pods", cluster.pods), ("services", cluster.services)] {
            claims += prefixes.enumerated().map {
                Claim(prefix: $1, path: (clusterPath + purpose)[$0], owner: "cluster", purpose: purpose)
            }
        }
        for (outer, inner) in nested(claims) where outer.owner != inner.owner {
            let (far, near) = outer.owner == "site" ? (inner, outer) : (outer, inner)
            error(
                at: near.path, and: far.path,
                "found \(near.prefix), which overlaps \(far.prefix) of cluster \(to): site \(from) takes"
                    + " these addresses for its own and never sends them to \(path); expected networks"
                    + " apart, or a \"map\" of the cluster")
            if !cluster.isMapped { needMap(to) }
        }
    }

    // MARK: Hosts

    /// The relays exist and can translate as configured.
    private mutating func checkRelay(_ relay: RelaySettings, of path: Path, at here: InventoryPath) {
        let places = Array(path.ends.keys.reversed())
        if relay.relays.count > 64 {
            return error(at: here + "relays", "found \(relay.relays.count) relays, expected at most 64")
        }
        if relay.relays.isEmpty {
            error(at: here + "relays", "found an empty list, expected at least one host that forwards")
        }
        refuseDuplicates(relay.relays.map(\.host), at: here + "relays")
        for (index, entry) in relay.relays.enumerated() {
            let place = (here + "relays")[index]
            if Set(entry.gateways.map(\.family)).count < entry.gateways.count {
                error(
                    at: place + "gateway", "found two addresses of one family, expected at most one of each")
            }
            guard let found = locate(entry.host, in: places, at: place) else { continue }
            checkFamilies(of: found, path, at: place)
        }
        if relay.source == .map { checkMappedSource(of: path, at: here + "source") }
        if let endpoint = relay.endpoint { _ = locate(endpoint, in: places, at: here + "endpoint") }
        if relay.failover == .vrrp, relay.source == .keep || relay.source == .map {
            error(
                at: here + "failover",
                "found \"vrrp\" with a kept source, expected \"agent\" or \"bgp\": answers would need a"
                    + " virtual address in the cluster's network as well")
        }
        checkMaps(of: relay, path, at: here)
        checkFailover(relay, in: places, at: here)
        guard case .snat(.addresses(let addresses)) = relay.source else { return }
        if relay.relays.count > 1 {
            error(
                at: here + "snat",
                "found an address and \(relay.relays.count) relays, expected \"masquerade\" or \"node\":"
                    + " replies must come back to the relay that sent the question")
        }
        if Set(addresses.map(\.family)).count < addresses.count {
            error(at: here + "snat", "found two addresses of one family, expected at most one of each")
        }
    }

    /// What `failover` ignores, and what keepalived needs to know of the relays.
    private mutating func checkFailover(_ relay: RelaySettings, in places: [String], at here: InventoryPath) {
        guard relay.failover == .bgp || relay.failover == .vrrp else { return }
        for (index, entry) in relay.relays.enumerated() where entry.weight > 1 {
            warn(
                at: (here + "relays")[index] + "weight",
                "found a weight, which has no effect with \"failover: \(relay.failover.rawValue)\";"
                    + " expected \"priority\", or \"failover: agent\"")
        }
        guard let vrrp = relay.vrrp else { return }
        let hosts = relay.relays.compactMap { inventory.host($0.host, in: places)?.host }
        let bare = hosts.filter { $0.device == nil }.map(\.name)
        if vrrp.interface == nil, !bare.isEmpty {
            warn(
                at: here + "vrrp",
                "found no interface for the address on \(bare.joined(separator: ", ")), expected"
                    + " \"interface\" here or \"device\" at the host: keepalived's configuration needs it")
        }
        let networks =
            places.flatMap { place in
                (sites[place]?.networks ?? []) + (clusters[place]?.subnets.flatMap(\.networks) ?? [])
            }
        let apart = hosts.filter { host in
            !host.addresses.contains { isNeighbour(vrrp.address, of: $0, among: networks) }
        }
        if !apart.isEmpty {
            warn(
                at: here + "vrrp" + "address",
                "found \(vrrp.address), which seems to be in no network of"
                    + " \(apart.map(\.name).joined(separator: ", ")); expected an address of the network that"
                    + " all relays are in")
        }
    }

    /// True if both addresses may be in one network: one of `networks` if that has the second, else one with
    /// at least 16 bits of IPv4 or 64 of IPv6 in common.
    private func isNeighbour(_ address: IPAddress, of own: IPAddress, among networks: [IPPrefix]) -> Bool {
        guard address.family == own.family else { return false }
        let around = networks.filter { $0.contains(own) }
        guard around.isEmpty else { return around.contains { $0.contains(address) } }
        let length = own.family == .v4 ? 16 : 64
        return IPPrefix(around: address, length: length)?.contains(own) == true
    }

    /// The host that `reference` means; reports a reference to none.
    private mutating func locate(
        _ reference: String, in places: [String], at path: InventoryPath
    ) -> LocatedHost? {
        if let found = inventory.host(reference, in: places) { return found }
        // In place of one that does not exist, which has been reported already, any may have been meant.
        let isKnown = places.allSatisfy { clusters[$0] != nil || sites[$0] != nil }
        let places = isKnown ? places : clusterKeys + inventory.sites.map(\.key)
        if !isKnown, inventory.host(reference, in: places) != nil { return nil }
        var known: [String] = []
        for place in places {
            let names =
                (clusters[place].map { $0.nodes.map(\.name) + $0.hosts.map(\.name) } ?? [])
                + (sites[place]?.hosts.map(\.name) ?? [])
            known += reference.contains("/") ? names.map { place + "/" + $0 } : names
        }
        unknown(
            reference, at: path,
            expected: isKnown ? "a node or host of \(places.joined(separator: " or "))" : "a node or host",
            among: known)
        return nil
    }

    /// A relay can carry a family only if it has an address of it.
    private mutating func checkFamilies(of relay: LocatedHost, _ path: Path, at here: InventoryPath) {
        guard case .oneWay(_, let to) = path.ends, let cluster = clusters[to], !relay.host.addresses.isEmpty
        else { return }
        for family in AddressFamily.allCases
        where !relay.host.addresses.contains(where: { $0.family == family }) {
            guard path.targets.prefixes(of: cluster).contains(where: { $0.family == family }) else {
                continue
            }
            warn(
                at: here, and: InventoryPath("clusters") + to,
                "found \(relay.host.name), which has no IP\(family) address: the IP\(family) prefixes of"
                    + " \(to) are not reached by this path")
        }
    }

    /// Routes to pods lead to nodes, so the nodes must be known.
    private mutating func checkNodes(of path: Path, at here: InventoryPath) {
        let receivers: [String] =
            switch path.ends {
            case .oneWay(_, let to): [to]
            case .mutual(let members): members
            }
        for key in receivers {
            guard let cluster = clusters[key] else { continue }
            let clusterPath = InventoryPath("clusters") + key
            if cluster.nodes.isEmpty {
                error(
                    at: here + "via", and: clusterPath,
                    "found a path to the nodes of \(key), which names none; expected \"nodes\" in"
                        + " \(clusterPath)"
                )
            }
            for node in cluster.nodes where node.pods.isEmpty && path.targets.pods && !cluster.pods.isEmpty {
                warn(
                    at: clusterPath + "nodes" + node.name, and: here,
                    "found no \"pods\" of node \(node.name): its pods are not reached")
            }
        }
    }
}

extension PathTargets {
    /// True if some prefix belongs to both.
    fileprivate func overlaps(_ other: PathTargets) -> Bool {
        pods && other.pods || services && other.services
    }

    /// The prefixes of `cluster` that the path carries.
    package func prefixes(of cluster: Cluster) -> [IPPrefix] {
        (pods ? cluster.pods : []) + (services ? cluster.services : [])
    }
}
