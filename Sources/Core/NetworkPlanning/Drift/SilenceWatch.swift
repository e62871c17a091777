import IPAddressing

/// Which next hops do not answer, from one check to the next.
///
/// A neighbour may be silent for a moment when the first packet is sent to it, so two checks in a row
/// are needed.
package struct SilenceWatch: Sendable {
    /// Those found silent by two checks in a row.
    package private(set) var silent: [SilentNextHop] = []
    /// Those found silent by the last check.
    private var suspected: Set<IPAddress> = []

    /// Nothing is silent yet.
    package init() {}

    /// What one check has changed.
    package struct News: Hashable, Sendable {
        /// Those newly found silent.
        package var began: [SilentNextHop]

        /// Those that answer again, or are no longer used by a route.
        package var ended: [SilentNextHop]

        /// True if another check must confirm that a next hop is silent.
        package var isDoubtful: Bool

        /// Creates a report of changes.
        package init(began: [SilentNextHop], ended: [SilentNextHop], isDoubtful: Bool) {
            self.began = began
            self.ended = ended
            self.isDoubtful = isDoubtful
        }
    }

    /// - Parameter found: Those that have not answered at this check.
    package mutating func look(_ found: [SilentNextHop]) -> News {
        let now = found.filter { suspected.contains($0.gateway) }
        let (before, after) = (Set(silent.map(\.gateway)), Set(now.map(\.gateway)))
        let news = News(
            began: now.filter { !before.contains($0.gateway) },
            ended: silent.filter { !after.contains($0.gateway) }, isDoubtful: now.count < found.count)
        silent = now
        suspected = Set(found.map(\.gateway))
        return news
    }
}
