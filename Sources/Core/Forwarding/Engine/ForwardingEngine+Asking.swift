import DNSWire
import DomainNames
import Time

/// Asking servers: `QuestionsInFlight` decides and sends; the clients are told here if no server answers.
extension ForwardingEngine {
    /// Lets the client wait for a transaction that asks the same, or starts one.
    mutating func ask(
        _ exchange: ClientExchange, _ target: RouteTarget, suffixStart: Int, in turn: inout Turn
    ) {
        guard let view = exchange.view else { return }
        switch flight.add(exchange, target, suffixStart: suffixStart, view: view) {
        case .begun(let slot): advance(slot, after: .begun, in: &turn)
        case .joined: break
        case .nameIsTooLong:
            deliver(reception.nameTooLong(exchange, target), to: exchange.recipient, into: &turn.outbox)
        case .noPlace(let shortage):
            let draft = reception.turnAway(exchange, shortage, hasRoom: flight.table.hasRoom)
            guard let draft else { return }
            deliver(draft, to: exchange.recipient, into: &turn.outbox)
        }
    }

    /// Carries out the consequences of `event` for `slot`, and for its followers if its group is given up.
    mutating func advance(_ slot: Int, after event: TransactionEvent, in turn: inout Turn) {
        guard let failure = proceed(slot, after: event, in: &turn) else { return }
        // Ends: followers have no followers.
        for follower in failure.followers {
            switch flight.take(failure, by: follower, at: turn.now) {
            case .shared: _ = proceed(follower, after: .leaderFailed, in: &turn)
            case .none: break
            }
        }
    }

    /// Continues until an attempt waits, or the clients have their reply.
    ///
    /// - Returns: The information for the followers of `slot`; nil if there is none.
    private mutating func proceed(
        _ slot: Int, after event: TransactionEvent, in turn: inout Turn
    ) -> LeaderFailure? {
        let progress = flight.proceed(slot, after: event, in: &turn)
        switch progress.next {
        case .wait: break
        case .finish:
            guard let target = flight.table.transactions[slot].target else { break }
            let ending = preparation.end(slot, target, in: &flight, at: turn.now)
            finish(slot, of: target, with: ending, in: &turn)
        case .lookForExpired:
            guard let target = flight.table.transactions[slot].target else { break }
            // Ends: a group's time is extended once.
            let expired = preparation.loadExpired(slot, target, in: flight.table, at: turn.now)
            let next: TransactionEvent = expired == nil ? .timeExtended : .expiredAnswerFound
            return proceed(slot, after: next, in: &turn)
        }
        return progress.failure
    }

    /// Sends again or gives up what is due.
    package mutating func expire(in turn: inout Turn) {
        while let slot = flight.timers.popDue(at: turn.now) {  // each turn clears one; new ones are later
            // A second server may have been asked early: only a long silence counts against the first.
            flight.blameSilence(slot, longerThan: 300, at: turn.now)
            advance(slot, after: .timerFired, in: &turn)
        }
    }

    /// Something happened on a path towards a server: all questions that wait there go on.
    package mutating func take(_ report: PathReport, on path: UpstreamPath, in turn: inout Turn) {
        flight.note(report, on: path, at: turn.now)
        for slot in flight.table.slots(waitingFor: path) {
            guard let event = flight.event(of: report, on: path, for: slot, at: turn.now) else { continue }
            advance(slot, after: event, in: &turn)
        }
    }

    /// The question with `id` could not be sent by `path` because of a local failure: another server is asked
    /// at once, and the same one a little later.
    package mutating func questionUnsent(
        _ id: UInt16, over path: UpstreamPath, _ failure: LocalFailure, in turn: inout Turn
    ) {
        guard let slot = flight.endUnsent(id, over: path, failure) else { return }
        advance(slot, after: .unsent, in: &turn)
    }
}
