package import IPAddressing

extension Inventory {
    /// Ranges that are proposed at most: longer lines are not read.
    private static let mostProposedRanges = 64

    /// A `map` for each of these clusters that gives all its pods and services outer ranges which nothing
    /// else uses: out of RFC 1918, then shared space.
    ///
    /// - Parameters:
    ///   - keys: Clusters without a map.
    ///   - used: What is in use besides the file's own prefixes and Docker's defaults.
    /// - Returns: Nothing for a cluster whose prefixes find no room.
    package func proposedMaps(for keys: [String], besides used: [IPPrefix] = []) -> [String: PrefixMap] {
        var free = FreeRanges(besides: used + prefixesInUse)
        var proposals: [String: PrefixMap] = [:]
        var count = 0
        for key in keys {
            guard let cluster = cluster(key), proposals[key] == nil else { continue }
            let prefixes = (cluster.pods + cluster.services).withoutNested
            count += prefixes.count
            guard count <= Self.mostProposedRanges else { break }
            let pairs = prefixes.compactMap { inner in
                free.take(inner.family, length: inner.length).flatMap { PrefixPair(inner: inner, outer: $0) }
            }
            if pairs.count == prefixes.count { proposals[key] = PrefixMap(pairs) }
        }
        return proposals
    }

    /// Everything that the file has an address of. Large lists of clients say who may ask, not what is used.
    private var prefixesInUse: [IPPrefix] {
        var used: [IPPrefix] = []
        for cluster in clusters {
            used += cluster.pods + cluster.services + cluster.outerRanges
            used += cluster.subnets.flatMap(\.networks) + cluster.kubeProxy.clusterCIDR
            used += (cluster.nodes.map(\.host) + cluster.hosts).flatMap(\.addresses).map(IPPrefix.init(only:))
        }
        for site in sites {
            used += site.networks + site.addressMap.pairs.map(\.outer)
            used += (site.hosts.flatMap(\.addresses) + site.routers).map(IPPrefix.init(only:))
        }
        for path in paths {
            if case .vxlan(let mesh) = path.carrier { used.append(mesh.network) }
        }
        let servers = dns.upstream + dns.listen + clusters.flatMap(\.dns)
        used += servers.map(\.address).filter { !$0.isUnspecified }.map(IPPrefix.init(only:))
        let clients = dns.clients + dns.views.flatMap(\.clients)
        return used + clients.filter { $0.length >= ($0.family == .v4 ? 16 : 48) }
    }
}

extension PrefixMap {
    /// The line of the file, as in `map: { 10.244.0.0/16: 10.200.0.0/16 }`. IPv6 stands between quotes, since
    /// YAML reads colons.
    package var line: String {
        let entries = pairs.map { "\(Self.written($0.inner)): \(Self.written($0.outer))" }
        return "map: { " + entries.joined(separator: ", ") + " }"
    }

    private static func written(_ prefix: IPPrefix) -> String {
        prefix.family == .v4 ? prefix.description : "\"\(prefix)\""
    }
}

extension [IPPrefix] {
    /// Without those that another one holds, in the same order.
    fileprivate var withoutNested: [IPPrefix] {
        var kept: [IPPrefix] = []
        for prefix in sorted() where kept.last?.contains(prefix) != true { kept.append(prefix) }
        let wide = Set(kept)
        return filter(wide.contains)
    }
}
