import IPAddressing

/// Which next hops do not answer, from one look to the next.
///
/// Anybody is silent for a moment when the first packet goes to him: it takes two looks in a row.
package struct SilenceWatch: Sendable {
    /// Those that two looks in a row have found silent.
    package private(set) var silent: [SilentNextHop] = []
    private var suspected: Set<IPAddress> = []

    package init() {}

    /// What one look has changed.
    package struct News: Hashable, Sendable {
        package var began: [SilentNextHop]

        /// Those that answer again, or that no route leads to any more.
        package var ended: [SilentNextHop]

        /// True where another look must tell whether somebody is silent.
        package var isDoubtful: Bool

        package init(began: [SilentNextHop], ended: [SilentNextHop], isDoubtful: Bool) {
            self.began = began
            self.ended = ended
            self.isDoubtful = isDoubtful
        }
    }

    /// - Parameter found: Those that have not answered at this look.
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
