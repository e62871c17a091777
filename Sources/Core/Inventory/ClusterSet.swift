package import DomainNames

/// Clusters that export services to each other: a zone that each of them serves (KEP-1645, multicluster DNS).
package struct ClusterSet: Hashable, Sendable {
    /// The most members.
    package static let mostMembers = 32

    /// Its name in the file: the label before the zone that tells sets apart.
    package var key: String

    /// The zone that the members' DNS serves. Default: `clusterset.local`.
    package var zone: DomainName

    /// The members, in the order of the file.
    package var members: [Member]

    /// Keys of the members that are asked before the others, in this order. Default: none.
    package var prefer: [String] = []

    /// A cluster of the set.
    package struct Member: Hashable, Sendable {
        /// The cluster's key.
        package var cluster: String
        /// Its ID in names such as `<hostname>.<id>.<service>.<namespace>.svc.<zone>`; it may have a dot.
        /// Default: the key.
        package var id: DomainName?

        /// Creates a member.
        package init(cluster: String, id: DomainName? = nil) {
            self.cluster = cluster
            self.id = id
        }
    }

    /// Creates a cluster set.
    package init(key: String, zone: DomainName = ClusterSet.defaultZone, members: [Member] = []) {
        self.key = key
        self.zone = zone
        self.members = members
    }

    /// `clusterset.local`.
    package static let defaultZone: DomainName = {
        do throws(DomainNameError) {
            return try DomainName(labels: [Array("clusterset".utf8), Array("local".utf8)])
        } catch {
            preconditionFailure("clusterset.local is a name: \(error)")
        }
    }()

    /// `<key>.<zone>`; nil if the key is no label, or the name would be too long.
    package var suffix: DomainName? {
        guard let label = try? DomainName(labels: [Array(key.utf8)]) else { return nil }
        return try? label.appending(zone)
    }

    /// The members in the order in which they are asked.
    package var orderedMembers: [Member] {
        let preferred = prefer.compactMap { key in members.first { $0.cluster == key } }
        return preferred + members.filter { !prefer.contains($0.cluster) }
    }
}

extension Inventory {
    /// The suffixes that lead to a cluster set: that of its own, and the plain zone if no other set has it.
    package func suffixes(of set: ClusterSet) -> [DomainName] {
        let isAlone = clusterSets.count { $0.zone == set.zone } == 1
        return [set.suffix, isAlone ? set.zone : nil].compactMap(\.self)
    }
}
