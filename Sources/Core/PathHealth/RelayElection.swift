package import Inventory
package import Time

/// Decides which relays of one path carry its packets.
///
/// Those that work and have the highest priority carry together. A relay that is down is left at once if
/// another one works; one that comes back has to be up for `hold` before it carries again, unless no other
/// one works. If no relay works, or this host can not tell, everything stays as it is: the fault is likely
/// near this host, or behind all of them.
package struct RelayElection: Hashable, Sendable {
    /// The candidates, in the order of the file.
    package let members: [Member]

    /// Whether a relay with a higher priority carries again as soon as it can.
    package let preference: RelayPreference

    /// How long a relay must be up before packets are led to it beside or instead of others, in milliseconds.
    package let hold: Int

    /// The names of those that carry, in the order of the file; never empty.
    package private(set) var carrying: [String]

    /// When `update` is to be called again even if nothing is observed; nil: no need.
    package private(set) var nextDeadline: MonotonicTime?

    /// One relay of the path.
    package struct Member: Hashable, Sendable {
        /// The host's name.
        package let name: String
        /// The highest carries.
        package let priority: Int

        /// Creates a candidate.
        package init(name: String, priority: Int) {
            self.name = name
            self.priority = priority
        }
    }

    /// What probes through one relay show.
    package struct Observation: Hashable, Sendable {
        /// Whether the relay works.
        package let state: PathState
        /// When `state` began.
        package let since: MonotonicTime
        /// Why it is not up.
        package let cause: String
        /// When a probe was last answered; nil: never.
        package let lastAnswer: MonotonicTime?

        /// Creates an observation.
        package init(state: PathState, since: MonotonicTime, cause: String, lastAnswer: MonotonicTime?) {
            self.state = state
            self.since = since
            self.cause = cause
            self.lastAnswer = lastAnswer
        }

        /// What `verdict` says of the only relay of its path; nil: nothing is known yet.
        package init(_ verdict: PathVerdict?, at now: MonotonicTime) {
            state = verdict?.state ?? .unknown
            since = verdict?.since ?? now
            cause = verdict?.cause ?? RelayElection.unproven
            lastAnswer = verdict?.lastAnswer
        }
    }

    /// What is known of no relay yet.
    private static let unproven = "no probe has been answered yet"

    /// Packets take other relays from now on.
    package struct Move: Hashable, Sendable {
        /// The names of the relays that carried.
        package let before: [String]
        /// The names of the relays that carry.
        package let after: [String]
        /// Why the former are left or others join them.
        package let reason: String
        /// The time without a working relay until now, in nanoseconds; 0 for a move without need.
        package let gap: Int64
    }

    /// For so long another relay must be answered before one is left of which nothing is known, in
    /// milliseconds: a common fault may begin and end for one of them a little earlier.
    private static let doubt = 500

    /// Creates an election in which nothing is known yet.
    ///
    /// - Parameter carrying: Those that carry now; names of other hosts are ignored.
    package init(
        _ members: [Member], preference: RelayPreference, hold: Int, carrying: [String]
    ) {
        self.members = members
        self.preference = preference
        self.hold = hold
        let known = members.map(\.name).filter(carrying.contains)
        self.carrying = known.isEmpty ? Self.initial(members) : known
    }

    /// The relay that carries before anything is known: one alone, since a second one that does not work
    /// would lose its share of all packets.
    package static func initial(_ members: [Member]) -> [String] {
        let best = members.map(\.priority).max()
        return members.first { $0.priority == best }.map { [$0.name] } ?? []
    }

    /// Decides anew.
    ///
    /// - Parameters:
    ///   - observed: One for each member, in their order.
    ///   - drained: The names of relays that get nothing new if another one works.
    /// - Returns: Nil if everything stays.
    package mutating func update(
        _ observed: [Observation], drained: Set<String> = [], at now: MonotonicTime
    ) -> Move? {
        nextDeadline = nil
        let candidates = zip(members, observed).map { Candidate(member: $0, observation: $1) }
        let usable = candidates.filter {
            $0.observation.state == .up && !drained.contains($0.member.name)
        }
        guard !usable.isEmpty else { return nil }
        let kept = candidates.filter {
            carrying.contains($0.member.name) && !drained.contains($0.member.name)
                && judge($0.observation, beside: usable, at: now) == .stays
        }
        let next = choose(usable: usable, kept: kept, at: now)
        guard next != carrying else { return nil }
        let lost = candidates.filter { carrying.contains($0.member.name) && !next.contains($0.member.name) }
        let move = Move(
            before: carrying, after: next, reason: reason(lost, drained: drained),
            gap: kept.isEmpty ? gap(of: lost, at: now) : 0)
        carrying = next
        return move
    }

    /// A member with what is known of it.
    private struct Candidate {
        /// The relay.
        let member: Member
        /// What probes through it show.
        let observation: Observation
    }

    /// What becomes of a relay that carries.
    private enum Fate {
        /// It goes on.
        case stays
        /// It is left for others.
        case left
    }

    /// Judges a relay that carries; one in doubt is looked at again soon.
    private mutating func judge(
        _ observation: Observation, beside usable: [Candidate], at now: MonotonicTime
    ) -> Fate {
        switch observation.state {
        case .up: return .stays
        case .down: return .left
        case .unknown:
            let isProven = usable.contains { candidate in
                let other = candidate.observation
                let begun = max(observation.since, other.since).advanced(milliseconds: Self.doubt)
                return other.lastAnswer.map { $0 >= begun } ?? false
            }
            if !isProven { expect(now.advanced(milliseconds: Self.doubt / 2)) }
            return isProven ? .left : .stays
        }
    }

    /// The names of those that carry from now on.
    private mutating func choose(
        usable: [Candidate], kept: [Candidate], at now: MonotonicTime
    ) -> [String] {
        var pool = kept.map(\.member)
        for candidate in usable where !kept.contains(where: { $0.member == candidate.member }) {
            let ripe = candidate.observation.since.advanced(milliseconds: hold)
            if kept.isEmpty || ripe <= now { pool.append(candidate.member) } else { expect(ripe) }
        }
        let rivals = preference == .first || kept.isEmpty ? pool : kept.map(\.member)
        let best = rivals.map(\.priority).max()
        return members.filter { $0.priority == best && pool.contains($0) }.map(\.name)
    }

    /// `update` is to be called again at `time` at the latest.
    private mutating func expect(_ time: MonotonicTime) {
        nextDeadline = nextDeadline.map { min($0, time) } ?? time
    }

    /// Why the relays of `lost` do not carry any more, or others do beside them.
    private func reason(_ lost: [Candidate], drained: Set<String>) -> String {
        let reasons = lost.compactMap { candidate -> String? in
            let name = candidate.member.name
            if drained.contains(name) { return "\(name) is drained" }
            return candidate.observation.state == .up
                ? nil : "\(name) is \(candidate.observation.state.rawValue): \(candidate.observation.cause)"
        }
        if !reasons.isEmpty { return reasons.joined(separator: "; ") }
        return lost.isEmpty ? "another relay works" : "a relay with a higher priority works"
    }

    /// The time since the last of `lost` answered.
    private func gap(of lost: [Candidate], at now: MonotonicTime) -> Int64 {
        guard lost.allSatisfy({ $0.observation.state != .up }) else { return 0 }
        return lost.compactMap(\.observation.lastAnswer).map { max(0, now.nanoseconds(since: $0)) }.min() ?? 0
    }
}
