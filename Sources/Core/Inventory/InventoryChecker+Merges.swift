import DomainNames
import IPAddressing

extension InventoryChecker {
    /// `merge`: clusters that can answer together, and for a union addresses that tell them apart.
    mutating func checkMerges() {
        for merge in inventory.merges {
            let path = InventoryPath("merge") + merge.key
            let members = path + "clusters"
            if merge.clusters.count < 2 {
                error(at: members, "found \(merge.clusters.count), expected at least two clusters")
            }
            if merge.clusters.count > MergedSuffix.mostMembers {
                error(
                    at: members,
                    "found \(merge.clusters.count), expected at most \(MergedSuffix.mostMembers) clusters")
            }
            checkBareDomain(merge.clusters, at: members)
            switch merge.mode {
            case .union: checkUnion(merge.clusters, at: members)
            case .first:
                if merge.isPartial {
                    error(
                        at: path + "partial", and: path + "mode",
                        "found true, which has no meaning with mode first: another member answers in any"
                            + " case; expected it with mode union")
                }
            }
        }
    }

    /// The members of a union have addresses that no other member has, as clients see them.
    private mutating func checkUnion(_ keys: [String], at path: InventoryPath) {
        var claims: [Claim] = []
        for (index, key) in keys.enumerated() {
            guard let cluster = clusters[key] else { continue }
            if cluster.pods.isEmpty {
                error(
                    at: path[index], and: InventoryPath("clusters") + key,
                    "found \(key), which has no \"pods\"; expected the prefixes of its pods, so that the"
                        + " endpoints of the members can be told apart")
            }
            let prefixes =
                cluster.isMapped
                ? cluster.outerRanges : cluster.pods + cluster.services
            claims += prefixes.map { Claim(prefix: $0, path: path[index], owner: key, purpose: "") }
        }
        for (outer, inner) in nested(claims) where outer.owner != inner.owner {
            error(
                at: inner.path, and: outer.path,
                "found \(inner.owner), which shares \(inner.prefix) with \(outer.owner); expected a \"map\""
                    + " of each: an address of a union must lead to one member")
        }
    }

    /// The suffixes of `merge` are claimed by nothing else, and hide no names of the schema.
    mutating func checkMergedNames(
        _ claims: inout [DomainName: InventoryPath], among zones: [DomainName: InventoryPath]
    ) {
        for merge in inventory.merges {
            let here = InventoryPath("merge") + merge.key
            if let earlier = claims[merge.name] ?? zones[merge.name] {
                error(
                    at: here, and: earlier == "clusters" ? nil : earlier, isAboutKey: true,
                    "found \(merge.name), which is claimed already; expected a suffix of its own, such as"
                        + " all.cluster.local")
            }
            claims[merge.name] = claims[merge.name] ?? here
            checkRoom(merge.name, at: here)
            checkPlace(of: merge.name, among: zones, at: here)
        }
    }
}
