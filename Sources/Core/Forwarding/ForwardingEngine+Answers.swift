import AnswerCache
import DNSWire
import DomainNames
package import Telemetry

/// Taking servers' answers, and giving them to the clients that wait.
extension ForwardingEngine {
    /// Takes a message from a server.
    @discardableResult
    package mutating func receiveAnswer(
        _ message: Span<UInt8>, over path: UpstreamPath, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) -> AnswerOutcome {
        guard let header = try? MessageHeader(reading: message), header.isResponse, header.opcode == 0
        else {
            counters.unmatched += 1
            return .mismatch
        }
        guard let slot = table.transaction(withID: header.id), let target = table.transactions[slot].target,
            let attempt = attempt(of: slot, id: header.id, path)
        else {
            guard table.takeAbandoned(header.id, by: path) else {
                counters.unmatched += 1
                return .mismatch
            }
            counters.late += 1
            return .late
        }
        guard let question = try? Question(reading: message), header.questionCount == 1 else {
            // An error often comes without the question (RFC 1035 section 4.1.1 leaves it open; CoreDNS does
            // so).
            guard header.questionCount == 0, let rcode = Self.errorWithoutQuestion(message, header) else {
                counters.unmatched += 1
                return .mismatch
            }
            declined(slot, target, attempt, rcode, at: now, random: &random, into: &outbox)
            return .taken
        }
        guard isOurs(question, in: message, slot, target) else {
            counters.unmatched += 1
            distrustAnswer(slot, target, attempt, at: now, random: &random, into: &outbox)
            return .mismatch
        }
        guard let letterCase = table[slot, attempt].letterCase else {
            take(
                message, question, header, slot, target, attempt, at: now, random: &random, into: &outbox)
            return .taken
        }
        let answer = inClientsLetterCase(message, slot, target)
        guard
            letterCase.isRepeated(
                in: message, of: answer.span, from: Question.nameStart, count: question.nameLength)
        else {
            counters.unmatched += 1
            distrustAnswer(slot, target, attempt, at: now, random: &random, into: &outbox)
            return .mismatch
        }
        take(answer.span, question, header, slot, target, attempt, at: now, random: &random, into: &outbox)
        return .taken
    }

    /// Takes an answer to the question that was asked.
    private mutating func take(
        _ message: Span<UInt8>, _ question: Question, _ header: MessageHeader, _ slot: Int,
        _ target: RouteTarget, _ attempt: Int, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        let path = table[slot, attempt].path
        let sent = table[slot, attempt].sent
        servers[path.server].answered(after: now.nanoseconds(since: sent))
        meters.serverLatency.record(nanoseconds: now.nanoseconds(since: sent), row: path.server)
        guard
            checkCookie(
                message, question, header, slot, target, attempt, at: now, random: &random, into: &outbox)
        else { return }
        // Over TCP there is no more to be had: the client gets what is there.
        if header.isTruncated, path.transport == .udp || header.answerCount == 0 {
            truncated(slot, target, attempt, at: now, random: &random, into: &outbox)
            return
        }
        // To who takes part in EDNS like that it is not spoken; without it, what is malformed stays so.
        let rcode =
            ResponseCode(of: message, header, from: question.end)
            ?? (table[slot, attempt].usesEDNS ? .formatError : ResponseCode(header.rcode))
        switch rcode {
        case .formatError, .serverFailure, .notImplemented, .refused, .notAuthoritative,
            _ where rcode.needsEDNS:
            declined(slot, target, attempt, rcode.rawValue, at: now, random: &random, into: &outbox)
            return
        default: break
        }
        let arrival = Arrival(server: path.server, sent: sent, attempt: attempt)
        takeForAll(message, question, header, slot, target, arrival, at: now, random: &random, into: &outbox)
    }

    /// Gives an answer to the clients of `slot` and of its followers.
    private mutating func takeForAll(
        _ message: Span<UInt8>, _ question: Question, _ header: MessageHeader, _ slot: Int,
        _ target: RouteTarget, _ arrival: Arrival, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        let followers = table.followers(of: slot)
        let group = table.transactions[slot].countedGroup
        let use = take(
            message, question, header, slot, target, arrival, at: now, random: &random, into: &outbox)
        guard use == .used else { return }
        for follower in followers {
            guard let target = table.transactions[follower].target,
                table.transactions[follower].followedGroup == group
            else { continue }
            // Malformed for one suffix and not for another: the follower asks itself.
            let arrival = Arrival(server: arrival.server, sent: arrival.sent, attempt: nil)
            let use = take(
                message, question, header, follower, target, arrival, at: now, random: &random, into: &outbox)
            if use == .malformed { timers.set(follower, due: now, now: now) }
        }
    }

    /// Where an answer came from.
    private struct Arrival {
        let server: Int
        /// When the server was asked.
        let sent: MonotonicTime
        /// The attempt of the transaction that it answers; nil for a follower's, which made none.
        let attempt: Int?
    }

    /// What became of an answer.
    private enum AnswerUse {
        case used
        /// It can't be read: another server is asked.
        case malformed
    }

    /// Gives an answer to the clients of `slot`, or asks the next group where it says that there is no such
    /// name.
    private mutating func take(
        _ message: Span<UInt8>, _ question: Question, _ header: MessageHeader, _ slot: Int,
        _ target: RouteTarget, _ arrival: Arrival, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) -> AnswerUse {
        if ResponseCode(header.rcode) == .nameError, header.answerCount == 0,
            passOnToNextGroup(slot, target, at: now, random: &random, into: &outbox)
        {
            return .used
        }
        return answered(
            message, question, header, slot, target, arrival, at: now, random: &random, into: &outbox)
    }

    /// The response code of an error that came without its question; nil if it is none.
    private static func errorWithoutQuestion(_ message: Span<UInt8>, _ header: MessageHeader) -> Int? {
        let rcode = ResponseCode(of: message, header, from: MessageHeader.length) ?? .formatError
        return rcode == .noError || rcode == .nameError ? nil : rcode.rawValue
    }

    /// The attempt that waits for an answer with this ID on this path (RFC 5452 section 9.1).
    func attempt(of slot: Int, id: UInt16, _ path: UpstreamPath) -> Int? {
        for index in 0..<table.transactions[slot].attemptCount {
            let attempt = table[slot, index]
            if attempt.id == id, attempt.state == .waiting, attempt.path == path { return index }
        }
        return nil
    }

    /// True where the answer's question is the one that was sent, letter case aside.
    private func isOurs(
        _ question: Question, in message: Span<UInt8>, _ slot: Int, _ target: RouteTarget
    ) -> Bool {
        let shape = table.transactions[slot].question
        guard question.type == shape.type, question.recordClass == shape.recordClass else { return false }
        let asked = table.question(of: slot)
        let kept = target.rewritesQuestion ? shape.suffixStart : shape.nameLength
        let inner = target.mapping.inner.wire
        let innerLength = target.rewritesQuestion ? inner.count : 0
        return question.nameLength == kept + innerLength
            && isEqualFolded(message, Question.nameStart, asked, 0, count: kept)
            && isEqualFolded(message, Question.nameStart + kept, inner.span, 0, count: innerLength)
    }

    /// The answer did not fit: over UDP the server is asked for it again over TCP, unless it is already; one
    /// over TCP holds nothing, and another server is asked.
    mutating func truncated(
        _ slot: Int, _ target: RouteTarget, _ attempt: Int, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        let path = table[slot, attempt].path
        guard path.transport == .udp else {
            table.endAttempt(attempt, of: slot, .truncated)
            askNextServer(slot, target, at: now, random: &random, into: &outbox)
            return
        }
        table.endAttempt(attempt, of: slot, .truncated)
        askOverTCP(slot, target, path.server, at: now, random: &random, into: &outbox)
    }

    /// A server gave an error instead of an answer: another one is asked.
    private mutating func declined(
        _ slot: Int, _ target: RouteTarget, _ attempt: Int, _ rcode: Int, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        let server = table[slot, attempt].path.server
        count(.declined, server)
        table.endAttempt(attempt, of: slot, .declined(rcode: rcode))
        let isAboutEDNS =
            [ResponseCode.formatError, .notImplemented, .badVersion].contains(ResponseCode(rcode))
        if isAboutEDNS, table[slot, attempt].usesEDNS {
            // RFC 6891 section 6.2.2: such a server may not know EDNS.
            send(
                slot, target, to: server, table[slot, attempt].path.transport,
                usingEDNS: false, at: now, random: &random, into: &outbox)
            return
        }
        table.transactions[slot].lastDecline = rcode
        askNextServer(slot, target, at: now, random: &random, into: &outbox)
    }

    /// Maps an answer back and gives it to everybody who waits.
    private mutating func answered(
        _ message: Span<UInt8>, _ question: Question, _ header: MessageHeader, _ slot: Int,
        _ target: RouteTarget,
        _ arrival: Arrival, at now: MonotonicTime, random: inout some RandomNumberGenerator,
        into outbox: inout Outbox
    ) -> AnswerUse {
        let server = arrival.server
        if let attempt = arrival.attempt, table[slot, attempt].usesEDNS {
            servers[server].learnEDNS()
        } else if let attempt = arrival.attempt, declinedEDNS(server, slot, before: attempt) {
            servers[server].learnRefusal(ofEDNSAt: now)
        }
        do throws(MappingError) {
            try Self.map(
                message, question, slot, table, policy.bailiwicks[target.index], with: &mapper,
                into: &prepared)
        } catch .wire {
            guard let attempt = arrival.attempt else { return .malformed }
            counters.malformed += 1
            count(.malformed, server)
            table.endAttempt(attempt, of: slot, .unusable)
            askNextServer(slot, target, at: now, random: &random, into: &outbox)
            return .malformed
        } catch {
            counters.malformed += 1
            count(.malformed, server)
            holdBack(slot, target, ExtendedError(.other, Self.explain(error, target)), at: now, into: &outbox)
            return .used
        }
        count(.answered, server)
        prepared.equalizeTTLs()
        guard checkAddresses(slot, target, from: server) else {
            holdBack(slot, target, Refusals.rebinding, at: now, into: &outbox)
            return .used
        }
        if table.transactions[slot].failedGroup >= 0 {
            guard header.rcode != ResponseCode.nameError.rawValue || header.answerCount > 0 else {
                // A cluster that failed is not a 'no': the others' NXDOMAIN does not hold for all.
                finishWithFailure(slot, .serverFailure, at: now, into: &outbox)
                return .used
            }
            prepared.extendedError = ExtendedError(
                code: ExtendedError.Code.networkError.rawValue, text: table.transactions[slot].failureText)
        }
        // Who was asked too and is still silent, longer than usual, has failed us.
        blameSilence(slot, longerThan: nil, at: now)
        keepPrepared(slot, target, askedAt: arrival.sent)
        counters.answered += Int(table.transactions[slot].waiterCount)
        // Whole seconds on the way count, so that a late answer holds no longer for who waits for it either.
        let age = UInt32(clamping: now.seconds(since: arrival.sent))
        finish(
            slot, Ending(source: .miss, body: .prepared(.age(age)), server: server), at: now, into: &outbox)
        return .used
    }

    /// A function of its own, so that the question's borrow of the table stands beside the other fields'
    /// changes.
    private static func map(
        _ message: Span<UInt8>, _ question: Question, _ slot: Int, _ table: borrowing TransactionTable,
        _ bailiwick: Bailiwick, with mapper: inout AnswerMapper, into prepared: inout PreparedAnswer
    ) throws(MappingError) {
        try mapper.map(
            message, question, to: table.question(of: slot),
            mapping: table.transactions[slot].target?.mapping ?? .identity, bailiwick: bailiwick,
            into: &prepared)
    }

    /// True where `server` declined an earlier question with EDNS.
    private func declinedEDNS(_ server: Int, _ slot: Int, before attempt: Int) -> Bool {
        for index in 0..<attempt {
            let earlier = table[slot, index]
            if earlier.path.server == server, earlier.usesEDNS, case .declined = earlier.state { return true }
        }
        return false
    }

    private static func explain(_ error: MappingError, _ target: RouteTarget) -> String {
        switch error {
        case .wire(let error): "the answer is malformed: \(error)"
        case .nameWouldExceedLimit(let name):
            "under \(target.mapping.outer) a name in the answer would take more than 255 octets: "
                + ((try? DomainName(wire: name))?.description ?? "")
        }
    }

    // MARK: - The end of a transaction

    /// Tells everybody who waits that the answer that came can't be given.
    private mutating func holdBack(
        _ slot: Int, _ target: RouteTarget, _ reason: ExtendedError, at now: MonotonicTime,
        into outbox: inout Outbox
    ) {
        beginPrepared(slot)
        prepared.octets.set16(ResponseCode.serverFailure.rawValue, at: 2)
        prepared.extendedError = reason
        noteFailure(slot, target, at: now)
        keepFailure(slot, target, at: now)
        finish(slot, Ending(source: .miss), at: now, into: &outbox)
    }

    /// How a transaction ends: what its clients are given.
    private struct Ending {
        let source: AnswerSource
        var body = ReplyDraft.Body.prepared()
        /// The server that answered; nil if none did.
        var server: Int?
    }

    /// Gives all clients that wait for `slot` their reply, and frees it.
    private mutating func finish(
        _ slot: Int, _ ending: Ending, at now: MonotonicTime, into outbox: inout Outbox
    ) {
        guard let target = table.transactions[slot].target else { return }
        let draft = draft(ending, slot, target, at: now)
        var waiter = table.transactions[slot].firstWaiter
        while waiter >= 0 {  // a list without cycles
            let index = Int(waiter)
            waiter = table.waiters[index].next
            guard table.waiters[index].terms.limit != ReplyTerms.nobody else { continue }
            deliver(draft, to: WaiterPlace(waiter: index, slot: slot, now: now), into: &outbox)
        }
        // Where all servers are down none is asked, and that is quick.
        if table.transactions[slot].attemptCount > 0 {
            meters.lookups.record(
                nanoseconds: now.nanoseconds(since: table.transactions[slot].started), row: draft.cluster)
        }
        timers.clear(slot)
        table.removeTransaction(slot)
    }

    /// The reply to each client of `slot`.
    private func draft(
        _ ending: Ending, _ slot: Int, _ target: RouteTarget, at now: MonotonicTime
    ) -> ReplyDraft {
        let transaction = table.transactions[slot]
        let elapsed = Int(now.nanoseconds(since: transaction.started) / 1000)
        // If all servers are down, nothing was sent, and the reply leaves at once.
        let wasSent = ending.server != nil || transaction.attemptCount > 0
        return ReplyDraft(
            body: ending.body, source: ending.source, view: Int(transaction.view),
            cluster: policy.groups[target.groups[transaction.groupPosition]].number, server: ending.server,
            sent: wasSent
                ? ReplyDraft.SentQuestion(target: target, suffixStart: transaction.question.suffixStart)
                : nil,
            microseconds: elapsed > 0 ? elapsed : nil)
    }

    /// Keeps why the clients of `slot` get no answer: what stands in `prepared`.
    private mutating func noteFailure(_ slot: Int, _ target: RouteTarget, at now: MonotonicTime) {
        let group = policy.groups[target.groups[table.transactions[slot].groupPosition]]
        let shape = table.transactions[slot].question
        failures.note(
            FailureTable.Entry(
                cluster: group.name, reason: prepared.extendedError?.text ?? [],
                name: [UInt8](copying: table.question(of: slot).extracting(first: shape.nameLength)),
                type: shape.type, count: 1, last: now))
    }

    /// Counts what happened between us and a server.
    mutating func count(_ event: ServerEvent, _ server: Int) {
        meters.serverEvents.count(row: server, column: event.rawValue)
    }

    /// Gives everybody who waits for `slot` an expired answer (RFC 8767), or tells them that no server
    /// answered and why.
    mutating func finishWithFailure(
        _ slot: Int, _ rcode: ResponseCode, at now: MonotonicTime, into outbox: inout Outbox
    ) {
        let text = table.transactions[slot].failureText
        let waiters = Int(table.transactions[slot].waiterCount)
        guard let target = table.transactions[slot].target else { return }
        if let hit = loadInPlaceOfFailure(slot, at: now) {
            if hit.isFresh {  // Somebody else got an answer in the meantime.
                counters.hits += waiters
                let ending = Ending(source: .hit, body: .prepared(.age(hit.age)))
                finish(slot, ending, at: now, into: &outbox)
                return
            }
            counters.stale += waiters
            prepared.extendedError = ExtendedError(code: ExtendedError.Code.staleAnswer.rawValue, text: text)
            let ending = Ending(source: .stale, body: .prepared(target.staleFreshness))
            finish(slot, ending, at: now, into: &outbox)
            return
        }
        var code: ExtendedError.Code =
            table.transactions[slot].lastDecline >= 0 ? .networkError : .noReachableAuthority
        if table.transactions[slot].isTurnedAway {
            code = .other
            counters.overloaded += waiters
            counters.overloadedGroups += waiters
        } else {
            counters.failed += waiters
        }
        beginPrepared(slot)
        prepared.octets.set16(rcode.rawValue, at: 2)
        prepared.extendedError = ExtendedError(code: code.rawValue, text: text)
        noteFailure(slot, target, at: now)
        guard !wouldHelpProof(slot, target, at: now) else {
            beginPrepared(slot)
            finish(slot, Ending(source: .refused, body: .addressCheck), at: now, into: &outbox)
            return
        }
        keepFailure(slot, target, at: now)
        finish(slot, Ending(source: .miss), at: now, into: &outbox)
    }

    /// True where `slot` was turned away for lack of room, and would not have been had its clients shown that
    /// their addresses are not forged: so they are told.
    private func wouldHelpProof(_ slot: Int, _ target: RouteTarget, at now: MonotonicTime) -> Bool {
        let transaction = table.transactions[slot]
        let group = target.groups[transaction.groupPosition]
        guard transaction.isTurnedAway, !transaction.isProven,
            isAnswering(policy.groups[group], at: now)
        else {
            return false
        }
        return table.hasRoom(for: group, atMost: limits.transactionsPerGroup)
    }

    /// Which server failed how, as in `prod: 10.0.0.10:53 timeout, 10.0.0.11:53 answered SERVFAIL`.
    func failureText(_ slot: Int, _ target: RouteTarget) -> [UInt8] {
        let group = policy.groups[target.groups[table.transactions[slot].groupPosition]]
        if table.transactions[slot].followedGroup != nil {
            let text = table.transactions[slot].leadersFailure
            return text.isEmpty ? Array("\(group.name): no answer to the same question in flight".utf8) : text
        }
        if table.transactions[slot].isTurnedAway {
            return Array("\(group.name): too many questions in flight".utf8)
        }
        var parts: [String] = []
        for server in group.servers {
            var outcome: String?
            for index in 0..<table.transactions[slot].attemptCount
            where table[slot, index].path.server == server {
                // What ICMP said is worth telling once probes have found the same.
                let isFoundDead = table[slot, index].isHinted && board.servers[server].isDead
                outcome = isFoundDead ? nil : Self.describe(table[slot, index])
            }
            if board.servers[server].mode == .looping {
                outcome = "forwards our questions back to us"
            }
            if outcome == nil, board.servers[server].isDead {
                outcome = "down (\(board.servers[server].lastError))"
            }
            if let outcome { parts.append("\(policy.servers[server]) \(outcome)") }
        }
        return Array("\(group.name): \(parts.joined(separator: ", "))".utf8)
    }

    private static func describe(_ attempt: Attempt) -> String {
        let transport = attempt.path.transport == .tcp ? " over TCP" : ""
        return switch attempt.state {
        case .waiting: "timeout\(transport)"
        case .failed(.refused): "refused\(transport)"
        case .failed(.unreachable): "unreachable\(transport)"
        case .failed(.closed): "closed the connection"
        case .failed(.timeout): "timeout\(transport)"
        case .declined(let rcode): "answered \(name(ofRcode: rcode))\(transport)"
        case .unusable: "gave a malformed answer\(transport)"
        case .truncated: "truncated\(transport)"
        case .distrusted: "answered doubtfully"
        case .unsent(let failure): "not asked: \(failure)"
        case .unused: "not asked"
        }
    }

    private static func name(ofRcode rcode: Int) -> String {
        switch rcode {
        case 1: "FORMERR"
        case 2: "SERVFAIL"
        case 4: "NOTIMP"
        case 5: "REFUSED"
        case 9: "NOTAUTH"
        case 16: "BADVERS"
        default: "rcode \(rcode)"
        }
    }
}
