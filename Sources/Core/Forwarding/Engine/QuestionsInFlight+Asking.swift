import DNSWire
import DomainNames
import Telemetry
import Time

/// Asking one server after the other.
///
/// ```
/// a question, a timer, an unusable answer, a hint        what has happened: `TransactionEvent`
///    -> step(after:)                                       what to do next: `Step`
///    -> send to a server | wait | enter a group | give it up
///    -> an attempt waits, or the engine acts               `TransactionProgress`
/// ```
extension QuestionsInFlight {
    /// The next action for a question in flight.
    private enum Step {
        /// Send the question.
        case send(AttemptPlan)
        /// Wait, and look again at this time.
        case wait(until: MonotonicTime)
        /// Nothing: attempts are still waiting.
        case stay
        /// The group at this place is asked next.
        case enterGroup(Int)
        /// The current group has no answer.
        case giveUpGroup
        /// No group has one: the clients are informed.
        case finish
        /// The last group's time is over: see `TransactionProgress.Next.lookForExpired`.
        case lookForExpired
    }

    /// Decides and acts until an attempt waits, or the engine has to act.
    mutating func proceed(
        _ slot: Int, after event: TransactionEvent, in turn: inout Turn
    ) -> TransactionProgress {
        guard let target = table.transactions[slot].target else { return .waiting }
        guard !table.transactions[slot].isLate else { return proceedLate(slot, after: event, at: turn.now) }
        var failure: LeaderFailure?
        var step = step(slot, target, after: event, at: turn.now)
        // Ends: after the first step each group is entered once at most, and none before the current one;
        // giving one up enters a later one, or finishes.
        while true {
            switch step {
            case .send(let plan):
                send(plan, for: slot, target, in: &turn)
                return TransactionProgress(next: .wait, failure: failure)
            case .wait(let time):
                timers.set(slot, due: time, now: turn.now)
                return TransactionProgress(next: .wait, failure: failure)
            case .stay:
                return TransactionProgress(next: .wait, failure: failure)
            case .enterGroup(let position):
                step = enterGroup(position, slot, target, at: turn.now)
            case .giveUpGroup:
                if failure == nil { failure = leaderFailure(of: slot, target) }
                table.transactions[slot].noteFailure(failureText(slot, target))
                let next = table.transactions[slot].groupPosition + 1
                // Called late there may be no time left: then no other server is asked.
                let hasTime = turn.now < table.transactions[slot].deadline
                step = hasTime && next < target.groups.count ? .enterGroup(next) : .finish
            case .finish:
                return TransactionProgress(next: .finish, failure: failure)
            case .lookForExpired:
                return TransactionProgress(next: .lookForExpired, failure: failure)
            }
        }
    }

    /// Nothing more is sent for a question without clients: it is over unless its time goes on.
    private mutating func proceedLate(
        _ slot: Int, after event: TransactionEvent, at now: MonotonicTime
    ) -> TransactionProgress {
        let end = table.transactions[slot].groupDeadline
        switch event {
        case .timerFired where now < end:
            timers.set(slot, due: end, now: now)
            return .waiting
        case .hinted: return .waiting
        default: break
        }
        timers.clear(slot)
        table.removeTransaction(slot)
        return .waiting
    }

    /// The first step after `event`.
    private mutating func step(
        _ slot: Int, _ target: RouteTarget, after event: TransactionEvent, at now: MonotonicTime
    ) -> Step {
        let position = table.transactions[slot].groupPosition
        let group = target.groups[position]
        switch event {
        case .begun: return .enterGroup(0)
        case .groupAnswered: return .enterGroup(position + 1)
        case .endpointsWanted: return .enterGroup(position)
        case .leaderFailed, .expiredAnswerFound: return .giveUpGroup
        case .timeExtended: return extendGroup(slot, group, at: now)
        case .timerFired where now >= table.transactions[slot].groupDeadline:
            return groupTimeIsOver(slot, target, at: now)
        // The leader has ended without an answer that is valid here.
        case .timerFired where table.transactions[slot].followedGroup != nil: return .enterGroup(position)
        case .timerFired, .attemptFailed: return nextServer(slot, group, at: now)
        case .wantsRepeat(let plan):
            guard table.transactions[slot].attemptCount < Transaction.mostAttempts else {
                return nextServer(slot, group, at: now)
            }
            return .send(plan)
        case .wantsTCP(let server):
            guard table.attempts(of: slot).timesAskedOverTCP(server) == 0,
                table.transactions[slot].attemptCount < Transaction.mostAttempts
            else { return table.attempts(of: slot).isWaiting ? .stay : nextServer(slot, group, at: now) }
            counters.askedOverTCP += 1
            return .send(AttemptPlan(server: server, transport: .tcp))
        case .hinted(let isFirst):
            if let server = servers.unasked(of: group, for: slot, in: table) {
                counters.retried += 1
                return .send(AttemptPlan(server: server))
            }
            return isFirst ? nextServer(slot, group, at: now) : .stay
        case .unsent:
            if let server = servers.unasked(of: group, for: slot, in: table) {
                return .send(AttemptPlan(server: server))
            }
            // A little longer each time: the local shortage may end.
            let pause = now.advanced(milliseconds: 20 << table.transactions[slot].attemptCount)
            return .wait(until: min(pause, table.transactions[slot].groupDeadline))
        }
    }

    /// Gives the group up once its time is over, unless its only usable server may have the rest of the
    /// client's.
    ///
    /// That is for a server that probes find alive while they find the group's others dead: it is slow with
    /// this name, and no other one could be quicker. Beyond some questions the usual time holds, so that
    /// quick names of the cluster find a place.
    private func groupTimeIsOver(_ slot: Int, _ target: RouteTarget, at now: MonotonicTime) -> Step {
        let position = table.transactions[slot].groupPosition
        let group = target.groups[position]
        guard position + 1 == target.groups.count, now < table.transactions[slot].deadline,
            servers.isDownToOne(group: group), table.count(of: group) <= limits.slowTransactions
        else { return .giveUpGroup }
        return .lookForExpired
    }

    /// Gives the group the rest of the client's time.
    private mutating func extendGroup(_ slot: Int, _ group: Int, at now: MonotonicTime) -> Step {
        table.transactions[slot].extendGroup()
        guard table.transactions[slot].followedGroup == nil else {
            return .wait(until: table.transactions[slot].groupDeadline)
        }
        return nextServer(slot, group, at: now)
    }

    /// Asks the best server that may still be asked; gives the group up if there is none and none is waited
    /// for.
    private mutating func nextServer(_ slot: Int, _ group: Int, at now: MonotonicTime) -> Step {
        switch servers.choose(from: group, for: slot, in: table, at: now) {
        case .server(let server):
            if table.transactions[slot].attemptCount > 0 { counters.retried += 1 }
            return .send(AttemptPlan(server: server))
        case .crowded:
            let deadline = table.transactions[slot].groupDeadline
            if table.attempts(of: slot).isWaiting { return .wait(until: deadline) }
            // Checks again soon whether fewer copies of the question are in flight.
            return .wait(until: min(now.advanced(milliseconds: 20), deadline))
        case .none:
            let attempts = table.attempts(of: slot)
            // ICMP says that no answer will come, or the usual time is over, and probes have found the same
            // of every server.
            let isExtended = table.transactions[slot].isExtended
            let isOver = servers.isGivenUp(group: group) && (isExtended || attempts.areAllHinted)
            let deadline = table.transactions[slot].groupDeadline
            guard attempts.isWaiting, !isOver, now < deadline else { return .giveUpGroup }
            // Probes may find the server dead in the meantime.
            return .wait(until: isExtended ? min(now.advanced(milliseconds: 200), deadline) : deadline)
        }
    }

    /// Enters a group: another transaction may ask it the same already, or it may have no room.
    private mutating func enterGroup(
        _ position: Int, _ slot: Int, _ target: RouteTarget, at now: MonotonicTime
    ) -> Step {
        guard table.transactions[slot].question.skippedMembers & 1 << UInt32(position) == 0 else {
            return position + 1 < target.groups.count ? .enterGroup(position + 1) : .finish
        }
        let group = target.groups[position]
        table.dropAttempts(of: slot)
        table.transactions[slot].enterGroup(
            position, of: target.groups.count,
            milliseconds: policy.groups[group].timeouts.total ?? limits.answerMilliseconds, at: now)
        if table.leader(of: slot, in: group) != nil {
            table.follow(in: group, slot)
            counters.joined += 1
            return .wait(until: table.transactions[slot].groupDeadline)
        }
        guard table.enter(group, slot, atMost: limits.transactionsPerGroup) == .admitted else {
            table.transactions[slot].isTurnedAway = true
            return .giveUpGroup
        }
        return nextServer(slot, group, at: now)
    }

    /// The failure for the followers of `slot`; nil if it has none.
    private func leaderFailure(of slot: Int, _ target: RouteTarget) -> LeaderFailure? {
        let followers = table.followers(of: slot)
        guard !followers.isEmpty else { return nil }
        return LeaderFailure(
            followers: followers, group: table.transactions[slot].countedGroup,
            loopMarks: table.transactions[slot].loopMarks,
            lastDecline: table.transactions[slot].lastDecline, text: failureText(slot, target))
    }

    /// Why the current group has no answer, as in `prod: 10.0.0.10:53 timeout`.
    func failureText(_ slot: Int, _ target: RouteTarget) -> [UInt8] {
        let group = policy.groups[target.groups[table.transactions[slot].groupPosition]]
        if table.transactions[slot].followedGroup != nil {
            let text = table.transactions[slot].leadersFailure
            return text.isEmpty ? Array("\(group.name): no answer to the same question in flight".utf8) : text
        }
        if table.transactions[slot].isTurnedAway {
            return Array("\(group.name): too many questions in flight".utf8)
        }
        return Array("\(group.name): \(servers.failureText(of: group, table.attempts(of: slot)))".utf8)
    }

    /// Passes the failure of a leader on to a transaction that followed it.
    mutating func take(
        _ failure: LeaderFailure, by follower: Int, at now: MonotonicTime
    ) -> LeaderFailure.Effect {
        guard !table.transactions[follower].isFree,
            table.transactions[follower].followedGroup == failure.group
        else { return .none }
        // Another trail may be accepted where the leader's was refused: that follower asks itself.
        guard table.transactions[follower].loopMarks == failure.loopMarks else {
            timers.set(follower, due: now, now: now)
            return .none
        }
        table.transactions[follower].leadersFailure = failure.text
        table.transactions[follower].lastDecline = failure.lastDecline
        return .shared
    }

    // MARK: - Sending

    /// Sends the transaction's question and sets the timer for silence.
    private mutating func send(
        _ plan: AttemptPlan, for slot: Int, _ target: RouteTarget, in turn: inout Turn
    ) {
        let id = table.drawID(for: slot, random: &turn.random)
        let attempt = servers.attempt(plan, id: id, random: &turn.random, at: turn.now)
        table.addAttempt(attempt, to: slot)
        let start = turn.outbox.octets.count
        table.appendQuestion(of: slot, for: target, attempt, to: &turn.outbox.octets)
        if attempt.usesEDNS {
            servers.appendOPT(
                of: attempt, wantsDNSSEC: table.transactions[slot].question.wantsDNSSEC,
                table.transactions[slot].loopMarks, to: &turn.outbox.octets)
        }
        turn.outbox.questions.append(
            Outbox.OutgoingQuestion(path: attempt.path, start: start, end: turn.outbox.octets.count))
        counters.sent += 1
        meters.count(attempt.path.transport == .udp ? .askedOverUDP : .askedOverTCP, plan.server)
        let group = target.groups[table.transactions[slot].groupPosition]
        let wait = servers.retryMilliseconds(of: group, for: slot, in: table)
        let due = min(turn.now.advanced(milliseconds: wait), table.transactions[slot].groupDeadline)
        timers.set(slot, due: due, now: turn.now)
    }

    // MARK: - Silence and failure

    /// Counts a failure for every server that has owed `slot` an answer for this time; nil: for longer
    /// than usual.
    mutating func blameSilence(_ slot: Int, longerThan milliseconds: Int?, at now: MonotonicTime) {
        for index in 0..<table.transactions[slot].attemptCount
        where servers.isOverdue(table[slot, index], milliseconds, at: now) {
            table[slot, index].isBlamed = true
            blame(table[slot, index].path.server, .timeout, at: now)
        }
    }

    /// Counts a failure of `server`, and lets it be probed.
    mutating func blame(_ server: Int, _ reason: UpstreamFailure, at now: MonotonicTime) {
        servers.blame(server, at: now)
        meters.count(ServerEvent(reason), server)
    }
}

extension TransactionProgress {
    /// There is nothing to do for the engine.
    fileprivate static var waiting: TransactionProgress { TransactionProgress(next: .wait, failure: nil) }
}
