import DNSWire
import DomainNames
import IPAddressing
import Inventory

/// Collects the tables of a `ForwardingPolicy` while its inventory is read.
struct PolicyBuilder {
    /// See `ForwardingPolicy.servers`.
    var servers: [Endpoint] = []
    /// See `ForwardingPolicy.groups`.
    var groups: [ServerGroup] = []
    /// See `ForwardingPolicy.targets`.
    var targets: [RouteTarget] = []
    /// See `ForwardingPolicy.views`.
    var views: [ForwardingPolicy.ViewPolicy] = []
    /// The use of each suffix.
    var suffixes: [(suffix: DomainName, value: ForwardingPolicy.SuffixUse)] = []
    /// The prefixes of clusters with their targets.
    var reverse: [ReverseRouting.Entry] = []
    /// The target of other names.
    var upstreamTarget: RouteTarget?
    /// The domains of all clusters, each once.
    var bareDomains: [DomainName] = []

    /// See `ForwardingPolicy.clusterNames`.
    private(set) var clusterNames: [String]

    /// For each cluster's group the target of its first suffix.
    private(set) var firstSuffixTarget: [Int: Int] = [:]

    /// The place of each of `clusterNames`.
    private var numberByName: [String: Int]
    /// The limits of the cache.
    private let cache: CacheSettings
    /// The group of each cluster.
    private var groupByCluster: [String: Int] = [:]
    /// For each group how long its answers are cached, and whether the Kubernetes schema covers all
    /// its names.
    private var limits: [(cache: CacheLimits, hasOnlyKubernetesNames: Bool)] = []

    /// An empty builder.
    init(_ cache: CacheSettings, clusterNames: [String]) {
        self.cache = cache
        self.clusterNames = clusterNames
        numberByName = Dictionary(zip(clusterNames, 0...), uniquingKeysWith: { first, _ in first })
    }

    /// Adds the clusters with their suffixes and prefixes.
    mutating func addClusters(_ clusters: [Cluster]) {
        var domains: Set<DomainName> = []
        for cluster in clusters where domains.insert(cluster.domain).inserted {
            bareDomains.append(cluster.domain)
        }
        for cluster in clusters where cluster.dns.isEmpty {
            // Its names are still private: they must not reach `dns.upstream`.
            for name in cluster.names { suffixes.append((name, .noServers(cluster: cluster.key))) }
        }
        for cluster in clusters where !cluster.dns.isEmpty {
            let group = addGroup(
                cluster.key, cluster.dns, cluster.domain, cluster.pods + cluster.services, .cluster)
            // The multi-cluster domain has names of other shapes (KEP-1645): with a cluster's ID in them.
            let hasOnlyKubernetesNames = cluster.onlyKubernetesNames && cluster.domain != Self.clusterSet
            limits.append((CacheLimits(cluster.cache.over(cache)), hasOnlyKubernetesNames))
            groupByCluster[cluster.key] = group
            firstSuffixTarget[group] = targets.count
            for name in cluster.names {
                let mapping = NameMapping(inner: cluster.domain, outer: name)
                let own = cluster.suffixCache[name].map { $0.over(cluster.cache.over(cache)) }
                let target = addTarget(
                    [group], mapping, rewritesQuestion: true, .clusterSuffix, own.map { CacheLimits($0) })
                suffixes.append((name, .cluster(target: target.index)))
            }
            guard let first = cluster.names.first else { continue }
            let mapping = NameMapping(inner: cluster.domain, outer: first)
            let target = addTarget([group], mapping, rewritesQuestion: false, .reverse)
            reverse += (cluster.pods + cluster.services).map {
                ReverseRouting.Entry(prefix: $0, target: target.index)
            }
        }
        // After the clusters' own suffixes: a suffix equal to the plain domain belongs to its cluster.
        for (index, domain) in bareDomains.enumerated() { suffixes.append((domain, .bareDomain(index))) }
    }

    /// The domain of multi-cluster services.
    private static let clusterSet = try? DomainName(parsing: "clusterset.local")

    /// Adds the views.
    mutating func addViews(_ inventory: Inventory) {
        views.append(view(named: "default", inventory.dns.bareDomain))
        for other in inventory.dns.views {
            var view = view(named: other.name, other.bareDomain)
            if other.allow != Access() { view.access = ViewAccess(other.allow) }
            views.append(view)
        }
    }

    /// - Parameter keys: The clusters that answer plain domains, in this order.
    private mutating func view(named name: String, _ keys: [String]) -> ForwardingPolicy.ViewPolicy {
        var bareTargets: [Int] = []
        let members = Dictionary(grouping: keys.compactMap { groupByCluster[$0] }) { groups[$0].domain }
        for domain in bareDomains {
            guard let members = members[domain] else {
                bareTargets.append(-1)
                continue
            }
            let mapping = NameMapping(inner: domain, outer: domain)
            bareTargets.append(addTarget(members, mapping, rewritesQuestion: false, .bareDomain).index)
        }
        return ForwardingPolicy.ViewPolicy(name: name, bareTargets: bareTargets)
    }

    /// Adds the servers of `dns.upstream`.
    mutating func addUpstream(_ endpoints: [Endpoint]) {
        guard !endpoints.isEmpty else { return }
        let group = addGroup("upstream", endpoints, nil, [], .resolver)
        limits.append((CacheLimits(cache), false))
        upstreamTarget = addTarget([group], .identity, rewritesQuestion: false, .upstream)
    }

    /// After the clusters' own suffixes: one that is equal belongs to its cluster.
    mutating func addSpecialNames(asking upstream: [DomainName]) {
        for special in SpecialName.allCases {
            guard let name = special.name, !upstream.contains(name) else { continue }
            suffixes.append((name, .special(special)))
        }
    }

    /// Adds the reverse zones.
    mutating func addReverseZones() {
        for (family, zone) in [(AddressFamily.v4, "in-addr.arpa"), (.v6, "ip6.arpa")] {
            addReverseZone(zone, family, isPrivate: false)
        }
        for zone in PrivateReverseZones.v4 { addReverseZone(zone + ".in-addr.arpa", .v4, isPrivate: true) }
        for zone in PrivateReverseZones.v6 { addReverseZone(zone + ".ip6.arpa", .v6, isPrivate: true) }
    }

    /// Adds one reverse zone.
    private mutating func addReverseZone(_ zone: String, _ family: AddressFamily, isPrivate: Bool) {
        guard let name = try? DomainName(parsing: zone) else { return }
        suffixes.append((name, .reverse(family, isPrivate: isPrivate)))
    }

    /// Adds a group of servers.
    private mutating func addGroup(
        _ name: String, _ endpoints: [Endpoint], _ domain: DomainName?, _ addresses: [IPPrefix],
        _ timeouts: ServerGroup.Timeouts
    ) -> Int {
        let first = servers.count
        servers += endpoints
        let number = numberByName[name] ?? clusterNames.count
        if number == clusterNames.count {
            clusterNames.append(name)
            numberByName[name] = number
        }
        groups.append(
            ServerGroup(
                name: name, number: number, servers: Array(first..<servers.count), domain: domain,
                addresses: IPPrefixTable(containing: addresses), prefixes: addresses,
                timeouts: timeouts))
        return groups.count - 1
    }

    /// Adds a target.
    private mutating func addTarget(
        _ groups: [Int], _ mapping: NameMapping, rewritesQuestion: Bool, _ kind: RouteTarget.Kind,
        _ cacheLimits: CacheLimits? = nil
    ) -> RouteTarget {
        let target = RouteTarget(
            index: targets.count, groups: groups, mapping: mapping, rewritesQuestion: rewritesQuestion,
            kind: kind,
            hasOnlyKubernetesNames: kind != .reverse
                && groups.allSatisfy { limits[$0].hasOnlyKubernetesNames },
            cacheLimits: cacheLimits
                ?? groups.reduce(limits[groups[0]].cache) { $0.strictest(limits[$1].cache) })
        targets.append(target)
        return target
    }
}
