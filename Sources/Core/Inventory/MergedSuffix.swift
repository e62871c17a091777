package import DomainNames

/// A suffix of its own below which several clusters answer as one.
package struct MergedSuffix: Hashable, Sendable {
    /// The most members.
    package static let mostMembers = 32

    /// The suffix as the file spells it: the key of its settings.
    package var key: String

    /// The suffix that clients use.
    package var name: DomainName

    /// Keys of the clusters that answer, in this order; they have the same domain.
    package var clusters: [String]

    /// How the members' answers become one. Default: `first`.
    package var mode = Mode.first

    /// With `union`: whether the addresses of the others are given while a member is silent. Default: false.
    package var isPartial = false

    /// How the members' answers become one.
    package enum Mode: String, Hashable, Sendable, CaseIterable {
        /// The first member that has the name answers.
        case first
        /// The endpoints of a headless service are those of all members.
        case union
    }

    /// Creates a merged suffix.
    package init(key: String, name: DomainName, clusters: [String]) {
        self.key = key
        self.name = name
        self.clusters = clusters
    }
}
