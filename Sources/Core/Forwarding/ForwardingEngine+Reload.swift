import AnswerCache
import DNSWire

/// The change from one policy to the next while questions are in flight.
///
/// ```
/// all engines:  begin(change)    from here on only answers that hold under both policies are kept and given
/// each worker:  a successor      takes new questions; the old one answers those that it has in flight
/// the cache:    loses what does not hold any more
/// successors:   settle()         the cache is theirs alone
/// ```
/// So no client gets an answer by rules that no longer hold for it, and no answer of the old engine lives on.
extension ForwardingEngine {
    /// The engine that takes the place of `old`, and goes on with its counts and with what it has learnt of
    /// servers and clients. `old` is left with the questions in flight, and counts anew.
    ///
    /// - Parameters:
    ///   - change: From the policy of `old`; `old` was told to `begin` it.
    ///   - board: Of the new policy.
    package init(
        succeeding old: inout ForwardingEngine, _ change: PolicyChange, board: HealthBoard,
        identity: ProcessIdentity, limits: EngineLimits? = nil
    ) {
        precondition(old.policy === change.old, "an engine is succeeded by a change of its own policy")
        self.init(
            policy: change.new, hashKey: old.hashKey, cache: old.cache.cache, board: board,
            identity: identity,
            limits: limits)
        cache.begin(change)
        unixTime = old.unixTime
        servers.learn(from: old.servers)
        delivery = ReplyDelivery(succeeding: old.delivery, policy)
        if change.new.rateLimit == change.old.rateLimit { rates = old.rates }
        takeCounts(of: &old)
    }

    /// From now on the cache is used for nothing that `change` alters.
    package mutating func begin(_ change: PolicyChange) {
        cache.begin(change)
    }

    /// Every engine has begun the change, and the cache is rid of what it alters: all of it may be used
    /// again. Not for engines that were succeeded.
    package mutating func settle() {
        cache.end()
    }

    /// Counts what an engine that was succeeded has done since it was last asked.
    package mutating func takeCounts(of old: inout ForwardingEngine) {
        counters.add(old.counters)
        old.counters = EngineCounters()
        var counted = old.meters
        old.meters = EngineMeters(old.policy)
        counted.adopt(policy, after: old.policy)
        meters.add(counted)
        for failure in old.failures.entries { failures.note(failure) }
        old.failures = FailureTable()
        refusedClients.add(old.refusedClients)
        old.refusedClients = RefusedClients()
    }

    /// Answers everything in flight as if no server had.
    package mutating func giveUpAll(in turn: inout Turn) {
        for slot in table.transactions.indices {
            guard let target = table.transactions[slot].target else { continue }
            table.transactions[slot].noteFailure(failureText(slot, target))
            finishWithFailure(slot, .serverFailure, at: turn.now, into: &turn.outbox)
        }
    }
}
