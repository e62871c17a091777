import AnswerCache
import DNSWire

/// The change from one policy to the next while questions are in flight.
///
/// ```
/// all engines:  begin(change)    from here on only answers valid under both policies are cached and used
/// each worker:  a successor      takes new questions; the old one answers those in flight
/// the cache:    drops answers that are no longer valid
/// successors:   completeReload()         only the successors use the cache
/// ```
/// So no client gets an answer under rules that no longer apply, and no answer of the old engine stays in
/// the cache.
extension ForwardingEngine {
    /// The engine that takes the place of `old`, and continues its counters and its knowledge of servers and
    /// clients. `old` keeps the questions in flight, and its counters start again.
    ///
    /// - Parameters:
    ///   - change: From the policy of `old`; `old` has begun it.
    ///   - board: Of the new policy.
    package init(
        takingOverFrom old: inout ForwardingEngine, _ change: PolicyChange, board: HealthBoard,
        identity: ProcessIdentity, limits: EngineLimits? = nil
    ) {
        precondition(old.policy === change.old, "an engine is succeeded by a change of its own policy")
        self.init(
            policy: change.new, hashKey: old.hashKey, cache: old.preparation.cache.cache, board: board,
            identity: identity,
            limits: limits)
        preparation.cache.begin(change)
        unixTime = old.unixTime
        flight.servers.learn(from: old.flight.servers)
        delivery = ReplyDelivery(takingOverFrom: old.delivery, policy)
        if change.new.rateLimit == change.old.rateLimit {
            reception.rates = old.reception.rates
        }
        takeCounts(of: &old)
    }

    /// From now on the cache is used for nothing that `change` alters.
    package mutating func begin(_ change: PolicyChange) {
        preparation.cache.begin(change)
    }

    /// Every engine has begun the change, and the cache contains nothing that it alters: all of it may be
    /// used again. Not for engines that were succeeded.
    package mutating func completeReload() {
        preparation.cache.end()
    }

    /// Adds the counters of a succeeded engine since the last call.
    package mutating func takeCounts(of old: inout ForwardingEngine) {
        counts.add(old.counters)
        var counted = old.meters
        old.clearCounts()
        counted.adopt(policy, after: old.policy)
        flight.meters.add(counted.servers)
        delivery.meters.add(counted.replies)
        for failure in old.failures.entries { preparation.failures.note(failure) }
        old.preparation.failures = FailureTable()
        reception.refusedClients.add(old.refusedClients)
        old.reception.refusedClients = RefusedClients()
    }

    /// All counters start again.
    private mutating func clearCounts() {
        counts = EngineCounters()
        reception.counters = EngineCounters()
        preparation.counters = EngineCounters()
        flight.counters = EngineCounters()
        flight.meters = ServerMeters(policy)
        delivery.counters = EngineCounters()
        delivery.meters = ReplyMeters(policy)
    }

    /// Answers everything in flight as if no server had answered.
    package mutating func giveUpAll(in turn: inout Turn) {
        for slot in flight.table.transactions.indices {
            guard let target = flight.table.transactions[slot].target,
                !flight.table.transactions[slot].isLate
            else { continue }
            flight.table.transactions[slot].noteFailure(flight.failureText(slot, target))
            let ending = preparation.fail(slot, target, with: .serverFailure, in: flight, at: turn.now)
            finish(slot, of: target, with: ending, in: &turn)
        }
    }
}
