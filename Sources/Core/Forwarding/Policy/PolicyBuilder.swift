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
    /// The reverse names of outer ranges.
    var outerReverse: [ReverseRouting.Entry] = []
    /// The view of each client, by the longest prefix; 0 for the others.
    private(set) var viewByClient: [(prefix: IPPrefix, view: Int)] = []
    /// The target of other names.
    var upstreamTarget: RouteTarget?
    /// The suffixes that several clusters may answer: the domains of all clusters, each once, then those of
    /// `merge` and `clustersets`.
    var sharedSuffixes: [SharedSuffix] = []

    /// A suffix that several clusters may answer.
    struct SharedSuffix {
        /// What clients ask below.
        let name: DomainName
        /// Who answers, and how.
        let use: Use

        /// Who answers below a shared suffix, and how.
        enum Use {
            /// A domain of clusters: the clusters of `bare-domain` answer.
            case domain
            /// The members of a merged suffix.
            case merge(MergedSuffix)
            /// The members of a cluster set.
            case set(ClusterSet)
        }
    }

    /// See `ForwardingPolicy.clusterNames`.
    private(set) var clusterNames: [String]

    /// For each cluster's group the target of its first suffix.
    private(set) var firstSuffixTarget: [Int: Int] = [:]

    /// The place of each of `clusterNames`.
    private var numberByName: [String: Int]
    /// The limits of the cache.
    private let cache: CacheSettings
    /// Where clients and this host stand.
    private let standings: ClientStandings
    /// For each cluster in the order of the file its group; nil if it has no servers.
    private var groupOfCluster: [Int?] = []
    /// The group of each cluster.
    private var groupByCluster: [String: Int] = [:]
    /// For each group how long its answers are cached, and whether the Kubernetes schema covers all
    /// its names.
    private var limits: [(cache: CacheLimits, hasOnlyKubernetesNames: Bool)] = []

    /// An empty builder.
    init(_ cache: CacheSettings, _ standings: ClientStandings, clusterNames: [String]) {
        self.cache = cache
        self.standings = standings
        self.clusterNames = clusterNames
        numberByName = Dictionary(zip(clusterNames, 0...), uniquingKeysWith: { first, _ in first })
    }

    /// Adds the clusters with their suffixes and prefixes, and the suffixes that they share.
    mutating func addClusters(of inventory: Inventory) {
        let clusters = inventory.clusters
        var domains: Set<DomainName> = []
        for cluster in clusters where domains.insert(cluster.domain).inserted {
            sharedSuffixes.append(SharedSuffix(name: cluster.domain, use: .domain))
        }
        sharedSuffixes += inventory.merges.map { SharedSuffix(name: $0.name, use: .merge($0)) }
        sharedSuffixes += inventory.clusterSets.flatMap { set in
            inventory.suffixes(of: set).map { SharedSuffix(name: $0, use: .set(set)) }
        }
        for cluster in clusters where cluster.dns.isEmpty {
            // Its names are still private: they must not reach `dns.upstream`.
            for name in cluster.names { suffixes.append((name, .noServers(cluster: cluster.key))) }
        }
        for (position, cluster) in clusters.enumerated() {
            let group = cluster.dns.isEmpty ? nil : addCluster(cluster, at: position)
            groupOfCluster.append(group)
            if let group, let first = cluster.names.first { addReverseTargets(group, cluster, first) }
        }
        // After the clusters' own suffixes: a suffix equal to the plain domain belongs to its cluster.
        for (index, shared) in sharedSuffixes.enumerated() { suffixes.append((shared.name, .shared(index))) }
    }

    /// Adds a cluster that has servers; gives its group.
    private mutating func addCluster(_ cluster: Cluster, at position: Int) -> Int {
        let group = addGroup(cluster, isInside: standings.hostInside.contains(position))
        // The multi-cluster domain has names of other shapes (KEP-1645): with a cluster's ID in them.
        let hasOnlyKubernetesNames = cluster.onlyKubernetesNames && cluster.domain != Self.clusterSet
        limits.append((CacheLimits(cluster.cache.over(cache)), hasOnlyKubernetesNames))
        groupByCluster[cluster.key] = group
        for name in cluster.names {
            let own = cluster.suffixCache[name].map { $0.over(cluster.cache.over(cache)) }
            let plan = RouteTarget.Plan(
                groups: [group], mapping: NameMapping(inner: cluster.domain, outer: name),
                addressMaps: [cluster.addressMap], rewritesQuestion: true, kind: .clusterSuffix)
            let target = addTarget(plan, own.map { CacheLimits($0) })
            if firstSuffixTarget[group] == nil { firstSuffixTarget[group] = target.index }
            suffixes.append((name, .cluster(target: target.index)))
        }
        for zone in cluster.also { addPrivateZone(zone, group, cluster) }
        return group
    }

    /// The target of a private zone that the cluster resolves.
    private mutating func addPrivateZone(_ zone: DomainName, _ group: Int, _ cluster: Cluster) {
        // An alias may lead to a service of the cluster, whose name then is one of its own suffixes.
        let names = cluster.names.first.map { NameMapping(inner: cluster.domain, outer: $0) }
        let plan = RouteTarget.Plan(
            groups: [group], mapping: NameMapping(inner: zone, outer: zone), answerNames: names,
            addressMaps: [cluster.addressMap], rewritesQuestion: false, kind: .privateZone)
        suffixes.append((zone, .cluster(target: addTarget(plan).index)))
    }

    /// The targets of the cluster's reverse names, which answer with names below `suffix`.
    private mutating func addReverseTargets(_ group: Int, _ cluster: Cluster, _ suffix: DomainName) {
        let names = NameMapping(inner: cluster.domain, outer: suffix)
        let plan = RouteTarget.Plan(
            groups: [group], mapping: names, addressMaps: [cluster.addressMap], rewritesQuestion: false,
            kind: .reverse)
        let target = addTarget(plan)
        reverse += (cluster.pods + cluster.services).map {
            ReverseRouting.Entry(prefix: $0, target: target.index, group: group, map: cluster.addressMap)
        }
        for pair in cluster.allPairs {
            for (inner, outer) in zip(pair.inner.reversePieces, pair.outer.reversePieces) {
                guard let innerZone = try? DomainName(parsing: inner.reverseZone),
                    let outerZone = try? DomainName(parsing: outer.reverseZone)
                else { continue }
                var rewriting = plan
                rewriting.mapping = NameMapping(inner: innerZone, outer: outerZone)
                rewriting.answerNames = names
                rewriting.rewritesQuestion = true
                let target = addTarget(rewriting)
                outerReverse.append(
                    ReverseRouting.Entry(
                        prefix: outer, target: target.index, group: group, map: cluster.addressMap))
            }
        }
    }

    /// The domain of multi-cluster services.
    private static let clusterSet = try? DomainName(parsing: "clusterset.local")

    /// The views of the file, then one for each other way in which clients stand; and by client which it is.
    mutating func addViews(_ inventory: Inventory) {
        var indexes: [ClientStanding: Int] = [:]
        func add(_ standing: ClientStanding, to builder: inout PolicyBuilder) -> Int {
            if let index = indexes[standing] { return index }
            // Kept answers tell no more apart: such clients share the view's picture, with outer addresses.
            guard builder.views.count <= View.mostViews else { return (standing.view ?? -1) + 1 }
            indexes[standing] = builder.views.count
            builder.views.append(builder.view(standing, inventory))
            return builder.views.count - 1
        }
        for view in [nil] + inventory.dns.views.indices.map(Optional.init) {
            _ = add(ClientStanding(view: view), to: &self)
        }
        viewByClient = standings.entries.map { ($0.prefix, add($0.standing, to: &self)) }
    }

    /// The view of clients that stand so.
    private mutating func view(
        _ standing: ClientStanding, _ inventory: Inventory
    ) -> ForwardingPolicy.ViewPolicy {
        let own = standing.view.map { inventory.dns.views[$0] }
        let inside = standing.inside.map { inventory.clusters[$0].key }
        let name = own?.name ?? "default"
        var view = ForwardingPolicy.ViewPolicy(
            name: inside.isEmpty ? name : name + " inside " + inside.joined(separator: ", "),
            sharedTargets: [], inside: Set(standing.inside.compactMap { groupOfCluster[$0] }))
        if let own, own.allow != Access() { view.access = ViewAccess(own.allow) }
        let general = inventory.dns.bareDomain
        let bareDomain = own?.bareDomain(over: general) ?? general
        let bareMembers = Dictionary(grouping: bareDomain.compactMap { groupByCluster[$0] }) {
            groups[$0].domain
        }
        // Of merged suffixes and cluster sets these clients get the part that they may ask.
        let mayAsk = { (key: String) in view.access?.permits(cluster: key) ?? true }
        view.sharedTargets = sharedSuffixes.map { shared in
            switch shared.use {
            case .domain: return sharedTarget(shared, bareMembers[shared.name] ?? [], view.inside)
            case .merge(let merge):
                let members = merge.clusters.filter(mayAsk).compactMap { groupByCluster[$0] }
                return sharedTarget(shared, members, view.inside)
            case .set(let set):
                let members = set.orderedMembers.filter { mayAsk($0.cluster) }
                    .compactMap { groupByCluster[$0.cluster] }
                return sharedTarget(shared, members, view.inside)
            }
        }
        return view
    }

    /// The index of the target of a shared suffix; nil if there are no members.
    ///
    /// - Parameters:
    ///   - members: The groups that answer, in this order.
    ///   - inside: The groups whose addresses stay.
    private mutating func sharedTarget(_ shared: SharedSuffix, _ members: [Int], _ inside: Set<Int>) -> Int? {
        guard let first = members.first, let domain = groups[first].domain else { return nil }
        var plan = RouteTarget.Plan(
            groups: members, mapping: NameMapping(inner: domain, outer: shared.name),
            addressMaps: members.map { inside.contains($0) ? PrefixMap() : groups[$0].addressMap },
            rewritesQuestion: false, kind: .bareDomain)
        switch shared.use {
        case .domain: break
        case .merge(let merge):
            plan.rewritesQuestion = true
            plan.kind = .merged
            if merge.mode == .union { plan.union = RouteTarget.Union(isPartial: merge.isPartial) }
        case .set(let set):
            plan.mapping = NameMapping(inner: set.zone, outer: shared.name)
            plan.rewritesQuestion = shared.name != set.zone
            plan.kind = .clusterSet
            addMembers(of: set, to: &plan)
        }
        return addTarget(plan).index
    }

    /// What tells the members of a cluster set apart. An answer of one may have addresses of all: unless
    /// members share addresses, each is mapped by its owner.
    private func addMembers(of set: ClusterSet, to plan: inout RouteTarget.Plan) {
        var places: [[UInt8]: Int] = [:]
        for member in set.members {
            guard let group = groupByCluster[member.cluster], let place = plan.groups.firstIndex(of: group)
            else {
                continue
            }
            let id = member.id?.folded.description ?? member.cluster
            places[Array(id.utf8)] = place
        }
        let inner = plan.groups.map { groups[$0].innerPrefixes }
        let isShared = inner.indices.contains { one in
            inner.indices.dropFirst(one + 1).contains { other in
                inner[one].contains { prefix in inner[other].contains { prefix.overlaps($0) } }
            }
        }
        plan.members = ClusterSetMembers(places: places, haveSharedAddresses: isShared)
        guard !isShared else { return }
        let all = PrefixMap(plan.addressMaps.flatMap(\.pairs))
        plan.addressMaps = plan.addressMaps.map { _ in all }
    }

    /// Adds the servers of `dns.upstream`.
    mutating func addUpstream(_ endpoints: [Endpoint]) {
        guard !endpoints.isEmpty else { return }
        let group = addUpstreamGroup(endpoints)
        limits.append((CacheLimits(cache), false))
        upstreamTarget = addTarget(
            RouteTarget.Plan(
                groups: [group], mapping: .identity, addressMaps: [PrefixMap()], rewritesQuestion: false,
                kind: .upstream))
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

    /// Adds the group of a cluster.
    ///
    /// - Parameter isInside: True if this host asks the servers as the cluster's own machines do; else it
    ///   asks them as all others reach them, which shows that the way is there.
    private mutating func addGroup(_ cluster: Cluster, isInside: Bool) -> Int {
        let map = cluster.addressMap
        // Through each relay, where each has a range of its own: one of them works.
        let ways = isInside ? [PrefixMap()] : cluster.relayMaps.isEmpty ? [map] : cluster.relayMaps
        var known: Set<Endpoint> = []
        let servers = ways.flatMap { way in
            cluster.dns.map { server in
                Endpoint(address: way.outer(of: server.address) ?? server.address, port: server.port)
            }
        }.filter { known.insert($0).inserted }
        let prefixes = cluster.pods + cluster.services + cluster.outerRanges
        let services = cluster.services + cluster.services.flatMap { map.outer(of: $0) }
        return addGroup(cluster.key, servers) { number, servers in
            ServerGroup(
                name: cluster.key, number: number, servers: servers, domain: cluster.domain,
                addresses: IPPrefixTable(containing: prefixes),
                services: IPPrefixTable(containing: services),
                innerPrefixes: cluster.pods + cluster.services, prefixes: prefixes, addressMap: map,
                ranges: PrefixMap(cluster.allPairs), timeouts: .cluster)
        }
    }

    /// Adds the group of `dns.upstream`.
    private mutating func addUpstreamGroup(_ endpoints: [Endpoint]) -> Int {
        addGroup("upstream", endpoints) { number, servers in
            ServerGroup(
                name: "upstream", number: number, servers: servers, domain: nil, addresses: nil,
                services: nil, innerPrefixes: [], prefixes: [], addressMap: PrefixMap(), ranges: PrefixMap(),
                timeouts: .resolver)
        }
    }

    /// Adds a group of servers.
    private mutating func addGroup(
        _ name: String, _ endpoints: [Endpoint], _ group: (_ number: Int, _ servers: [Int]) -> ServerGroup
    ) -> Int {
        let first = servers.count
        servers += endpoints
        let number = numberByName[name] ?? clusterNames.count
        if number == clusterNames.count {
            clusterNames.append(name)
            numberByName[name] = number
        }
        groups.append(group(number, Array(first..<servers.count)))
        return groups.count - 1
    }

    /// Adds the target, and before it its twin for clients inside of its cluster if it changes addresses.
    /// Of a shared suffix each view has a target of its own.
    private mutating func addTarget(
        _ plan: RouteTarget.Plan, _ cacheLimits: CacheLimits? = nil
    ) -> RouteTarget {
        var plan = plan
        let isShared = plan.kind == .bareDomain || plan.goesAroundPaths
        if !isShared, plan.addressMaps.contains(where: { !$0.isEmpty }) {
            var inner = plan
            inner.addressMaps = plan.addressMaps.map { _ in PrefixMap() }
            plan.innerTwin = addTarget(inner, cacheLimits).index
        }
        let groups = plan.groups
        let target = RouteTarget(
            plan, index: targets.count,
            hasOnlyKubernetesNames: (plan.kind == .clusterSuffix || plan.kind == .bareDomain
                || plan.kind == .merged)
                && groups.allSatisfy { limits[$0].hasOnlyKubernetesNames },
            cacheLimits: cacheLimits
                ?? groups.reduce(limits[groups[0]].cache) { $0.strictest(limits[$1].cache) })
        targets.append(target)
        return target
    }
}
