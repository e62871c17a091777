import AnswerCache
import DNSWire
import Telemetry
import Time

/// What clients get if there is no answer.
extension AnswerPreparation {
    /// Prepares that the answer can't be given, and why.
    mutating func withhold(
        _ slot: Int, _ target: RouteTarget, because reason: ExtendedError,
        in flight: borrowing QuestionsInFlight,
        at now: MonotonicTime
    ) -> TransactionEnding {
        prepareFailure(slot, .serverFailure, because: reason, in: flight.table)
        noteFailure(slot, target, in: flight.table, at: now)
        cacheFailure(slot, target, in: flight.table, at: now)
        return TransactionEnding(source: .miss)
    }

    /// Prepares what the clients of `slot` get once no further group has an answer.
    mutating func end(
        _ slot: Int, _ target: RouteTarget, in flight: inout QuestionsInFlight, at now: MonotonicTime
    ) -> TransactionEnding {
        if case .complete = prepareUnion(slot, target, in: flight.table) {
            return complete(slot, target, after: nil, in: &flight, at: now)
        }
        // A refusal is passed on. Every other code concerns our question or the server (FORMERR, NOTIMP,
        // NOTAUTH): the client's question was valid.
        let isRefused = flight.table.transactions[slot].lastDecline == .refused
        let rcode: ResponseCode = target.groups.count == 1 && isRefused ? .refused : .serverFailure
        return fail(slot, target, with: rcode, in: flight, at: now)
    }

    /// Prepares the cached answer that `fail` would give the clients of `slot`; nil if there is none.
    mutating func loadExpired(
        _ slot: Int, _ target: RouteTarget, in table: borrowing TransactionTable, at now: MonotonicTime
    ) -> CacheHit? {
        table.begin(&prepared, for: slot)
        let place = cachePlace(of: slot, target, in: table)
        return cache.loadInPlaceOfFailure(place, into: &prepared, by: &scratch, at: now)
    }

    /// Prepares an expired answer (RFC 8767) for all clients of `slot`, or that no server answered and why.
    mutating func fail(
        _ slot: Int, _ target: RouteTarget, with rcode: ResponseCode, in flight: borrowing QuestionsInFlight,
        at now: MonotonicTime
    ) -> TransactionEnding {
        let text = flight.table.reasons(of: slot)
        let waiters = Int(flight.table.transactions[slot].waiterCount)
        flight.table.begin(&prepared, for: slot)
        // What is cached was put together from all members.
        let mayUseCache = flight.table.transactions[slot].question.skippedMembers == 0
        let place = cachePlace(of: slot, target, in: flight.table)
        if mayUseCache,
            let hit = cache.loadInPlaceOfFailure(place, into: &prepared, by: &scratch, at: now)
        {
            var ending = TransactionEnding(source: .hit, body: .prepared(.age(hit.age)))
            if hit.isFresh {  // Another client got an answer in the meantime.
                counters.hits += waiters
            } else {
                counters.stale += waiters
                prepared.extendedError = ExtendedError(
                    code: ExtendedError.Code.staleAnswer.rawValue, text: text)
                ending = TransactionEnding(
                    source: .stale, body: .prepared(target.staleFreshness), isFailure: true)
            }
            return ending
        }
        var code: ExtendedError.Code =
            flight.table.transactions[slot].lastDecline != nil ? .networkError : .noReachableAuthority
        if flight.table.transactions[slot].isTurnedAway {
            code = .other
            counters.overloaded += waiters
            counters.overloadedGroups += waiters
        } else {
            counters.failed += waiters
        }
        prepareFailure(
            slot, rcode, because: ExtendedError(code: code.rawValue, text: text), in: flight.table)
        noteFailure(slot, target, in: flight.table, at: now)
        guard !flight.wouldHelpProof(slot, target, at: now) else {
            flight.table.begin(&prepared, for: slot)
            return TransactionEnding(source: .refused, body: .addressCheck)
        }
        cacheFailure(slot, target, in: flight.table, at: now)
        return TransactionEnding(source: .miss, isFailure: true)
    }

    /// Prepares the reply without an answer.
    private mutating func prepareFailure(
        _ slot: Int, _ rcode: ResponseCode, because reason: ExtendedError,
        in table: borrowing TransactionTable
    ) {
        table.begin(&prepared, for: slot)
        prepared.octets.set16(rcode.rawValue, at: 2)
        prepared.extendedError = reason
    }

    /// Records why the clients of `slot` get no answer, from `prepared`.
    private mutating func noteFailure(
        _ slot: Int, _ target: RouteTarget, in table: borrowing TransactionTable, at now: MonotonicTime
    ) {
        let group = policy.groups[target.groups[table.transactions[slot].groupPosition]]
        let shape = table.transactions[slot].question
        failures.note(
            FailureTable.Entry(
                cluster: group.name, reason: prepared.extendedError?.text ?? [],
                name: [UInt8](copying: table.question(of: slot).extracting(first: shape.nameLength)),
                type: shape.type, count: 1, last: now))
    }

    /// Caches the failure in `prepared`, briefly.
    ///
    /// A question that was not asked for lack of room may be asked again at once; one with marks of the
    /// client may have failed because of them.
    private func cacheFailure(
        _ slot: Int, _ target: RouteTarget, in table: borrowing TransactionTable, at now: MonotonicTime
    ) {
        guard !table.transactions[slot].isTurnedAway,
            table.transactions[slot].loopMarks.isEmpty,
            table.transactions[slot].question.skippedMembers == 0
        else { return }
        cache.storeFailure(prepared, cachePlace(of: slot, target, in: table), at: now)
    }
}
