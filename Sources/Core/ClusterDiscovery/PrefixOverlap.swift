package import IPAddressing
package import Inventory

/// Two prefixes that share addresses and belong to different places, or to pods and services of one.
package struct PrefixOverlap: Hashable, Sendable {
    /// A prefix and its owner.
    package struct Claim: Hashable, Sendable {
        /// The prefix.
        package let prefix: IPPrefix

        /// The key of a cluster or site.
        package let place: String

        /// The key of the prefix: `pods`, `services` or `networks`; `map` for an outer one.
        package let purpose: String
    }

    /// The claim that comes first in the order of addresses.
    package let first: Claim
    /// The claim that overlaps it.
    package let second: Claim

    /// The most overlaps that are reported: more of them say nothing new.
    private static let most = 100

    /// The overlaps between clusters, and of clusters with sites, in the order of the addresses.
    package static func find(in inventory: Inventory) -> [PrefixOverlap] {
        var claims: [Claim] = []
        for cluster in inventory.clusters where cluster.isMapped {
            claims += cluster.addressMap.pairs.map {
                Claim(prefix: $0.outer, place: cluster.key, purpose: "map")
            }
        }
        for cluster in inventory.clusters where !cluster.isMapped {
            claims += cluster.pods.map { Claim(prefix: $0, place: cluster.key, purpose: "pods") }
            claims += cluster.services.map { Claim(prefix: $0, place: cluster.key, purpose: "services") }
        }
        for site in inventory.sites {
            claims += site.networks.map { Claim(prefix: $0, place: site.key, purpose: "networks") }
        }
        var open: [Claim] = []
        var overlaps: [PrefixOverlap] = []
        for claim in claims.sorted(by: { $0.prefix < $1.prefix }) where overlaps.count < most {
            // Prefixes are disjoint or nested: one that does not contain this one contains none that follows.
            open.removeAll { !$0.prefix.contains(claim.prefix) }
            for outer in open where outer.isRival(of: claim) && overlaps.count < most {
                overlaps.append(PrefixOverlap(first: outer, second: claim))
            }
            if open.count < most { open.append(claim) }
        }
        return overlaps
    }
}

extension PrefixOverlap.Claim {
    /// Sites may overlap each other, and one place may name a prefix twice.
    fileprivate func isRival(of other: Self) -> Bool {
        if purpose == "networks", other.purpose == "networks" { return false }
        return place != other.place || purpose != other.purpose
    }
}

extension PrefixOverlap: CustomStringConvertible {
    /// As it is shown to people.
    package var description: String {
        "\(first.purpose) \(first.prefix) of \(first.place) and \(second.purpose) \(second.prefix) of"
            + " \(second.place) overlap: an address must lead to one place"
    }
}
