import IPAddressing

extension InventoryChecker {
    /// Paths with `map: false` lead to inner addresses, which must be those of one place at their near end.
    mutating func checkUnmappedPaths() {
        var claims: [String: [Claim]] = [:]
        for (index, path) in inventory.paths.enumerated() where !path.isMapped {
            let here = InventoryPath("paths")[index] + "map"
            let near: String
            let far: [String]
            switch path.ends {
            case .oneWay(let from, let to): (near, far) = (from, [to])
            case .mutual(let members): (near, far) = ("[\(index)]", members)
            }
            if !far.contains(where: { clusters[$0]?.isMapped == true }) {
                warn(
                    at: here,
                    "found \"map: false\", but \(far.joined(separator: " and ")) has no map to leave out"
                )
            }
            for key in far {
                guard let cluster = clusters[key] else { continue }
                claims[near, default: []] += path.targets.prefixes(of: cluster).map {
                    Claim(prefix: $0, path: here, owner: key, purpose: "")
                }
            }
        }
        for (near, claims) in claims.sorted(by: { $0.key < $1.key }) {
            let own = (clusters[near].map { $0.pods + $0.services } ?? []).map {
                Claim(prefix: $0, path: InventoryPath("clusters") + near, owner: near, purpose: "")
            }
            for (outer, inner) in nested(claims + own) where outer.owner != inner.owner {
                let (claim, other) = inner.owner == near ? (outer, inner) : (inner, outer)
                guard [claim, other].contains(where: { clusters[$0.owner]?.isMapped == true }) else {
                    continue
                }
                error(
                    at: claim.path, and: other.path == claim.path ? nil : other.path,
                    "found \"map: false\", with which \(inner.prefix) leads to \(claim.owner) and to"
                        + " \(other.owner); expected outer addresses for one of them")
            }
        }
    }

    /// `source: map` takes the near end's map.
    mutating func checkMappedSource(of path: Path, at here: InventoryPath) {
        guard case .oneWay(let from, _) = path.ends else { return }
        guard let map = clusters[from]?.addressMap ?? sites[from]?.addressMap, map.isEmpty else { return }
        let place = (clusters[from] == nil ? "sites" : "clusters" as InventoryPath) + from
        error(
            at: here, and: place,
            "found map, but \(from) has none; expected \"map\" in \(place), inner prefix: outer prefix")
    }

    /// An address of a node or host leads to one machine, unless all that have it are mapped or on no path.
    ///
    /// A node and a host, or two hosts, of one name and address are one machine.
    mutating func checkSharedAddresses() {
        var owners: [IPAddress: (key: String, name: String, isNode: Bool, path: InventoryPath)] = [:]
        func isApart(_ key: String) -> Bool {
            clusters[key]?.isMapped == true || !clustersOnPaths.contains(key)
        }
        for cluster in inventory.clusters {
            let path = InventoryPath("clusters") + cluster.key
            let machines =
                cluster.nodes.map { (host: $0.host, isNode: true, path: path + "nodes" + $0.name) }
                + cluster.hosts.map { (host: $0, isNode: false, path: path + "hosts" + $0.name) }
            for (host, isNode, here) in machines {
                for address in host.addresses {
                    guard let owner = owners[address] else {
                        owners[address] = (cluster.key, host.name, isNode, here)
                        continue
                    }
                    let isOneMachine = owner.name == host.name && !(owner.isNode && isNode)
                    if owner.key == cluster.key || isOneMachine || isApart(owner.key) && isApart(cluster.key)
                    {
                        continue
                    }
                    error(
                        at: here + "address", and: owner.path,
                        "found \(address), which \(owner.name) of cluster \(owner.key) has too; expected each"
                            + " address at one machine, or a \"map\" of both clusters")
                }
            }
        }
    }

    /// Cached answers tell a limited number of standings apart: a client beyond it would see outer addresses
    /// of the cluster that it stands in.
    mutating func checkStandings() {
        let mapped = inventory.clusters.count(where: \.isMapped)
        guard mapped > 0, mapped + inventory.dns.views.count > View.mostViews else { return }
        let standings = ClientStandings(inventory).entries.map(\.standing)
        let views = inventory.dns.views.indices.map { ClientStanding(view: $0) }
        let count = Set(standings + views).subtracting([ClientStanding()]).count
        guard count > View.mostViews else { return }
        error(
            at: "clusters",
            "found \(mapped) clusters with a map and \(inventory.dns.views.count) views, whose clients"
                + " stand in \(count) ways, expected at most \(View.mostViews): a client inside of a cluster"
                + " needs its own answers; leave some of the clusters to another forwarder")
    }

    /// A relay into several clusters whose nodes have the same addresses must know the device to each.
    mutating func checkUplinks() {
        struct Way: Hashable {
            let relay: String
            let own: IPAddress
            let node: IPAddress
        }
        var ways: [(way: Way, end: End, path: InventoryPath)] = []
        for (index, path) in inventory.paths.enumerated() {
            guard case .relay(let relay) = path.carrier, case .oneWay(let from, let to) = path.ends
            else { continue }
            for (position, entry) in relay.relays.prefix(64).enumerated() {
                guard let found = inventory.host(entry.host, in: [to, from]) else { continue }
                let here = (InventoryPath("paths")[index] + "relays")[position]
                for end in mappedEnds(of: path, relay.source, entry, at: found) {
                    for own in found.host.addresses.firstOfEachFamily {
                        for node in end.cluster.nodes.flatMap(\.addresses) where node.family == own.family {
                            ways.append((Way(relay: found.host.name, own: own, node: node), end, here))
                        }
                    }
                }
            }
        }
        var first: [Way: (end: End, path: InventoryPath)] = [:]
        var reported: Set<String> = []
        for (way, end, here) in ways {
            guard let other = first[way] else {
                first[way] = (end, here)
                continue
            }
            guard other.end.cluster.key != end.cluster.key else { continue }
            for (place, into, also) in [(other.path, other.end, end), (here, end, other.end)] {
                guard let option = into.option, reported.insert("\(place) \(option)").inserted else {
                    continue
                }
                let gateway = option == "uplink" ? ", gateway: \(way.node)" : ""
                error(
                    at: place,
                    "found \(way.relay), which cannot tell the nodes of \(into.cluster.key) from those of"
                        + " \(also.cluster.key): both have \(way.node); expected the device into"
                        + " \(into.cluster.key), as in { host: \(way.relay), \(option): eth1\(gateway) }")
            }
        }
    }

    /// A mapped cluster at an end of a path, and the key that shall say by which device the relay reaches it;
    /// nil if that is known.
    private struct End {
        let cluster: Cluster
        let option: String?
    }

    /// The mapped ends of a path through the relay `found`, of which it is no node.
    private func mappedEnds(
        of path: Path, _ source: PathSource, _ entry: Relay, at found: LocatedHost
    ) -> [End] {
        guard case .oneWay(let from, let to) = path.ends else { return [] }
        var ends: [End] = []
        if let far = clusters[to], far.isMapped {
            ends.append(End(cluster: far, option: entry.uplink == nil ? "uplink" : nil))
        }
        if let near = clusters[from], near.isMapped, path.isMapped,
            clusters[to]?.isMapped == true || source == .map
        {
            let known = entry.nearUplink ?? inventory.relayEntry(into: from, at: found)?.uplink
            ends.append(End(cluster: near, option: known == nil ? "near-uplink" : nil))
        }
        return ends.filter { found.place != $0.cluster.key || found.host.device == nil && !found.isNode }
    }
}

extension [IPAddress] {
    fileprivate var firstOfEachFamily: [IPAddress] {
        AddressFamily.allCases.compactMap { family in first { $0.family == family } }
    }
}
