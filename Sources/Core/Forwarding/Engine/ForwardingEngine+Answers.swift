import AnswerCache
import DNSWire
import DomainNames
import Telemetry
import Time

/// Processing servers' answers, and sending them to the waiting clients.
extension ForwardingEngine {
    /// Processes a message from a server.
    @discardableResult
    package mutating func receiveAnswer(
        _ message: Span<UInt8>, over path: UpstreamPath, in turn: inout Turn
    ) -> AnswerOutcome {
        switch flight.match(message, over: path) {
        case .done(let outcome): return outcome
        case .event(let event, let slot, let outcome):
            advance(slot, after: event, in: &turn)
            return outcome
        case .answer(let slot, let place, let header, let question):
            let attempt = flight.table[slot, place]
            guard let letterCase = attempt.letterCase else {
                take(
                    ServerAnswer(
                        message, header: header, question: question, attempt: attempt, place: place), slot,
                    in: &turn)
                return .taken
            }
            // Moved out while it is read, since the rest of the engine changes meanwhile.
            var restored = self.restored.take() ?? OctetBuffer(capacity: 4096)
            restored.removeAll(keeping: 65_536)
            restored.append(message)
            flight.table.restoreLetterCase(of: slot, in: &restored)
            // Others were compared when they were matched.
            let isRepeated =
                !flight.table.transactions[slot].isRewritten
                || letterCase.isRepeated(
                    in: message, at: Question.nameStart, of: restored.span, at: Question.nameStart,
                    count: question.nameLength)
            if isRepeated {
                take(
                    ServerAnswer(
                        restored.span, header: header, question: question, attempt: attempt, place: place),
                    slot, in: &turn)
            }
            self.restored = consume restored
            return isRepeated ? .taken : doubt(slot, place, in: &turn)
        }
    }

    /// The letter case of an answer's question is wrong.
    private mutating func doubt(_ slot: Int, _ place: Int, in turn: inout Turn) -> AnswerOutcome {
        if let event = flight.doubt(slot, place) { advance(slot, after: event, in: &turn) }
        return .mismatch
    }

    /// Processes an answer to the question that was asked.
    private mutating func take(_ answer: ServerAnswer, _ slot: Int, in turn: inout Turn) {
        flight.noteRoundTrip(of: answer, at: turn.now)
        if let event = flight.rejection(of: answer, slot, at: turn.now) {
            return advance(slot, after: event, in: &turn)
        }
        if let meaning = flight.table.meaning(of: answer, slot) {
            for follower in flight.table.followers(of: slot) + [slot] {
                guard let target = flight.table.transactions[follower].target else { continue }
                let shared = ServerAnswer(shared: answer)
                carryOut(
                    preparation.prepare(meaning, of: shared, for: follower, in: &flight, at: turn.now),
                    for: follower, of: target, in: &turn)
            }
            return
        }
        giveToAll(answer, slot, in: &turn)
    }

    /// Gives an answer to the clients of `slot` and of its followers.
    private mutating func giveToAll(_ answer: ServerAnswer, _ slot: Int, in turn: inout Turn) {
        guard !flight.table.transactions[slot].isLate else { return giveLate(answer, slot, in: &turn) }
        let followers = flight.table.followers(of: slot)
        let group = flight.table.transactions[slot].countedGroup
        guard give(answer, to: slot, in: &turn) == .given else { return }
        for follower in followers {
            guard !flight.table.transactions[follower].isFree,
                flight.table.transactions[follower].followedGroup == group
            else { continue }
            // Malformed for one suffix and not for another: the follower asks itself.
            guard give(ServerAnswer(shared: answer), to: follower, in: &turn) == .given else {
                flight.timers.set(follower, due: turn.now, now: turn.now)
                continue
            }
        }
    }

    /// Caches an answer whose clients were told that there is none, and gives it to those who have asked
    /// again.
    private mutating func giveLate(_ answer: ServerAnswer, _ slot: Int, in turn: inout Turn) {
        let others = flight.table.transactions(servedByLate: slot)
        counts.cachedLate += 1
        guard give(answer, to: slot, in: &turn) == .given else { return }
        for other in others where !flight.table.transactions[other].isFree {
            // Malformed for one suffix and not for another: that one waits for its own answer.
            _ = give(ServerAnswer(shared: answer), to: other, in: &turn)
        }
    }

    /// Gives an answer to the clients of `slot`, or asks the next group.
    private mutating func give(_ answer: ServerAnswer, to slot: Int, in turn: inout Turn) -> AnswerUse {
        guard let target = flight.table.transactions[slot].target else { return .given }
        let outcome = preparation.prepare(answer, for: slot, of: target, in: &flight, at: turn.now)
        guard case .malformed = outcome else {
            carryOut(outcome, for: slot, of: target, in: &turn)
            return .given
        }
        if answer.attempt != nil { advance(slot, after: .attemptFailed, in: &turn) }
        return .malformed
    }

    /// Does what an answer means for `slot`.
    private mutating func carryOut(
        _ outcome: AnswerPreparation.Outcome, for slot: Int, of target: RouteTarget, in turn: inout Turn
    ) {
        switch outcome {
        case .ending(let ending): finish(slot, of: target, with: ending, in: &turn)
        case .asksNextGroup: advance(slot, after: .groupAnswered, in: &turn)
        case .asksForEndpoints: advance(slot, after: .endpointsWanted, in: &turn)
        case .malformed, .none: break
        }
    }

    /// Gives all clients that wait for `slot` their reply, and frees it.
    mutating func finish(
        _ slot: Int, of target: RouteTarget, with ending: TransactionEnding, in turn: inout Turn
    ) {
        let isLogged = turn.outbox.queryLog != nil
        let draft = flight.draft(ending, slot, target, isLogged: isLogged, at: turn.now)
        delivery.deliver(
            draft, from: &preparation.prepared, toWaitersOf: slot, in: flight.table, during: &turn)
        flight.end(slot, ending, hasCache: preparation.cache.cache != nil, at: turn.now)
    }

    /// The outcome of an answer.
    private enum AnswerUse {
        /// The clients have their reply, or another server is asked.
        case given
        /// It can't be read.
        case malformed
    }
}
