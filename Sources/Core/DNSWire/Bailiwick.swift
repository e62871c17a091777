package import DomainNames

/// The names for which a server's answers are accepted (RFC 5452 section 6): all other records that it sends
/// are dropped.
package enum Bailiwick: Sendable {
    /// Nothing is dropped: for messages made here.
    case unchecked
    /// A resolver may answer about all names.
    case allNames
    /// A cluster answers for the names below its domain, as far as they belong to the suffix that was asked.
    case cluster(ClusterBailiwick)
}

/// The names, in outer form, for which one cluster's answers are accepted.
///
/// A class, so that each answer costs one reference count.
package final class ClusterBailiwick: Sendable {
    /// All suffixes of clusters.
    private let suffixes: ClusterSuffixes
    /// See `ClusterSuffixes.Owner`.
    private let own: ClusterSuffixes.Owner
    /// False if other clusters are asked for the same names.
    private let isAlone: Bool
    /// True if suffixes of other clusters lie below the one that the cluster is asked for.
    let holdsOthers: Bool

    /// - Parameters:
    ///   - suffix: The suffix that the cluster is asked for.
    ///   - isAlone: False if other clusters are asked for the same names.
    package init(
        _ suffixes: ClusterSuffixes, own: ClusterSuffixes.Owner, suffix: DomainName, isAlone: Bool = true
    ) {
        self.suffixes = suffixes
        self.own = own
        self.isAlone = isAlone
        holdsOthers = !suffixes.belongs(allBelow: suffix.wire.span, to: own)
    }

    /// Which cluster a name belongs to.
    enum Standing {
        /// The cluster's.
        case own
        /// No cluster's.
        case outside
        /// Another cluster's, or another suffix's.
        case foreign
    }

    /// - Parameter name: In outer form.
    func standing(of name: borrowing FlatName) -> Standing {
        guard let owner = suffixes.owner(of: name.octets.span) else { return .outside }
        return owner == own ? .own : .foreign
    }

    /// True if a record of the cluster may redirect all names at or below `name`, its own, as DNAME and
    /// NS do.
    ///
    /// - Parameter name: In outer form.
    func mayRedirect(_ name: borrowing FlatName) -> Bool {
        guard isAlone else { return false }
        return suffixes.belongs(allBelow: name.octets.span, to: own)
    }
}

/// All suffixes of clusters, and the owner of each.
package struct ClusterSuffixes: Sendable {
    /// A number, 0 or more, for the servers that are asked below a suffix.
    package typealias Owner = Int

    /// The owner of each suffix.
    private let owners: SuffixMap<Owner>
    /// For each suffix, and each name above one: the owner of all suffixes at or below it, or `several`.
    private let ownersBelow: SuffixMap<Owner>

    /// The value of `ownersBelow` if there is more than one owner.
    private static let several = -1

    /// The first of the given suffixes wins if two are equal.
    package init(_ suffixes: [(suffix: DomainName, owner: Owner)]) {
        owners = SuffixMap(suffixes.map { ($0.suffix, $0.owner) })
        var below: [DomainName: Owner] = [:]
        var places: [DomainName] = []
        for (suffix, owner) in suffixes {
            var position = 0
            while true {  // ends with the root: a label is at least two octets
                if let name = try? DomainName(wire: Array(suffix.wire[position...])) {
                    let known = below[name]
                    if known == nil { places.append(name) }
                    below[name] = known ?? owner == owner ? owner : Self.several
                }
                guard suffix.wire[position] != 0 else { break }
                position += 1 + Int(suffix.wire[position])
            }
        }
        ownersBelow = SuffixMap(places.map { ($0, below[$0] ?? Self.several) })
    }

    /// The owner of the longest suffix that the uncompressed name in `octets` ends with; nil if it has none.
    func owner(of octets: Span<UInt8>) -> Owner? {
        owners.longestMatch(octets, at: 0)?.value
    }

    /// True if all suffixes at or below the uncompressed name in `octets` belong to `owner`.
    func belongs(allBelow octets: Span<UInt8>, to owner: Owner) -> Bool {
        guard let match = ownersBelow.longestMatch(octets, at: 0), match.suffixStart == 0 else { return true }
        return match.value == owner
    }
}
