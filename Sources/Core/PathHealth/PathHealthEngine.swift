import Inventory
package import Time

/// Tells for each path whether packets arrive, from probes that are answered or not.
///
/// Does no I/O: takes times and what came of connections, and gives what is to be done. A verdict is never
/// drawn from this host's own faults: a process that was not running, a link that is down, connections that
/// can't be begun, or every path of a site, to whichever cluster, failing at the same moment.
package struct PathHealthEngine: Sendable {
    private var trackers: [PathTracker] = []
    /// When each of `trackers` is due, in their order: to look at a number costs far less than a tracker.
    private var dues: [MonotonicTime] = []
    /// The latest time that was told.
    private var now: MonotonicTime
    /// When it asked to be called.
    private var expected: MonotonicTime?

    /// Called so much later than it asked, in nanoseconds, the process was not running.
    private static let lateness: Int64 = 250_000_000

    package init(
        _ paths: [ProbedPath], at now: MonotonicTime, random: inout some RandomNumberGenerator
    ) {
        self.now = now
        trackers = paths.map { path in
            // Spread out, so that probes of many paths do not go out in one moment.
            PathTracker(path, at: now, firstAfter: Self.spread(&random))
        }
        noteAllDues()
        expected = dues.min()
    }

    /// When a path is first probed, in milliseconds.
    private static func spread(_ random: inout some RandomNumberGenerator) -> Int {
        Int(random.next() % 200)
    }

    package var paths: [ProbedPath] { trackers.map(\.path) }

    /// The path with this index.
    package func path(_ index: Int) -> ProbedPath { trackers[index].path }

    /// What is known of each path, in the order of `paths`.
    package var verdicts: [PathVerdict] { trackers.map { $0.verdict(at: now) } }

    /// What is known of the path with this index.
    package func verdict(_ path: Int) -> PathVerdict { trackers[path].verdict(at: now) }

    /// When `advance` is to be called; nil if there are no paths.
    ///
    /// What `learn` changes is in it after the next `advance`.
    package var nextDeadline: MonotonicTime? { expected }

    /// Notes when a tracker is due; to be called after each change of it.
    private mutating func noteDue(of index: Int) { dues[index] = trackers[index].nextDue }

    /// Notes when each tracker is due.
    private mutating func noteAllDues() { dues = trackers.map(\.nextDue) }

    /// Probes these paths from now on; what was found out of those that stay goes on.
    package mutating func replace(
        _ paths: [ProbedPath], at time: MonotonicTime, random: inout some RandomNumberGenerator,
        into actions: inout [PathAction]
    ) {
        guard paths != self.paths else { return }
        pass(to: time)
        for index in trackers.indices { trackers[index].closeAll(index: index, into: &actions) }
        let old = trackers
        trackers = paths.map { path in
            let known = old.first {
                $0.path.from == path.from && $0.path.to == path.to && $0.path.way == path.way
            }
            return known.map { PathTracker(path, after: $0, at: now) }
                ?? PathTracker(path, at: now, firstAfter: Self.spread(&random))
        }
        noteAllDues()
        expected = dues.min()
    }

    // MARK: - Events

    /// Does what is due at `time`. Results that have come before are to be told first.
    package mutating func advance(
        to time: MonotonicTime, random: inout some RandomNumberGenerator, into actions: inout [PathAction]
    ) {
        pass(to: time)
        for index in dues.indices where dues[index] <= now {
            trackers[index].advance(at: now, index: index, random: &random, into: &actions)
            if trackers[index].isJudgementDue(at: now) { judge(index) }
            tell(index, into: &actions)
            noteDue(of: index)
        }
        expected = dues.min()
    }

    /// Takes what came of a connection; to be followed by `advance`.
    package mutating func learn(
        _ result: AttemptResult, of attempt: AttemptID, at time: MonotonicTime,
        into actions: inout [PathAction]
    ) {
        pass(to: time)
        guard trackers.indices.contains(attempt.path) else { return }
        let hadReachedEnd = trackers[attempt.path].hasReachedEnd
        // What keeps it from the end may be its own: it must not take packets from one that was not down.
        trackers[attempt.path].isHeldBack =
            trackers[attempt.path].hasForgottenEnd
            && others(of: attempt.path).contains { trackers[$0].state == .up }
        trackers[attempt.path].learn(
            result, of: attempt.number, at: now, index: attempt.path, into: &actions)
        tell(attempt.path, into: &actions)
        if !hadReachedEnd, trackers[attempt.path].hasReachedEnd {
            // It answers again: a relay that it was reached through before, and is not now, is at fault.
            for other in others(of: attempt.path) {
                trackers[other].expectEnd(at: now)
                noteDue(of: other)
            }
        }
        noteDue(of: attempt.path)
        if expected == nil { expected = dues.min() }
    }

    /// Takes what an examination of this host found.
    ///
    /// - Parameter fault: What is wrong with the link towards the path's target; nil if nothing is.
    package mutating func noteHost(
        _ fault: String?, path: Int, at time: MonotonicTime, into actions: inout [PathAction]
    ) {
        pass(to: time)
        guard trackers.indices.contains(path) else { return }
        trackers[path].noteHost(fault, at: now)
        tell(path, into: &actions)
        noteDue(of: path)
        expected = dues.min()
    }

    /// Time never goes back, and a jump forward means that this process, or the host, was not running.
    private mutating func pass(to time: MonotonicTime) {
        now = max(now, time)
        guard let expected, now.nanoseconds(since: expected) > Self.lateness else { return }
        self.expected = nil
        for index in trackers.indices { trackers[index].forgive(at: now) }
        noteAllDues()
    }

    private mutating func tell(_ index: Int, into actions: inout [PathAction]) {
        if trackers[index].takeNews(at: now) == .changed { actions.append(.tell(path: index)) }
    }

    private mutating func judge(_ index: Int) {
        let excuse = excuse(of: index)
        if excuse == nil, isEndSilent(behindAllOf: index) {
            for one in [index] + others(of: index) {
                trackers[one].forgetEnd(at: now)
                noteDue(of: one)
            }
        } else {
            trackers[index].judge(excuse: excuse, at: now)
        }
    }

    /// True if what a path's relay and all others between the same ends lead to is silent: that says nothing
    /// of this relay. One that is down already reaches nothing.
    private func isEndSilent(behindAllOf index: Int) -> Bool {
        guard trackers[index].hasReachedEnd else { return false }
        let others = others(of: index)
        return !others.isEmpty
            && others.allSatisfy {
                trackers[$0].state == .down || !trackers[$0].hasReachedEnd
                    || hasFailedTogether(trackers[$0], with: trackers[index])
            }
    }

    /// The paths between the same ends by other relays.
    private func others(of index: Int) -> [Int] {
        let path = trackers[index].path
        return trackers.indices.filter {
            trackers[$0].path.from == path.from && trackers[$0].path.to == path.to
                && trackers[$0].path.way != path.way
        }
    }

    // MARK: - Own faults

    /// Why the silence of a path may be this host's fault; nil: it is not.
    private func excuse(of index: Int) -> String? {
        let tracker = trackers[index]
        if let fault = tracker.hostFault { return fault }
        let others = trackers.indices.filter { $0 != index && trackers[$0].path.from == tracker.path.from }
        // With one relay or one cluster for all of them, that explains it as well as this host does.
        guard others.contains(where: { trackers[$0].path.way != tracker.path.way }),
            others.contains(where: { trackers[$0].path.to != tracker.path.to }),
            others.allSatisfy({ hasFailedTogether(trackers[$0], with: tracker) })
        else { return nil }
        return "all \(others.count + 1) paths of \(tracker.path.from) fail at the same moment,"
            + " so the fault is likely near this host"
    }

    /// True if both are silent, and were last answered at about the same time.
    private func hasFailedTogether(_ one: PathTracker, with other: PathTracker) -> Bool {
        guard one.state == .down || one.isSilent(at: now) else { return false }
        guard let last = one.lastAnswer, let otherLast = other.lastAnswer else {
            return one.lastAnswer == nil && other.lastAnswer == nil
        }
        let window = Int64(max(one.timing.every, other.timing.every) + 500) * 1_000_000
        return abs(last.nanoseconds(since: otherLast)) <= window
    }
}
