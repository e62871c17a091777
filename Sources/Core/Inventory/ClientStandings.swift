package import IPAddressing

/// Where a client stands: which view it has, and inside of which clusters it is.
package struct ClientStanding: Hashable, Sendable {
    /// Position in `dns.views`; nil if no view names the client.
    package var view: Int?

    /// Positions of the clusters with a map whose inner addresses the client sees; ascending.
    package var inside: [Int]

    package init(view: Int? = nil, inside: [Int] = []) {
        self.view = view
        self.inside = inside
    }
}

/// Where all clients stand, and this host.
///
/// A client sees the outer addresses of a cluster with a map, unless
/// ```
/// its address is in ranges that this cluster alone has: pods, services, their outer ones, nodes
/// its view says so                                       views.*.inside
/// it is in the networks of the near end of a path        paths.*.map: false
/// ```
/// This host stands where its addresses and the view of 127.0.0.1 say; clients by loopback stand with it. A
/// host that seems to stand inside of clusters that share addresses stands outside of them.
package struct ClientStandings: Sendable {
    /// By the longest prefix that holds the client's address; no entry: a client without a view, outside.
    package private(set) var entries: [(prefix: IPPrefix, standing: ClientStanding)] = []

    /// Positions of the clusters that this host stands inside of.
    package private(set) var hostInside: [Int] = []

    /// - Parameters:
    ///   - inventory: Checked.
    ///   - hostAddresses: This host's own.
    package init(_ inventory: Inventory, hostAddresses: [IPAddress] = []) {
        var facts = StandingFacts(inventory)
        guard inventory.clusters.contains(where: \.isMapped) else {
            entries = facts.entries
            return
        }
        facts.addClusters()
        facts.addUnmappedPaths()
        let table = IPPrefixTable(facts.entries.map { ($0.prefix, $0.standing) })
        var inside: Set<Int> = []
        for address in hostAddresses + [IPAddress(v4: 0x7F00_0001)] {
            inside.formUnion(table.longestMatch(address)?.inside ?? [])
        }
        hostInside = facts.withoutShared(inside.sorted())
        facts.addLoopback(inside: hostInside)
        entries = facts.entries
    }
}

/// What the inventory says of the clients in each of its prefixes.
private struct StandingFacts {
    private let inventory: Inventory
    private let position: [String: Int]
    /// For each view the clusters that it names in `inside`.
    private let insideOfView: [[Int]]
    /// For each cluster those whose inner addresses it sees by paths.
    private var seenFrom: [Int: Set<Int>] = [:]
    private var claims: [(prefix: IPPrefix, claim: Claim)] = []

    private enum Claim {
        case view(Int)
        /// The cluster has these addresses.
        case range(Int)
        case inside([Int])
    }

    /// What is known of the clients in a prefix, from it and all around it.
    private struct Knowledge {
        var prefix: IPPrefix
        var view: Int?
        var owners: Set<Int> = []
        var inside: Set<Int> = []

        mutating func take(_ claim: Claim) {
            switch claim {
            case .view(let index): view = index
            case .range(let cluster): owners.insert(cluster)
            case .inside(let clusters): inside.formUnion(clusters)
            }
        }
    }

    /// Knows the views.
    init(_ inventory: Inventory) {
        self.inventory = inventory
        let position = Dictionary(
            inventory.clusters.enumerated().map { ($1.key, $0) }, uniquingKeysWith: { first, _ in first })
        self.position = position
        insideOfView = inventory.dns.views.map { $0.inside.compactMap { position[$0] } }
        for (index, view) in inventory.dns.views.enumerated() {
            claims += view.clients.map { ($0, .view(index)) }
        }
    }

    mutating func addClusters() {
        for (index, cluster) in inventory.clusters.enumerated() {
            claims += Self.ranges(of: cluster).map { ($0, .range(index)) }
        }
    }

    /// Where a client from inside of the cluster comes from. Other hosts of the cluster's network, such as
    /// relays, see outer addresses: they stand in several networks.
    private static func ranges(of cluster: Cluster) -> [IPPrefix] {
        cluster.pods + cluster.services + cluster.outerRanges
            + cluster.nodes.flatMap(\.addresses).map(IPPrefix.init(only:))
    }

    /// The clients at the near ends of paths with `map: false`.
    mutating func addUnmappedPaths() {
        for path in inventory.paths where !path.isMapped {
            let ends: [(near: String, far: [String])] =
                switch path.ends {
                case .oneWay(let from, let to): [(from, [to])]
                case .mutual(let members): members.map { near in (near, members.filter { $0 != near }) }
                }
            for (near, far) in ends {
                let inside = far.compactMap { position[$0] }
                if let cluster = position[near] { seenFrom[cluster, default: []].formUnion(inside) }
                claims += (inventory.site(near)?.networks ?? []).map { ($0, .inside(inside)) }
            }
        }
    }

    mutating func addLoopback(inside: [Int]) {
        guard let loopback = IPPrefix(around: IPAddress(v4: 0x7F00_0000), length: 8) else { return }
        claims += [(loopback, .inside(inside)), (IPPrefix(only: IPAddress(v6: 1)), .inside(inside))]
    }

    /// The clusters of `inside` that share no address with another one of them.
    func withoutShared(_ inside: [Int]) -> [Int] {
        let prefixes = inside.map { inventory.clusters[$0].pods + inventory.clusters[$0].services }
        let tables = prefixes.map { IPPrefixTable($0.map { ($0, true) }) }
        return inside.indices.filter { one in
            !inside.indices.contains { other in
                other != one
                    && (prefixes[other].contains { tables[one].longestMatch($0.address) != nil }
                        || prefixes[one].contains { tables[other].longestMatch($0.address) != nil })
            }
        }.map { inside[$0] }
    }

    /// One for each prefix, in no certain order.
    var entries: [(prefix: IPPrefix, standing: ClientStanding)] {
        var entries: [(prefix: IPPrefix, standing: ClientStanding)] = []
        // Prefixes are apart or inside each other: those that hold the current one.
        var open: [Knowledge] = []
        for (prefix, claim) in claims.sorted(by: { $0.prefix < $1.prefix }) {
            while let last = open.last, !last.prefix.contains(prefix) { open.removeLast() }
            if let last = open.last, last.prefix == prefix {
                open[open.count - 1].take(claim)
                entries[entries.count - 1].standing = standing(open[open.count - 1])
                continue
            }
            var knowledge = open.last ?? Knowledge(prefix: prefix)
            knowledge.prefix = prefix
            knowledge.take(claim)
            open.append(knowledge)
            entries.append((prefix, standing(knowledge)))
        }
        return entries
    }

    private func standing(_ knowledge: Knowledge) -> ClientStanding {
        var inside = knowledge.inside
        if let view = knowledge.view { inside.formUnion(insideOfView[view]) }
        if let owner = knowledge.owners.first, knowledge.owners.count == 1 {
            inside.insert(owner)
            inside.formUnion(seenFrom[owner] ?? [])
        }
        return ClientStanding(
            view: knowledge.view, inside: inside.filter { inventory.clusters[$0].isMapped }.sorted())
    }
}
