import DNSWire
import DomainNames

extension PolicyBuilder {
    /// For each target the names for which its servers' answers are accepted; see `Bailiwick`.
    ///
    /// A number identifies the owner of a suffix: that of its target; for a suffix that clusters share
    /// a number after those, since each view has its own target there; one more if its names come from
    /// no server.
    func bailiwicks() -> [Bailiwick] {
        let noServer = targets.count + sharedSuffixes.count
        let clusters = ClusterSuffixes(
            suffixes.compactMap { suffix, use in
                switch use {
                case .cluster(let target): (suffix, owner(of: target) ?? noServer)
                case .shared(let index): (suffix, targets.count + index)
                case .noServers: (suffix, noServer)
                // A reverse name is answered under its own name, or none.
                case .reverse(_, isPrivate: false): (suffix, noServer)
                case .reverse, .special: nil
                }
            })
        // The twin of a suffix's target speaks for the same names.
        let twins = targets.compactMap { target in target.innerTwin.map { ($0, target.index) } }
        let suffixOwner = Dictionary(twins) { first, _ in first }
        return targets.map { target in
            let owner: Int? =
                switch target.kind {
                case .clusterSuffix: suffixOwner[target.index] ?? target.index
                case .bareDomain, .merged, .clusterSet:
                    sharedSuffixes.firstIndex { $0.name == target.answerNames.outer }
                        .map { targets.count + $0 }
                // In an answer, names below the domain appear under the cluster's first suffix.
                case .reverse, .privateZone: self.owner(of: target.index)
                case .upstream: nil
                }
            guard let owner else { return .allNames }
            let suffix = target.kind == .privateZone ? target.mapping.outer : target.answerNames.outer
            return .cluster(
                ClusterBailiwick(clusters, own: owner, suffix: suffix, isAlone: target.groups.count == 1))
        }
    }

    /// The target whose number is the owner of the names of `index`: private zones and reverse names belong
    /// to the first suffix of their cluster.
    private func owner(of index: Int) -> Int? {
        let target = targets[index]
        switch target.kind {
        case .privateZone: return firstSuffixTarget[target.groups[0]] ?? index
        case .reverse: return firstSuffixTarget[target.groups[0]]
        case .clusterSuffix, .bareDomain, .merged, .clusterSet, .upstream: return index
        }
    }
}
