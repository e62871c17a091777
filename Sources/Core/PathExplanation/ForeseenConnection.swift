/// A connection that a host tries before and after a change of it, with what was foreseen of it.
package struct ForeseenConnection: Hashable, Sendable {
    /// The target, as in `10.96.0.10:53`.
    package var target: String
    /// The key of the target's cluster.
    package var cluster: String
    /// What is reasoned of it.
    package var reasoned: Moments<Explanation.Verdict>
    /// True if something came back.
    package var answered: Moments<Bool>

    /// A value before and after the change.
    package struct Moments<Value: Hashable & Sendable>: Hashable, Sendable {
        package var before: Value
        package var after: Value

        package init(before: Value, after: Value) {
            self.before = before
            self.after = after
        }
    }

    package init(
        target: String, cluster: String, reasoned: Moments<Explanation.Verdict>, answered: Moments<Bool>
    ) {
        self.target = target
        self.cluster = cluster
        self.reasoned = reasoned
        self.answered = answered
    }

    /// How the change shows in the connection.
    package enum Comparison: Hashable, Sendable {
        /// It does what was foreseen, or nothing was.
        case asForeseen
        /// It differs, for a reason that was there before the change, or without harm.
        case noted(String)
        /// The change has not done what was foreseen of it.
        case broken(String)
    }

    /// Compares what was foreseen with what is seen. A target that was silent against all reasoning before
    /// the change shows nothing of the change.
    package var comparison: Comparison {
        if answered.before, !answered.after {
            return .broken("\(target) (\(cluster)) answered before, and does not answer now")
        }
        guard reasoned.after == .reachable, !answered.after else {
            return reasoned.after == .unreachable && answered.after
                ? .noted("\(target) (\(cluster)) answers, although no packet was to arrive") : .asForeseen
        }
        let wasAsReasoned = reasoned.before == .unreachable
        let text = "\(target) (\(cluster)) was to answer now, and is silent"
        return wasAsReasoned ? .broken(text) : .noted(text + ", as before")
    }
}
