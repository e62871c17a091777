/// The outcome of a packet's path through a host's rules, and the rules that decided it.
package struct PacketTrace: Hashable, Sendable {
    /// The outcome.
    package var verdict: Verdict

    /// The changes and decisions, in order.
    package var steps: [Step] = []

    /// The packet's mark after `prerouting`, on which routes may depend; nil if it is unknown.
    package var routingMark: UInt32?

    /// The outcome of a walk.
    package enum Verdict: Hashable, Sendable {
        /// It passes.
        case accepted
        /// A rule drops it.
        case dropped(by: RulePlace)
        /// The rule is not understood, or another program decides.
        case unknown(at: RulePlace)
    }

    /// One decision.
    package struct Step: Hashable, Sendable {
        /// The rule that decided or changed something.
        package var rule: RulePlace
        /// What the rule did.
        package var action: Action

        /// The packet at that point.
        package var packet: Packet
        /// How the step is known.
        package var evidence: Evidence
    }

    /// What a rule did with a packet.
    package enum Action: String, Hashable, Sendable {
        case accept, drop, unknown
    }

    /// The source of a step.
    package enum Evidence: String, Hashable, Sendable {
        /// From the configuration.
        case planned
        /// From this kernel, or from an observation of another host.
        case read
        /// By a packet that was sent.
        case probed
        /// General knowledge.
        case assumed
    }
}

extension PacketTrace.Verdict {
    /// The rule that drops, or that is not understood; nil if the packet passes.
    package var place: RulePlace? {
        switch self {
        case .accepted: nil
        case .dropped(let place), .unknown(let place): place
        }
    }
}
