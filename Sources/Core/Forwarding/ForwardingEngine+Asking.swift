import DNSWire
import DomainNames
package import Telemetry

/// Sending a transaction's question to one server after the other.
extension ForwardingEngine {
    /// Asks the first group of a new transaction.
    mutating func start(
        _ slot: Int, at now: MonotonicTime, random: inout some RandomNumberGenerator,
        into outbox: inout Outbox
    ) {
        guard let target = table.transactions[slot].target else { return }
        let patience = target.groups.reduce(0) { $0 + policy.groups[$1].patience.total }
        table.transactions[slot].started = now
        table.transactions[slot].deadline = now.advanced(
            milliseconds: min(patience, ServerGroup.Patience.resolver.total))
        enterGroups(from: 0, slot, target, at: now, random: &random, into: &outbox)
    }

    /// Asks the first group from `first` on that has a server to ask; tells the clients where none has.
    private mutating func enterGroups(
        from first: Int, _ slot: Int, _ target: RouteTarget, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        for position in first..<target.groups.count {
            if enterGroup(position, slot, target, at: now, random: &random, into: &outbox) { return }
            noteGroupFailure(slot, target)
            // Called late there may be no patience left: then nobody else is asked.
            guard now < table.transactions[slot].deadline else { break }
        }
        finishWithGroupsFailure(slot, target, at: now, into: &outbox)
    }

    /// False where none of the group's servers may be asked.
    private mutating func enterGroup(
        _ position: Int, _ slot: Int, _ target: RouteTarget, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) -> Bool {
        table.dropAttempts(of: slot)
        table.transactions[slot].groupPosition = position
        table.transactions[slot].lastDecline = -1
        table.transactions[slot].isTurnedAway = false
        // What is left of the client's patience is shared by the groups that are left.
        let left = table.transactions[slot].deadline.nanoseconds(since: now) / 1_000_000
        let share = Int(left) / (target.groups.count - position)
        let total = min(policy.groups[target.groups[position]].patience.total, share)
        table.transactions[slot].groupDeadline = now.advanced(milliseconds: total)
        if table.leader(of: slot, in: target.groups[position]) != nil {
            table.follow(in: target.groups[position], slot)
            counters.joined += 1
            timers.set(slot, due: table.transactions[slot].groupDeadline, now: now)
            return true
        }
        guard table.enter(target.groups[position], slot, atMost: limits.transactionsPerGroup) else {
            table.transactions[slot].isTurnedAway = true
            return false
        }
        switch choose(from: policy.groups[target.groups[position]], for: slot, at: now) {
        case .server(let server):
            send(slot, target, to: server, .udp, at: now, random: &random, into: &outbox)
        case .crowded: waitForRoom(slot, at: now)
        case .none: return false
        }
        return true
    }

    /// Looks again in a moment whether fewer copies of the question of `slot` are in flight.
    private mutating func waitForRoom(_ slot: Int, at now: MonotonicTime) {
        let soon = min(now.advanced(milliseconds: 20), table.transactions[slot].groupDeadline)
        timers.set(slot, due: soon, now: now)
    }

    /// Asks the best server that may still be asked; gives the group up where there is none and none is
    /// waited for.
    mutating func askNextServer(
        _ slot: Int, _ target: RouteTarget, at now: MonotonicTime, random: inout some RandomNumberGenerator,
        into outbox: inout Outbox
    ) {
        let group = policy.groups[target.groups[table.transactions[slot].groupPosition]]
        switch choose(from: group, for: slot, at: now) {
        case .server(let server):
            if table.transactions[slot].attemptCount > 0 { counters.retried += 1 }
            send(slot, target, to: server, .udp, at: now, random: &random, into: &outbox)
        case .crowded where isWaiting(slot), .none where isWaiting(slot) && !isRefused(slot, group):
            timers.set(slot, due: table.transactions[slot].groupDeadline, now: now)
        case .crowded: waitForRoom(slot, at: now)
        case .none: groupFailed(slot, target, at: now, random: &random, into: &outbox)
        }
    }

    /// Which server to ask next.
    private enum ServerChoice {
        case server(Int)
        /// One could be asked but for the copies of the same question that wait for it.
        case crowded
        case none
    }

    /// Copies of one question that may wait for an answer of one server, whatever clients vary: each is one
    /// more chance for who guesses answers (RFC 5452 section 5).
    ///
    /// Questions that bring marks are asked only while no copy waits, so that they never keep others from
    /// being asked.
    static let mostCopies = 4

    /// True if ICMP says that no answer will come, and probes have found the same of every server.
    private func isRefused(_ slot: Int, _ group: ServerGroup) -> Bool {
        guard board.isProbed, group.servers.allSatisfy({ board.servers[$0].isDead }) else { return false }
        return (0..<table.transactions[slot].attemptCount).allSatisfy {
            table[slot, $0].state != .waiting || table[slot, $0].isHinted
        }
    }

    /// The server to ask next: the least often asked by this transaction, of these one without recent
    /// failures, of these the quickest, of these the first of the file. None where each is dead, or has been
    /// asked as often as allowed, or has answered. Below 5 ms all are as quick: no client notices.
    private mutating func choose(
        from group: ServerGroup, for slot: Int, at now: MonotonicTime
    ) -> ServerChoice {
        guard table.transactions[slot].attemptCount < Transaction.mostAttempts else { return .none }
        let mostCopies = table.transactions[slot].loopMarks.isEmpty ? Self.mostCopies : 1
        var best: Int?
        var bestRank = Int.max
        var isCrowded = false
        for server in group.servers {
            let isDead = board.isProbed && board.servers[server].isDead
            notice(server)
            guard !isDead, let asked = timesAsked(server, by: slot) else { continue }
            guard table.waitingCopies(of: slot, at: server) < mostCopies else {
                isCrowded = true
                continue
            }
            let slowness = min(max(Int(roundTrip(of: server) / 1_000_000) - 4, 0), 9_999)
            let rank = asked * 100_000 + (servers[server].isAvoided(at: now) ? 10_000 : 0) + slowness
            if rank < bestRank {
                best = server
                bestRank = rank
            }
        }
        if let best { return .server(best) }
        return isCrowded ? .crowded : .none
    }

    /// Takes over what probes of the server found.
    private mutating func notice(_ server: Int) {
        let health = board.servers[server]
        servers[server].notice(answeredProbes: health.answeredProbes, isFull: health.mode == .full)
    }

    /// The server's round-trip time in nanoseconds: what this worker measured, or a probe since then.
    ///
    /// A server that became slow, and is not asked any more, is asked again once probes find it quick.
    private func roundTrip(of server: Int) -> Int64 {
        let probed = board.servers[server].roundTrip
        return servers[server].isProbedSince && probed > 0 ? probed : servers[server].roundTrip
    }

    /// Counts a failure of the server, which is asked after others for a while.
    ///
    /// It proves nothing: some names take long to find, and a client may ask for them on purpose. Whether the
    /// server is to be given up a probe finds out.
    mutating func blame(_ server: Int, _ reason: UpstreamFailure, at now: MonotonicTime) {
        notice(server)
        servers[server].failed(at: now)
        count(ServerEvent(reason), server)
        if board.isProbed { board.servers[server].suspectSilence() }
    }

    /// How often `slot` has asked `server`; nil where it must not be asked again: it answered, is asked
    /// enough, or is asked over TCP, which loses nothing.
    private func timesAsked(_ server: Int, by slot: Int) -> Int? {
        var asked = 0
        var hinted = 0
        for index in 0..<table.transactions[slot].attemptCount {
            let attempt = table[slot, index]
            guard attempt.path.server == server else { continue }
            switch attempt.state {
            case .declined, .unusable, .failed, .truncated, .distrusted: return nil
            // One that was said not to arrive counts half: then it goes out five times at most.
            case .waiting where attempt.isHinted: hinted += 1
            case .waiting, .unused: asked += 1
            case .unsent: break
            }
        }
        asked += (hinted + 1) / 2
        return asked < 3 ? asked : nil  // RFC 9520 section 3.1
    }

    func isWaiting(_ slot: Int) -> Bool {
        for index in 0..<table.transactions[slot].attemptCount
        where table[slot, index].state == .waiting {
            return true
        }
        return false
    }

    /// Sends the transaction's question to `server` and sets the timer for what follows silence.
    mutating func send(
        _ slot: Int, _ target: RouteTarget, to server: Int, _ transport: Transport, usingEDNS: Bool = true,
        at now: MonotonicTime, random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        let position = table.transactions[slot].attemptCount
        guard position < Transaction.mostAttempts else {
            // Waits or gives up: none is left.
            askNextServer(slot, target, at: now, random: &random, into: &outbox)
            return
        }
        let id = table.drawID(for: slot, random: &random)
        let mode = board.servers[server].mode
        let transport = mode == .onlyTCP ? .tcp : transport
        let path = UpstreamPath(
            server: server, socket: transport == .udp ? Int(takingSockets[server]) : 0,
            transport: transport)
        let letterCase =
            transport == .udp && board.servers[server].keepsLetterCase
            ? LetterCase(bits: random.next()) : nil
        let withEDNS = usingEDNS && mode != .withoutEDNS && !servers[server].refusesEDNS(at: now)
        let withCookie = withEDNS && servers[server].cookie.isSent(at: now)
        table.addAttempt(
            Attempt(
                id: id, state: .waiting, usesEDNS: withEDNS, sentCookie: withCookie, letterCase: letterCase,
                path: path, sent: now),
            to: slot)
        let start = outbox.octets.count
        appendQuestion(slot, target, id, withEDNS, to: &outbox.octets)
        if let letterCase {
            outbox.octets.setLetterCase(
                letterCase, ofNameAt: start + Question.nameStart,
                length: outbox.octets.count - start - Question.nameStart - 4)
        }
        if withEDNS { appendOPT(slot, server, withCookie: withCookie, to: &outbox.octets) }
        outbox.questions.append(
            Outbox.OutgoingQuestion(path: path, start: start, end: outbox.octets.count))
        counters.sent += 1
        count(transport == .udp ? .askedOverUDP : .askedOverTCP, server)
        let wait = waitMilliseconds(slot, target, server, transport)
        let due = min(now.advanced(milliseconds: wait), table.transactions[slot].groupDeadline)
        timers.set(slot, due: due, now: now)
    }

    /// How long the attempt just made is waited for before another one is made.
    ///
    /// While there is a server that was not asked yet, it is asked as soon as an answer of the first is
    /// overdue.
    private func waitMilliseconds(
        _ slot: Int, _ target: RouteTarget, _ server: Int, _ transport: Transport
    ) -> Int {
        let group = policy.groups[target.groups[table.transactions[slot].groupPosition]]
        let isFirst = table.transactions[slot].attemptCount == 1
        let wait = isFirst ? group.patience.firstRetry : group.patience.laterRetries
        guard transport == .udp, group.servers.count > 1 else { return wait }
        for other in group.servers
        where other != server && timesAsked(other, by: slot) == 0 && !board.servers[other].isDead {
            return min(wait, servers[server].patienceMilliseconds)
        }
        return wait
    }

    /// Appends the question as the servers know it: the client's letter case, the cluster's own suffix, our
    /// EDNS.
    private func appendQuestion(
        _ slot: Int, _ target: RouteTarget, _ id: UInt16, _ withEDNS: Bool, to octets: inout OctetBuffer
    ) {
        let shape = table.transactions[slot].question
        // Always with RD: an answer to a question without it may not hold for the next client, who shares it.
        var flags: UInt16 = MessageHeader.Flags.recursionDesired
        if shape.checkingDisabled { flags |= MessageHeader.Flags.checkingDisabled }
        octets.append16(Int(id))
        octets.append16(Int(flags))
        octets.append16(1)
        octets.append32(0)
        octets.append16(withEDNS ? 1 : 0)
        let question = table.question(of: slot)
        if target.rewritesQuestion {
            octets.append(question, 0..<shape.suffixStart)
            octets.append(target.mapping.inner.wire)
            octets.append(question, shape.nameLength..<(shape.nameLength + 4))
        } else {
            octets.append(question)
        }
    }

    /// Appends our OPT record: size, DO, our cookie and the trail by which we know the question again.
    private func appendOPT(_ slot: Int, _ server: Int, withCookie: Bool, to octets: inout OctetBuffer) {
        let marks = table.transactions[slot].loopMarks
        octets.appendOPT(
            payloadSize: board.servers[server].payloadSize,
            wantsDNSSEC: table.transactions[slot].question.wantsDNSSEC)
        let cookie = servers[server].cookie
        let length = LoopTrail.optionLength(marks.count + 1) + (withCookie ? cookie.optionLength : 0)
        octets.set16(length, at: octets.count - 2)
        if withCookie { octets.append(cookie) }
        octets.appendLoopTrail(marks, servers[server].mark)
    }

    // MARK: - What follows silence and failure

    /// The newest attempt was silent too long, or the group's or the client's patience is over.
    mutating func timerFired(
        _ slot: Int, at now: MonotonicTime, random: inout some RandomNumberGenerator,
        into outbox: inout Outbox
    ) {
        guard let target = table.transactions[slot].target else { return }
        // A second server may have been asked early: only what was silent for long counts against the first.
        blameSilence(slot, longerThan: 300, at: now)
        if now >= table.transactions[slot].groupDeadline {
            groupFailed(slot, target, at: now, random: &random, into: &outbox)
        } else if table.transactions[slot].followedGroup != nil {
            // The leader is gone without an answer that holds here.
            let position = table.transactions[slot].groupPosition
            enterGroups(from: position, slot, target, at: now, random: &random, into: &outbox)
        } else {
            askNextServer(slot, target, at: now, random: &random, into: &outbox)
        }
    }

    /// True for an attempt that waits for so long, or longer than the server's answers usually take, and was
    /// not counted.
    private func isOverdue(_ attempt: Attempt, _ milliseconds: Int?, at now: MonotonicTime) -> Bool {
        let allowed = milliseconds ?? servers[attempt.path.server].patienceMilliseconds
        return attempt.state == .waiting && !attempt.isBlamed
            && now.nanoseconds(since: attempt.sent) >= Int64(allowed) * 1_000_000
    }

    /// Counts a failure for every server that has owed `slot` an answer for so long; nil: for longer than it
    /// usually takes.
    mutating func blameSilence(_ slot: Int, longerThan milliseconds: Int?, at now: MonotonicTime) {
        for index in 0..<table.transactions[slot].attemptCount
        where isOverdue(table[slot, index], milliseconds, at: now) {
            table[slot, index].isBlamed = true
            blame(table[slot, index].path.server, .timeout, at: now)
        }
    }

    /// A socket or connection towards a server reported an error: all that wait for it move on at once.
    package mutating func upstreamFailed(
        _ path: UpstreamPath, _ failure: UpstreamFailure, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        if failure != .closed { blame(path.server, failure, at: now) }
        var left = table.waitingCount(path)
        for slot in table.transactions.indices where table.transactions[slot].target != nil {
            guard left > 0 else { return }  // a dead server's errors come by the thousand
            var hit = false
            for index in 0..<table.transactions[slot].attemptCount
            where table[slot, index].path == path
                && table[slot, index].state == .waiting
            {
                table.endAttempt(index, of: slot, .failed(failure))
                hit = true
                left -= 1
            }
            guard hit, let target = table.transactions[slot].target else { continue }
            if path.transport == .tcp, failure == .closed, timesAskedOverTCP(path.server, by: slot) < 2 {
                // Servers close kept connections at any time: the question may just have missed this one.
                send(slot, target, to: path.server, .tcp, at: now, random: &random, into: &outbox)
            } else {
                if failure == .closed { blame(path.server, failure, at: now) }
                askNextServer(slot, target, at: now, random: &random, into: &outbox)
            }
        }
    }

    func timesAskedOverTCP(_ server: Int, by slot: Int) -> Int {
        var asked = 0
        for index in 0..<table.transactions[slot].attemptCount
        where table[slot, index].path.server == server
            && table[slot, index].path.transport == .tcp
        {
            asked += 1
        }
        return asked
    }

    /// Every server of the current group failed: the next group is asked, or the clients are told; the same
    /// for those that followed with the same marks. Those with others ask themselves, one after the other.
    ///
    /// Ends: followers have no followers.
    mutating func groupFailed(
        _ slot: Int, _ target: RouteTarget, at now: MonotonicTime, random: inout some RandomNumberGenerator,
        into outbox: inout Outbox
    ) {
        let followers = table.followers(of: slot)
        let group = table.transactions[slot].countedGroup
        let decline = table.transactions[slot].lastDecline
        let marks = table.transactions[slot].loopMarks
        let text = followers.isEmpty ? [] : failureText(slot, target)
        giveUpGroup(slot, target, at: now, random: &random, into: &outbox)
        for follower in followers {
            guard let target = table.transactions[follower].target,
                table.transactions[follower].followedGroup == group
            else { continue }
            guard table.transactions[follower].loopMarks == marks else {
                timers.set(follower, due: now, now: now)
                continue
            }
            table.transactions[follower].leadersFailure = text
            table.transactions[follower].lastDecline = decline
            giveUpGroup(follower, target, at: now, random: &random, into: &outbox)
        }
    }

    private mutating func giveUpGroup(
        _ slot: Int, _ target: RouteTarget, at now: MonotonicTime, random: inout some RandomNumberGenerator,
        into outbox: inout Outbox
    ) {
        noteGroupFailure(slot, target)
        // Called late there may be no patience left: then nobody else is asked.
        if now < table.transactions[slot].deadline {
            let next = table.transactions[slot].groupPosition + 1
            enterGroups(from: next, slot, target, at: now, random: &random, into: &outbox)
        } else {
            finishWithGroupsFailure(slot, target, at: now, into: &outbox)
        }
    }

    /// Keeps why the current group failed, as far as it is told.
    private mutating func noteGroupFailure(_ slot: Int, _ target: RouteTarget) {
        if table.transactions[slot].failedGroup < 0 {
            table.transactions[slot].failedGroup = table.transactions[slot].groupPosition
            table.transactions[slot].failureText = failureText(slot, target)
        } else if table.transactions[slot].failureText.count < ExtendedError.maximumTextLength {
            table.transactions[slot].failureText += Array("; ".utf8) + failureText(slot, target)
        }
    }

    /// Tells the clients that no group had an answer.
    private mutating func finishWithGroupsFailure(
        _ slot: Int, _ target: RouteTarget, at now: MonotonicTime, into outbox: inout Outbox
    ) {
        // A refusal is given on. Every other code says what the server thinks of our question or of itself
        // (FORMERR, NOTIMP, NOTAUTH): the client's question was fine.
        let isRefused = ResponseCode(table.transactions[slot].lastDecline) == .refused
        let rcode: ResponseCode = target.groups.count == 1 && isRefused ? .refused : .serverFailure
        finishWithFailure(slot, rcode, at: now, into: &outbox)
    }

    /// The group just asked says that the name does not exist: true where another group is asked for it.
    mutating func passOnToNextGroup(
        _ slot: Int, _ target: RouteTarget, at now: MonotonicTime, random: inout some RandomNumberGenerator,
        into outbox: inout Outbox
    ) -> Bool {
        let position = table.transactions[slot].groupPosition
        guard position + 1 < target.groups.count else { return false }
        enterGroups(from: position + 1, slot, target, at: now, random: &random, into: &outbox)
        return true
    }
}
