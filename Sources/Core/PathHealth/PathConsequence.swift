import Inventory

/// What follows from the verdicts on all paths between two ends.
package enum PathConsequence: Hashable, Sendable {
    /// Nothing, or nothing that the file asks for.
    case none
    /// Answers must not be kept for long.
    case changing
    /// No packets arrive, by this verdict.
    case down(PathVerdict)

    /// - Parameter verdicts: Of all probed paths from one end to the other: if one of them carries, packets
    ///   arrive.
    package init(_ verdicts: some Collection<PathVerdict>) {
        let gated = verdicts.filter(\.maySetGate)
        if let first = gated.first, gated.count == verdicts.count,
            gated.allSatisfy({ $0.standing == .down })
        {
            self = .down(gated.min { $0.since < $1.since } ?? first)
        } else {
            self = gated.contains { $0.standing != .steady } ? .changing : .none
        }
    }
}

extension PathVerdict {
    /// True if clients' answers depend on it.
    fileprivate var maySetGate: Bool {
        path.onDown.withholds && (path.isGatedUnproven || counts.answered > 0)
    }
}
