import IPAddressing

extension InventoryChecker {
    /// One prefix of the file, and its owner.
    struct Claim {
        /// The prefix.
        let prefix: IPPrefix
        /// Its place in the file.
        let path: InventoryPath

        /// Claims of one owner are compared only to find pods inside services and the like.
        let owner: String

        /// What the prefix is for, as in `pods`.
        let purpose: String
    }

    /// Pod and service prefixes: disjoint, and not used on the Internet.
    mutating func checkPrefixes() {
        var plain: [Claim] = []
        for cluster in inventory.clusters {
            let claims = self.claims(of: cluster)
            for claim in claims { warnOfForeignSpace(claim.prefix, at: claim.path) }
            if cluster.isMapped {
                for (outer, inner) in nested(claims) { reportOverlap(outer, inner) }
            } else {
                plain += claims
            }
        }
        for (outer, inner) in nested(plain) { reportOverlap(outer, inner) }
        checkMappedAgainstPlain()
    }

    /// A cluster on a path that has no map keeps its addresses for itself.
    private mutating func checkMappedAgainstPlain() {
        let mapped = ""
        let all = inventory.clusters.filter { $0.isMapped || clustersOnPaths.contains($0.key) }
            .flatMap { claims(of: $0, owner: $0.isMapped ? mapped : $0.key) }
        for (outer, inner) in nested(all) where (outer.owner == mapped) != (inner.owner == mapped) {
            reportOverlap(outer, inner)
        }
    }

    /// The pods and services of `cluster` as they are inside.
    private func claims(of cluster: Cluster, owner: String? = nil) -> [Claim] {
        let path = InventoryPath("clusters") + cluster.key
        return [("pods", cluster.pods), ("services", cluster.services)].flatMap { purpose, prefixes in
            prefixes.enumerated().map { index, prefix in
                Claim(
                    prefix: prefix, path: (path + purpose)[index], owner: owner ?? cluster.key,
                    purpose: purpose)
            }
        }
    }

    /// Reports a pair of overlapping claims.
    private mutating func reportOverlap(_ outer: Claim, _ inner: Claim) {
        let (first, second) = isBefore(outer, inner) ? (outer, inner) : (inner, outer)
        if first.owner != second.owner {
            let otherKey = key(of: first)
            needMap(otherKey)
            needMap(key(of: second))
            error(
                at: second.path, and: first.path,
                "found \(second.prefix), which overlaps \(first.prefix) of cluster \(otherKey); expected"
                    + " prefixes that no other cluster has, or a \"map\" of each: an address must lead to one"
                    + " place")
        } else if first.purpose != second.purpose {
            error(
                at: second.path, and: first.path,
                "found \(second.prefix), which overlaps the \(first.purpose) prefix \(first.prefix) of the"
                    + " same cluster; expected pods and services apart")
        } else if first.prefix == second.prefix {
            error(
                at: second.path, and: first.path, "found \(second.prefix) a second time, expected each once")
        } else {
            warn(
                at: inner.path, and: outer.path, "found \(inner.prefix), which \(outer.prefix) holds already")
        }
    }

    /// The key of the claim's cluster or site.
    private func key(of claim: Claim) -> String {
        guard claim.path.steps.count > 1, case .key(let key) = claim.path.steps[1] else { return claim.owner }
        return key
    }

    /// The order of the file: clusters, then pods before services, then positions.
    private func isBefore(_ left: Claim, _ right: Claim) -> Bool {
        let leftRank = (position[key(of: left)] ?? 0, left.purpose == "pods" ? 0 : 1)
        let rightRank = (position[key(of: right)] ?? 0, right.purpose == "pods" ? 0 : 1)
        if leftRank != rightRank { return leftRank < rightRank }
        guard case .index(let leftIndex)? = left.path.steps.last,
            case .index(let rightIndex)? = right.path.steps.last
        else { return true }
        return leftIndex < rightIndex
    }

    /// Pairs of overlapping claims: each claim with the nearest one around it of another owner or purpose,
    /// else with the nearest one around it.
    ///
    ///     Two prefixes are disjoint or one contains the other, so in sorted order a stack of open prefixes
    /// finds all pairs.
    func nested(_ claims: [Claim]) -> [(outer: Claim, inner: Claim)] {
        var open: [Claim] = []
        var pairs: [(outer: Claim, inner: Claim)] = []
        for claim in claims.sorted(by: { $0.prefix < $1.prefix }) {
            while let last = open.last, !last.prefix.contains(claim.prefix) { open.removeLast() }
            guard let nearest = open.last else {
                open.append(claim)
                continue
            }
            let rival = open.last { $0.owner != claim.owner } ?? open.last { $0.purpose != claim.purpose }
            pairs.append((rival ?? nearest, claim))
            // Two entries of one prefix are enough: the stack stays at most 2 * 129 deep.
            let equal = open.suffix(2).filter { $0.prefix == claim.prefix }
            let isNews =
                equal.count < 2
                && equal.allSatisfy { $0.owner != claim.owner || $0.purpose != claim.purpose }
            if isNews { open.append(claim) }
        }
        return pairs
    }

    /// Warns of public and reserved space, and of Docker's default network.
    mutating func warnOfForeignSpace(_ prefix: IPPrefix, at path: InventoryPath) {
        if let space = ForeignSpace(prefix) {
            warn(
                at: path,
                "found \(prefix), \(space.rawValue); expected private addresses (RFC 1918, RFC 6598)")
        }
        if prefix.overlaps(dockerBridge) {
            warn(
                at: path,
                "found \(prefix), which overlaps \(dockerBridge), Docker's default bridge: a relay or"
                    + " laptop that runs Docker cannot reach it; set \"bip\" in its daemon.json")
        }
    }
}

/// The network of `docker0` by default.
private let dockerBridge: IPPrefix = prefix(172, 17, 0, 0, length: 16)

/// IPv4 space that is not for private networks.
enum ForeignSpace: String {
    case `public` = "which is public space: its real owner becomes unreachable"
    case reserved = "which is reserved space (240.0.0.0/4): many systems drop its packets"

    /// Nil for private and shared space, and for IPv6, where clusters often use public addresses.
    init?(_ prefix: IPPrefix) {
        guard prefix.family == .v4 else { return nil }
        if reservedSpace.contains(prefix) {
            self = .reserved
        } else if privateSpace.contains(where: { $0.contains(prefix) }) {
            return nil
        } else {
            self = .public
        }
    }
}

/// RFC 1918, shared (RFC 6598), link-local (RFC 3927), benchmarking (RFC 2544), loopback and documentation
/// (RFC 5737) space.
private let privateSpace: [IPPrefix] = [
    prefix(10, 0, 0, 0, length: 8), prefix(172, 16, 0, 0, length: 12), prefix(192, 168, 0, 0, length: 16),
    prefix(100, 64, 0, 0, length: 10), prefix(169, 254, 0, 0, length: 16), prefix(198, 18, 0, 0, length: 15),
    prefix(127, 0, 0, 0, length: 8), prefix(192, 0, 2, 0, length: 24), prefix(198, 51, 100, 0, length: 24),
    prefix(203, 0, 113, 0, length: 24),
]

/// IPv4 space that is reserved (RFC 1112 section 4)
private let reservedSpace = prefix(240, 0, 0, 0, length: 4)

/// An IPv4 prefix from its octets.
private func prefix(_ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32, length: Int) -> IPPrefix {
    let address = IPAddress(v4: a << 24 | b << 16 | c << 8 | d)
    return IPPrefix(around: address, length: length) ?? IPPrefix(only: address)
}
