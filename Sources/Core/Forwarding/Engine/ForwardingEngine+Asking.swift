import DNSWire
import DomainNames
import Time

/// Asking one server after the other.
///
/// ```
/// a question, a timer, an unusable answer, a hint        what has happened: `TransactionEvent`
///    -> step(after:)                                       what to do next: `Step`
///    -> send to a server | wait | enter a group | give it up | finish
/// ```
extension ForwardingEngine {
    /// Lets the client wait for a transaction that asks the same, or starts one.
    mutating func ask(
        _ exchange: ClientExchange, _ target: RouteTarget, suffixStart: Int, in turn: inout Turn
    ) {
        var shape = QuestionShape(exchange.query, suffixStart: suffixStart)
        let skipped = skippedMembers(exchange, target)
        shape.skippedMembers = skipped.places
        let recipient = exchange.recipient
        guard let view = exchange.view else { return }
        guard !hasTooMany(recipient) else { return refuseForOverload(exchange, into: &turn.outbox) }
        let asked = AskedQuestion(exchange.message, shape, target, view: view, loopMarks: exchange.loopMarks)
        let key = asked.hash(key: hashKey)
        if let slot = table.find(asked, key: key) {
            guard table.addWaiter(recipient, to: slot) == .admitted else {
                return denyRoom(exchange, into: &turn.outbox)
            }
            counts.joined += 1
            return
        }
        if target.rewritesQuestion, suffixStart + target.mapping.inner.wire.count > maximumNameLength {
            return nameTooLong(exchange, target, into: &turn.outbox)
        }
        guard let slot = table.add(asked, key: key, recipient) else {
            return denyRoom(exchange, into: &turn.outbox)
        }
        if target.goesAroundPaths || skipped.places != 0 {
            table.transactions[slot].merged = MergedAnswer(skipped: skipped.reasons)
        }
        timers.grow(to: table.transactions.count)
        table.transactions[slot].start(milliseconds: limits.answerMilliseconds, at: turn.now)
        advance(slot, after: .begun, in: &turn)
    }

    // MARK: - The next step

    /// What has happened to a question in flight.
    enum TransactionEvent {
        /// The transaction has just started.
        case begun
        /// The newest attempt was silent for too long, or the time of the group or of the client is over.
        case timerFired
        /// An attempt has ended without an answer: another server may have one.
        case attemptFailed
        /// A server must be asked once more, in another way.
        case wantsRepeat(AttemptPlan)
        /// This server's answer over UDP can't be used, or is truncated.
        case wantsTCP(server: Int)
        /// ICMP says that no answer will come, for the first time or again.
        case hinted(isFirst: Bool)
        /// The question could not be sent because of a local failure.
        case unsent
        /// The current group says that there is no such name, or has a part of the answer, and is not the
        /// last one.
        case groupAnswered
        /// The current group has the name, and is asked for the names of its endpoints.
        case endpointsWanted
        /// The transaction that was followed got no answer.
        case leaderFailed
    }

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
    }

    /// Carries out the consequences of `event` for `slot`, and for its followers if its group is given up.
    mutating func advance(_ slot: Int, after event: TransactionEvent, in turn: inout Turn) {
        guard !table.transactions[slot].isLate else { return advanceLate(slot, after: event, in: &turn) }
        guard let failure = proceed(slot, after: event, in: &turn) else { return }
        // Ends: followers have no followers.
        for follower in failure.followers {
            guard table.transactions[follower].target != nil,
                table.transactions[follower].followedGroup == failure.group
            else { continue }
            // Another trail may be accepted where the leader's was refused: that follower asks itself.
            guard table.transactions[follower].loopMarks == failure.loopMarks else {
                timers.set(follower, due: turn.now, now: turn.now)
                continue
            }
            table.transactions[follower].leadersFailure = failure.text
            table.transactions[follower].lastDecline = failure.lastDecline
            _ = proceed(follower, after: .leaderFailed, in: &turn)
        }
    }

    /// Nothing more is sent for a question without clients: it is over unless its time goes on.
    private mutating func advanceLate(_ slot: Int, after event: TransactionEvent, in turn: inout Turn) {
        let end = table.transactions[slot].groupDeadline
        if case .timerFired = event, turn.now < end { return timers.set(slot, due: end, now: turn.now) }
        if case .hinted = event { return }
        timers.clear(slot)
        table.removeTransaction(slot)
    }

    /// A group that was given up while others waited for the same answer.
    private struct LeaderFailure {
        /// The transactions that followed.
        let followers: [Int]
        /// The group that was given up.
        let group: Int?
        /// The leader's marks.
        let loopMarks: [UInt64]
        /// The last response code by which a server declined.
        let lastDecline: ResponseCode?
        /// The reason, as text.
        let text: [UInt8]
    }

    /// Decides and acts until an attempt waits, or the clients have their reply.
    ///
    /// - Returns: The information for the followers of `slot`; nil if there is none.
    private mutating func proceed(
        _ slot: Int, after event: TransactionEvent, in turn: inout Turn
    ) -> LeaderFailure? {
        guard let target = table.transactions[slot].target else { return nil }
        var failure: LeaderFailure?
        var step = step(slot, target, after: event, at: turn.now)
        // Ends: after the first step each group is entered once at most, and none before the current one;
        // giving one up enters a later one, or finishes.
        while true {
            switch step {
            case .send(let plan):
                send(plan, for: slot, target, in: &turn)
                return failure
            case .wait(let time):
                timers.set(slot, due: time, now: turn.now)
                return failure
            case .stay:
                return failure
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
                finishWithGroupsFailure(slot, target, in: &turn)
                return failure
            }
        }
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
        case .leaderFailed: return .giveUpGroup
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
            counts.askedOverTCP += 1
            return .send(AttemptPlan(server: server, transport: .tcp))
        case .hinted(let isFirst):
            if let server = servers.unasked(of: group, for: slot, in: table) {
                counts.retried += 1
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

    /// Gives the group up once its time is over, or gives its only usable server the rest of the client's.
    ///
    /// That is for a server that probes find alive while they find the group's others dead: it is slow with
    /// this name, and no other one could be quicker. A client for which there is an expired answer gets that.
    /// Beyond some questions the usual time holds, so that quick names of the cluster find a place.
    private mutating func groupTimeIsOver(_ slot: Int, _ target: RouteTarget, at now: MonotonicTime) -> Step {
        let position = table.transactions[slot].groupPosition
        let group = target.groups[position]
        guard position + 1 == target.groups.count, now < table.transactions[slot].deadline,
            servers.isDownToOne(group: group), table.count(of: group) <= limits.slowTransactions,
            loadExpiredAnswer(slot, target, at: now) == nil
        else { return .giveUpGroup }
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
            if table.transactions[slot].attemptCount > 0 { counts.retried += 1 }
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
            counts.joined += 1
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

    // MARK: - Sending

    /// Sends the transaction's question and sets the timer for silence.
    private mutating func send(
        _ plan: AttemptPlan, for slot: Int, _ target: RouteTarget, in turn: inout Turn
    ) {
        let id = table.drawID(for: slot, random: &turn.random)
        let attempt = servers.attempt(plan, id: id, random: &turn.random, at: turn.now)
        table.addAttempt(attempt, to: slot)
        let start = turn.outbox.octets.count
        table.appendQuestion(of: slot, attempt, to: &turn.outbox.octets)
        if attempt.usesEDNS {
            servers.appendOPT(
                of: attempt, wantsDNSSEC: table.transactions[slot].question.wantsDNSSEC,
                table.transactions[slot].loopMarks, to: &turn.outbox.octets)
        }
        turn.outbox.questions.append(
            Outbox.OutgoingQuestion(path: attempt.path, start: start, end: turn.outbox.octets.count))
        counts.sent += 1
        serverMeters.count(attempt.path.transport == .udp ? .askedOverUDP : .askedOverTCP, plan.server)
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
    private mutating func blame(_ server: Int, _ reason: UpstreamFailure, at now: MonotonicTime) {
        servers.blame(server, at: now)
        serverMeters.count(ServerEvent(reason), server)
    }

    /// A socket or connection towards a server reported an error: all that wait for it continue at once.
    package mutating func upstreamFailed(
        _ path: UpstreamPath, _ failure: UpstreamFailure, in turn: inout Turn
    ) {
        if failure != .closed { blame(path.server, failure, at: turn.now) }
        for slot in table.slots(waitingFor: path) {
            guard table.endAttempts(of: slot, by: path, .failed(failure)) > 0 else { continue }
            // Servers close idle connections at any time: the question may have been sent just then.
            if path.transport == .tcp, failure == .closed,
                table.attempts(of: slot).timesAskedOverTCP(path.server) < 2
            {
                let plan = AttemptPlan(server: path.server, transport: .tcp)
                advance(slot, after: .wantsRepeat(plan), in: &turn)
            } else {
                if failure == .closed { blame(path.server, failure, at: turn.now) }
                advance(slot, after: .attemptFailed, in: &turn)
            }
        }
    }

    /// No attempt by `path` gets an answer, because of a local failure.
    package mutating func upstreamFailed(
        _ path: UpstreamPath, here failure: LocalFailure, in turn: inout Turn
    ) {
        serverMeters.count(.unsent, path.server)
        for slot in table.slots(waitingFor: path) {
            guard table.endAttempts(of: slot, by: path, .unsent(failure), isAbandoned: true) > 0 else {
                continue
            }
            advance(slot, after: .unsent, in: &turn)
        }
    }

    /// The question with `id` could not be sent by `path` because of a local failure: another server is asked
    /// at once, and the same one a little later.
    package mutating func questionUnsent(
        _ id: UInt16, over path: UpstreamPath, _ failure: LocalFailure, in turn: inout Turn
    ) {
        guard let slot = table.transaction(withID: id),
            let index = table.attempts(of: slot).place(waitingFor: id, by: path)
        else { return }
        serverMeters.count(.unsent, path.server)
        table.endAttempt(index, of: slot, .unsent(failure))
        advance(slot, after: .unsent, in: &turn)
    }

    /// ICMP, which can be forged, says that no answers come by `path`: the attempts keep waiting, another
    /// server is asked at once, or the same by another socket, and a probe checks the server.
    package mutating func upstreamHinted(_ path: UpstreamPath, in turn: inout Turn) {
        servers.suspectSilence(of: path.server)
        for slot in table.slots(waitingFor: path) {
            let isFirst = !table.attempts(of: slot).isHinted
            table.hintAttempts(of: slot, by: path)
            advance(slot, after: .hinted(isFirst: isFirst), in: &turn)
        }
    }

    /// Too many answers by `path` match no question: one of them could be right by chance, so all that wait
    /// there are asked over TCP, which can't be forged this way.
    package mutating func distrust(_ path: UpstreamPath, in turn: inout Turn) {
        for slot in table.slots(waitingFor: path) {
            guard table.endAttempts(of: slot, by: path, .distrusted, isAbandoned: true) > 0 else { continue }
            advance(slot, after: .wantsTCP(server: path.server), in: &turn)
        }
    }
}
