import Inventory
import Time

/// Turns what is known of a cluster into facts: soon after a change, a few times a second at most, only when
/// they differ, and a large removal only after a second look.
struct FactsDeriving: Sendable {
    /// The latest facts; nil before the first ones.
    private var facts: ClusterFacts?
    /// The facts in the file; nil if there are none, or they could not be written.
    private var written: ClusterFacts?
    /// The facts of a cluster of which nothing is known.
    private let empty: ClusterFacts
    /// True if something may differ since the last derivation.
    private var isChanged = false
    /// Nothing is derived before.
    private var nextDerivation: MonotonicTime
    /// What a removal is measured by: facts of some time ago, so that many small removals count together.
    private var baseline: ClusterFacts?
    /// When these were taken.
    private var baselineTime: MonotonicTime
    /// Whether a large removal is checked.
    private var look = SecondLook.none

    /// The stages of a second look.
    private enum SecondLook {
        /// Nothing is doubtful.
        case none
        /// The lists are read again at that time.
        case waiting(until: MonotonicTime)
        /// These lists are being read.
        case reading(Set<SurveyTopic>)
        /// The lists are as they are.
        case done
    }

    /// From an event to the derivation, in milliseconds: what belongs together comes in several events, such
    /// as the block that a node gets and the one that it gives back.
    private static let quiet = 50
    /// Derivations are so far apart, in milliseconds.
    private static let interval = 250
    /// A second look begins so long after the first, in milliseconds.
    private static let lookDelay = 10_000
    /// Removals within such a time count together, in milliseconds.
    private static let baselineAge = 60_000

    /// - Parameter facts: Those of an earlier run; nil if there are none.
    init(_ facts: ClusterFacts?, cluster: String, context: String, at now: MonotonicTime) {
        self.facts = facts
        written = facts
        baseline = facts
        empty = ClusterFacts(cluster: cluster, context: context)
        nextDerivation = now
        baselineTime = now
    }

    /// True if there are facts, of this run or an earlier one.
    var hasFacts: Bool { facts != nil }

    /// True while a large removal is not believed yet.
    var isDoubtful: Bool {
        switch look {
        case .none, .done: false
        case .waiting, .reading: true
        }
    }

    /// When to derive or to look again; nil if nothing is due.
    var nextTime: MonotonicTime? {
        var times: [MonotonicTime] = isChanged ? [nextDerivation] : []
        if case .waiting(let until) = look { times.append(until) }
        return times.min()
    }

    /// Something may differ.
    mutating func noteChange() { isChanged = true }

    /// Something may differ, and more events may follow at once.
    mutating func noteEvent(at now: MonotonicTime) {
        if !isChanged { nextDerivation = max(nextDerivation, now.advanced(milliseconds: Self.quiet)) }
        isChanged = true
    }

    /// The facts were not written; they are given again at `time`.
    mutating func noteUnwritten(until time: MonotonicTime) {
        written = nil
        isChanged = true
        nextDerivation = max(nextDerivation, time)
    }

    /// A list was read as a whole.
    mutating func noteList(of topic: SurveyTopic) {
        isChanged = true
        guard case .reading(var topics) = look else { return }
        topics.remove(topic)
        look = topics.isEmpty ? .done : .reading(topics)
    }

    /// Begins a second look if one is due.
    ///
    /// - Parameter topics: The lists to read.
    mutating func beginSecondLook(at now: MonotonicTime, _ topics: Set<SurveyTopic>) -> Begun {
        guard case .waiting(let until) = look, now >= until, !topics.isEmpty else { return .notDue }
        look = .reading(topics)
        return .begun
    }

    /// Whether a second look has begun.
    enum Begun {
        /// Its lists must be read.
        case begun
        /// None is due.
        case notDue
    }

    /// The facts to write; nil if the file is right, or it is too early.
    mutating func facts(of known: ClusterSurvey, at now: FollowTime) -> ClusterFacts? {
        guard isChanged, now.monotonic >= nextDerivation else { return nil }
        isChanged = false
        nextDerivation = now.monotonic.advanced(milliseconds: Self.interval)
        let hasNoNodes = known.document(.nodes).map(\.items.isEmpty) ?? false
        let new = (facts ?? empty).updated(
            by: known.findings(key: empty.cluster), hasNoNodes: hasNoNodes, at: now.wall)
        if now.monotonic >= baselineTime.advanced(milliseconds: Self.baselineAge) {
            baseline = facts
            baselineTime = now.monotonic
        }
        if isLargeRemoval(new) {
            guard case .done = look else {
                if case .none = look {
                    look = .waiting(until: now.monotonic.advanced(milliseconds: Self.lookDelay))
                }
                return nil
            }
            baseline = new
            baselineTime = now.monotonic
        }
        look = .none
        facts = new
        baseline = baseline ?? new
        guard new != written else { return nil }
        written = new
        return new
    }

    /// True if `new` lacks more than half of the nodes that there were.
    private func isLargeRemoval(_ new: ClusterFacts) -> Bool {
        guard let baseline, let count = baseline.nodes?.value.count else { return false }
        return baseline.lostNodes(in: new) * 2 > count
    }
}
