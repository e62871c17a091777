package import IPAddressing
package import Time

/// Whether a path carries packets.
package enum PathState: String, Hashable, Sendable, CaseIterable {
    /// No probe has been answered yet, or this host can't tell. Everything goes on as if it were up.
    case unknown
    case up
    case down
}

/// What follows from a path's state.
package enum PathStanding: Hashable, Sendable {
    /// It is up or unknown, and has been for a while.
    case steady
    /// Probes are not answered and there is no verdict yet, or it has come back lately.
    case changing
    case down
}

/// What the probes say of one path.
package struct PathVerdict: Hashable, Sendable {
    /// The path.
    package let path: ProbedPath

    /// What probes show.
    package let state: PathState

    /// What follows for replies.
    package let standing: PathStanding

    /// When `state` began.
    package let since: MonotonicTime

    /// Why it is down or unknown, in words; empty if it is up.
    package let cause: String

    /// Targets that do not answer although another one does.
    package let silentTargets: [Endpoint]

    /// The smoothed time to an answer, in nanoseconds; 0 before the first.
    package let roundTrip: Int64

    /// When a probe was last answered; nil: never.
    package let lastAnswer: MonotonicTime?

    /// Since the start.
    package let counts: PathCounts
}

/// What was counted of one path since the start.
package struct PathCounts: Hashable, Sendable {
    /// Connections that were answered.
    package var answered = 0
    /// Connections that were not.
    package var missed = 0
    /// Connections that could not be begun here.
    package var unsent = 0
    /// Changes of the state, but for the first.
    package var transitions = 0
    /// Time spent down until the last change, in nanoseconds.
    package var downNanoseconds: Int64 = 0

    /// Creates path counts.
    package init() {}
}

extension PathVerdict {
    /// Time spent down until `now`, in nanoseconds.
    package func downNanoseconds(at now: MonotonicTime) -> Int64 {
        counts.downNanoseconds + (state == .down ? max(0, now.nanoseconds(since: since)) : 0)
    }
}
