import IPAddressing

extension InventoryChecker {
    /// Maps: inner ranges that their place has, outer ranges that nothing else uses, and paths and views that
    /// go with them.
    mutating func checkMaps() {
        checkRelayMaps()
        for cluster in inventory.clusters where cluster.isMapped && !cluster.isMappedByRelays {
            let path = InventoryPath("clusters") + cluster.key
            let place = MappedPlace(cluster, leftOut: "are not reached from outside")
            checkInnerRanges(cluster.addressMap, at: path, of: place)
            checkServers(of: cluster, at: path + "dns")
        }
        for site in inventory.sites where !site.addressMap.isEmpty {
            let place = MappedPlace(site, leftOut: "stay as they are")
            checkInnerRanges(site.addressMap, at: place.path, of: place)
        }
        checkOuterRanges()
        checkUnmappedPaths()
        checkSharedAddresses()
        checkUplinks()
    }

    /// Says for each cluster that needs a map which line to add.
    mutating func proposeMaps(besides hostRoutes: () -> [IPPrefix]) {
        guard !clustersInNeedOfMap.isEmpty else { return }
        let keys = clusterKeys.filter(Set(clustersInNeedOfMap).contains)
        let proposals = inventory.proposedMaps(for: keys, besides: hostRoutes())
        for key in keys {
            let leaving = clustersOnPaths.contains(key) ? "its prefixes and its paths" : "its prefixes"
            error(
                at: InventoryPath("clusters") + key,
                "found no \"map\" for addresses that another network has too; expected"
                    + " \(Self.expectation(proposals[key])); if its names are enough, leave out \(leaving)")
        }
    }

    private static func expectation(_ map: PrefixMap?) -> String {
        guard let map else {
            return "\"map: { inner prefix: outer prefix }\", for which no private range is free"
        }
        let isShared = map.pairs.contains { sharedSpace?.contains($0.outer) == true }
        let condition = isShared ? " (unless Tailscale, NetBird or Firezone use \(sharedSpaceText))" : ""
        return "this line: \(map.line)\(condition)"
    }

    // MARK: Ranges

    /// Each inner range must be inside one of the place's own; ranges outside of the map are reported.
    ///
    /// - Parameter path: Where the map stands.
    mutating func checkInnerRanges(_ map: PrefixMap, at path: InventoryPath, of place: MappedPlace) {
        let words = place.ranges.map(\.key).joined(separator: " and ")
        let table = IPPrefixTable(place.ranges.flatMap(\.prefixes).map { ($0, $0) })
        var claims: [Claim] = []
        for pair in map.pairs {
            let here = path + "map" + pair.inner.description
            claims.append(Claim(prefix: pair.inner, path: here, owner: "", purpose: ""))
            guard table.longestMatch(pair.inner.address)?.contains(pair.inner) != true else { continue }
            if place.isAwaited {
                warn(
                    at: here,
                    "found \(pair.inner), and not all of \(words) are known yet: it is used once \"namebridge"
                        + " follow\" has found them")
            } else {
                error(
                    at: here,
                    "found \(pair.inner), which is outside of \(words), expected a prefix inside them")
            }
        }
        for (outer, inner) in nested(claims) {
            error(
                at: inner.path, and: outer.path,
                "found \(inner.prefix), which overlaps \(outer.prefix); expected one outer address for each"
                    + " inner one")
        }
        var mapped: [IPPrefix: UInt128] = [:]
        for pair in map.pairs {
            guard let holder = table.longestMatch(pair.inner.address) else { continue }
            mapped[holder, default: 0] &+= pair.inner.addressCount
        }
        for (key, prefixes) in place.ranges {
            for (index, prefix) in prefixes.enumerated() where mapped[prefix] != prefix.addressCount {
                warn(
                    at: (place.path + key)[index], and: path + "map",
                    "found \(prefix), of which \"map\" leaves addresses out: they \(place.leftOut)")
            }
        }
    }

    /// A server that the map leaves out can be asked inside of the cluster only.
    private mutating func checkServers(of cluster: Cluster, at path: InventoryPath) {
        let inner = IPPrefixTable((cluster.pods + cluster.services).map { ($0, true) })
        for (index, server) in cluster.dns.enumerated()
        where inner.longestMatch(server.address) != nil && cluster.addressMap.outer(of: server.address) == nil
        {
            warn(
                at: path[index], and: InventoryPath("clusters") + cluster.key + "map",
                "found \(server.address), which \"map\" leaves out: it can be asked inside of the"
                    + " cluster only"
            )
        }
    }

    /// An outer range leads to its owner from everywhere, so that nothing else may have an address of it.
    private mutating func checkOuterRanges() {
        var outers: [Claim] = []
        for cluster in inventory.clusters where !cluster.isMappedByRelays {
            outers += outerRanges(of: cluster.addressMap, at: InventoryPath("clusters") + cluster.key)
        }
        for entry in relaysWithMap { outers += outerRanges(of: entry.map, at: entry.path) }
        for site in inventory.sites {
            outers += outerRanges(of: site.addressMap, at: InventoryPath("sites") + site.key)
        }
        guard !outers.isEmpty else { return }
        for outer in outers {
            warnOfForeignSpace(outer.prefix, at: outer.path)
            if let sharedSpace, sharedSpace.overlaps(outer.prefix) {
                warn(
                    at: outer.path,
                    "found \(outer.prefix), which is inside of \(sharedSpaceText): Tailscale, NetBird and"
                        + " Firezone give their machines such addresses; expected private ones (RFC 1918)"
                        + " where they are used")
            }
        }
        for (wide, narrow) in nested(outers + reachablePrefixes()) {
            guard let claim = [narrow, wide].first(where: { !$0.owner.isEmpty }) else { continue }
            let other = claim.path == narrow.path ? wide : narrow
            error(
                at: claim.path, and: other.path,
                "found \(claim.prefix), which overlaps \(other.prefix); expected a range that nothing"
                    + " else uses"
            )
        }
    }

    private func outerRanges(of map: PrefixMap, at path: InventoryPath) -> [Claim] {
        map.pairs.map {
            Claim(
                prefix: $0.outer, path: path + "map" + $0.inner.description, owner: path.description,
                purpose: "map")
        }
    }

    /// Everything but outer ranges that somewhere an address of leads to something, without an owner.
    private func reachablePrefixes() -> [Claim] {
        var claims: [Claim] = []
        func add(_ prefixes: [IPPrefix], _ path: InventoryPath) {
            claims += prefixes.enumerated().map { index, prefix in
                Claim(prefix: prefix, path: path[index], owner: "", purpose: "")
            }
        }
        func add(_ hosts: [Host], _ path: InventoryPath) {
            for host in hosts { add(host.addresses.map(IPPrefix.init(only:)), path + host.name + "address") }
        }
        for cluster in inventory.clusters {
            let path = InventoryPath("clusters") + cluster.key
            add(cluster.pods, path + "pods")
            add(cluster.services, path + "services")
            add(cluster.nodes.map(\.host), path + "nodes")
            add(cluster.hosts, path + "hosts")
            for subnet in cluster.subnets {
                add(subnet.networks, path + "subnets" + subnet.name + "networks")
            }
        }
        for site in inventory.sites {
            let path = InventoryPath("sites") + site.key
            add(site.networks, path + "networks")
            add(site.routers.map(IPPrefix.init(only:)), path + "router")
            add(site.hosts, path + "hosts")
        }
        for (index, path) in inventory.paths.enumerated() {
            guard case .vxlan(let mesh) = path.carrier else { continue }
            add([mesh.network], InventoryPath("paths")[index] + "vxlan" + "network")
        }
        add(inventory.dns.upstream.map { IPPrefix(only: $0.address.unmapped) }, "dns" + "upstream")
        return claims
    }
}

extension IPPrefix {
    /// The number of its addresses; 0 for all of IPv6, which has one more than there are numbers.
    fileprivate var addressCount: UInt128 { (lastAddress.bits - address.bits) &+ 1 }
}

/// The cluster or site whose addresses a map translates.
struct MappedPlace {
    /// Its own ranges, each with its key in the file.
    let ranges: [(key: String, prefixes: [IPPrefix])]
    /// Where it stands in the file.
    let path: InventoryPath
    /// What becomes of addresses that the map leaves out.
    let leftOut: String
    /// True if its ranges are still to be found: the map may stand for them.
    let isAwaited: Bool

    /// The pods and services of a cluster.
    init(_ cluster: Cluster, leftOut: String) {
        ranges = [("pods", cluster.pods), ("services", cluster.services)]
        path = InventoryPath("clusters") + cluster.key
        self.leftOut = leftOut
        isAwaited = cluster.follow != nil && (cluster.pods.isEmpty || cluster.services.isEmpty)
    }

    /// The networks of a site.
    init(_ site: Site, leftOut: String) {
        ranges = [("networks", site.networks)]
        path = InventoryPath("sites") + site.key
        self.leftOut = leftOut
        isAwaited = false
    }
}
