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
        guard let header = try? MessageHeader(reading: message), header.isResponse, header.opcode == 0
        else { return mismatch() }
        guard let slot = table.transaction(withID: header.id),
            let place = table.attempts(of: slot).place(waitingFor: header.id, by: path)
        else {
            guard table.takeAbandoned(header.id, by: path) == .late else { return mismatch() }
            counts.late += 1
            return .late
        }
        guard let question = try? Question(reading: message), header.questionCount == 1 else {
            // An error often comes without the question (RFC 1035 section 4.1.1 leaves it open; CoreDNS
            // does so).
            guard header.questionCount == 0, let rcode = Self.errorWithoutQuestion(message, header) else {
                return mismatch()
            }
            advance(slot, after: declined(slot, place, rcode), in: &turn)
            return .taken
        }
        guard table.isQuestion(of: slot, question, in: message) else {
            return doubt(slot, place, in: &turn)
        }
        let attempt = table[slot, place]
        guard let letterCase = attempt.letterCase else {
            take(
                ServerAnswer(message, header: header, question: question, attempt: attempt, place: place),
                slot, in: &turn)
            return .taken
        }
        // Moved out while it is read, since the rest of the engine changes meanwhile.
        var restored = OctetBuffer(capacity: 0)
        swap(&restored, &self.restored)
        restored.removeAll(keeping: 65_536)
        restored.append(message)
        table.restoreLetterCase(of: slot, in: &restored)
        let isRepeated = letterCase.isRepeated(
            in: message, of: restored.span, from: Question.nameStart, count: question.nameLength)
        if isRepeated {
            take(
                ServerAnswer(
                    restored.span, header: header, question: question, attempt: attempt, place: place), slot,
                in: &turn)
        }
        swap(&restored, &self.restored)
        return isRepeated ? .taken : doubt(slot, place, in: &turn)
    }

    /// Counts an answer that matches no question.
    private mutating func mismatch() -> AnswerOutcome {
        counts.unmatched += 1
        return .mismatch
    }

    /// An answer with the right ID came by the right path to another question: it may be forged, or the
    /// server does not repeat questions, and the question is asked again over TCP.
    private mutating func doubt(_ slot: Int, _ place: Int, in turn: inout Turn) -> AnswerOutcome {
        let path = table[slot, place].path
        if path.transport == .udp {
            table.abandonAttempt(place, of: slot, .distrusted)
            advance(slot, after: .wantsTCP(server: path.server), in: &turn)
        }
        return mismatch()
    }

    /// Processes an answer to the question that was asked.
    private mutating func take(_ answer: ServerAnswer, _ slot: Int, in turn: inout Turn) {
        let roundTrip = turn.now.nanoseconds(since: answer.sent)
        servers[answer.server].answered(after: roundTrip)
        serverMeters.latency.record(nanoseconds: roundTrip, row: answer.server)
        if let event = rejection(of: answer, slot, at: turn.now) {
            return advance(slot, after: event, in: &turn)
        }
        if giveMeaning(of: answer, slot, in: &turn) == .given { return }
        giveToAll(answer, slot, in: &turn)
    }

    /// Gives an answer to the clients of `slot` and of its followers.
    private mutating func giveToAll(_ answer: ServerAnswer, _ slot: Int, in turn: inout Turn) {
        guard !table.transactions[slot].isLate else { return giveLate(answer, slot, in: &turn) }
        let followers = table.followers(of: slot)
        let group = table.transactions[slot].countedGroup
        guard give(answer, to: slot, in: &turn) == .given else { return }
        for follower in followers {
            guard table.transactions[follower].target != nil,
                table.transactions[follower].followedGroup == group
            else { continue }
            // Malformed for one suffix and not for another: the follower asks itself.
            guard give(ServerAnswer(shared: answer), to: follower, in: &turn) == .given else {
                timers.set(follower, due: turn.now, now: turn.now)
                continue
            }
        }
    }

    /// Caches an answer whose clients were told that there is none, and gives it to those who have asked
    /// again.
    private mutating func giveLate(_ answer: ServerAnswer, _ slot: Int, in turn: inout Turn) {
        let others = table.transactions(servedByLate: slot)
        counts.cachedLate += 1
        guard give(answer, to: slot, in: &turn) == .given else { return }
        for other in others where table.transactions[other].target != nil {
            // Malformed for one suffix and not for another: that one waits for its own answer.
            _ = give(ServerAnswer(shared: answer), to: other, in: &turn)
        }
    }

    // MARK: - Answers that cannot be used

    /// The event of an answer that can't be given: it may be forged, is truncated or declines; nil if it can
    /// be given.
    private mutating func rejection(
        of answer: ServerAnswer, _ slot: Int, at now: MonotonicTime
    ) -> TransactionEvent? {
        guard let place = answer.attempt else { return nil }
        if table[slot, place].sentCookie, let event = takeCookie(of: answer, slot, place, at: now) {
            return event
        }
        // TCP brings no more: the client gets what is there.
        if answer.header.isTruncated,
            table[slot, place].path.transport == .udp || answer.header.answerCount == 0
        {
            return truncated(slot, place)
        }
        if meaning(of: answer, slot) != nil { return nil }
        // Such a server is asked without EDNS; an answer without EDNS that is malformed remains malformed.
        let rcode =
            ResponseCode(of: answer.message, answer.header, from: answer.question.end)
            ?? (table[slot, place].usesEDNS ? .formatError : ResponseCode(answer.header.rcode))
        switch rcode {
        case .formatError, .serverFailure, .notImplemented, .refused, .notAuthoritative,
            _ where rcode.needsEDNS:
            return declined(slot, place, rcode)
        default: return nil
        }
    }

    /// The response code of an error without its question; nil for other messages.
    private static func errorWithoutQuestion(
        _ message: Span<UInt8>, _ header: MessageHeader
    ) -> ResponseCode? {
        let rcode = ResponseCode(of: message, header, from: MessageHeader.length) ?? .formatError
        return rcode == .noError || rcode == .nameError ? nil : rcode
    }

    /// The answer was truncated: a server asked over UDP is asked again over TCP, unless it already is; a
    /// truncated answer over TCP is empty, and another server is asked.
    private mutating func truncated(_ slot: Int, _ place: Int) -> TransactionEvent {
        let path = table[slot, place].path
        table.endAttempt(place, of: slot, .truncated)
        return path.transport == .udp ? .wantsTCP(server: path.server) : .attemptFailed
    }

    /// A server gave an error instead of an answer: another one is asked.
    private mutating func declined(_ slot: Int, _ place: Int, _ rcode: ResponseCode) -> TransactionEvent {
        let path = table[slot, place].path
        serverMeters.count(.declined, path.server)
        table.endAttempt(place, of: slot, .declined(rcode))
        switch rcode {
        case .formatError, .notImplemented, .badVersion:
            guard table[slot, place].usesEDNS else { break }
            // RFC 6891 section 6.2.2: such a server may not know EDNS.
            return .wantsRepeat(
                AttemptPlan(server: path.server, transport: path.transport, usesEDNS: false))
        default: break
        }
        table.transactions[slot].lastDecline = rcode
        return .attemptFailed
    }

    /// Learns from the cookie of an answer to a question that had ours.
    ///
    /// - Returns: The event if the answer must not be used; nil if it may.
    private mutating func takeCookie(
        of answer: ServerAnswer, _ slot: Int, _ place: Int, at now: MonotonicTime
    ) -> TransactionEvent? {
        let transport = table[slot, place].path.transport
        let edns = EDNS.ofAnswer(answer.message, answer.header, from: answer.question.end)
        let data = edns?.option(EDNS.OptionCode.cookie, in: answer.message)
        let verdict = servers[answer.server].cookie.judge(data, in: answer.message, over: transport, at: now)
        guard case .fine = verdict else {
            counts.doubtfulCookies += 1
            return truncated(slot, place)
        }
        let rcode = ResponseCode(answer.header.rcode | (edns?.extendedRcode ?? 0) << 4)
        guard rcode == .badCookie else { return nil }
        // The correct cookie has just been learnt: once more over UDP, then over TCP (section 5.3).
        let isFirst = !table.attempts(of: slot).hasDeclined(answer.server, with: .badCookie)
        table.endAttempt(place, of: slot, .declined(rcode))
        guard transport == .udp else { return .attemptFailed }
        counts.retried += 1
        return .wantsRepeat(AttemptPlan(server: answer.server, transport: isFirst ? .udp : .tcp))
    }

    // MARK: - Answers

    /// Gives an answer to the clients of `slot`, or asks the next group if it says that there is no
    /// such name.
    private mutating func give(_ answer: ServerAnswer, to slot: Int, in turn: inout Turn) -> AnswerUse {
        guard let target = table.transactions[slot].target else { return .given }
        if answer.isNameError, target.kind != .clusterSet,
            table.transactions[slot].groupPosition + 1 < target.groups.count
        {
            advance(slot, after: .groupAnswered, in: &turn)
            return .given
        }
        learnEDNS(from: answer, slot, at: turn.now)
        do throws(MappingError) {
            let terms = policy.answerTerms(target, table.transactions[slot].groupPosition)
            try table.map(answer, to: slot, terms, with: &mapper, into: &prepared)
        } catch .wire {
            guard let place = answer.attempt else { return .malformed }
            counts.malformed += 1
            serverMeters.count(.malformed, answer.server)
            table.endAttempt(place, of: slot, .unusable)
            advance(slot, after: .attemptFailed, in: &turn)
            return .malformed
        } catch {
            counts.malformed += 1
            serverMeters.count(.malformed, answer.server)
            holdBack(slot, ExtendedError(.other, Self.explain(error, target)), in: &turn)
            return .given
        }
        serverMeters.count(.answered, answer.server)
        counts.droppedRecords += mapper.droppedRecords
        prepared.equalizeTTLs()
        switch addressVerdict(slot, target) {
        case .fine: break
        case .straying: serverMeters.count(.straying, answer.server)
        case .rebinding:
            counts.blocked += Int(table.transactions[slot].waiterCount)
            holdBack(slot, Refusals.rebinding, in: &turn)
            return .given
        }
        guard resolveOwners(slot, target, in: &turn) == .resolved else { return .given }
        learnNames(slot, target)
        giveJoined(answer, to: slot, target, in: &turn)
        return .given
    }

    /// Gives the prepared answer to the clients of `slot`.
    ///
    /// - Parameter server: The one that answered last.
    mutating func givePrepared(
        _ slot: Int, _ target: RouteTarget, askedAt sent: MonotonicTime, by server: Int?, in turn: inout Turn
    ) {
        let reasons = table.reasons(of: slot)
        if !reasons.isEmpty {
            // A failed cluster is not a negative answer: the others' NXDOMAIN is not valid for all.
            let isAgreed = (table.transactions[slot].merged?.denials ?? 0) > 1
            guard !prepared.isNameError || isAgreed else {
                return finishWithFailure(slot, .serverFailure, in: &turn)
            }
            let isJoined = table.transactions[slot].merged?.records.isEmpty == false
            let isOfNext = target.kind == .bareDomain && table.transactions[slot].question.skippedMembers != 0
            let code: ExtendedError.Code = isJoined || isOfNext ? .synthesized : .networkError
            prepared.extendedError = ExtendedError(code: code.rawValue, text: reasons)
        }
        if prepared.isNameError, prepared.extendedError == nil, target.kind == .clusterSuffix {
            let hint = cache.alternative(to: prepared, cachePlace(of: slot, target), by: policy)
            prepared.extendedError = hint
        }
        let sent = table.transactions[slot].merged?.asked ?? sent
        // A server that was also asked and is silent for longer than usual has failed.
        blameSilence(slot, longerThan: nil, at: turn.now)
        if table.transactions[slot].question.skippedMembers == 0 {
            cache.store(&prepared, cachePlace(of: slot, target), askedAt: sent)
        }
        counts.answered += Int(table.transactions[slot].waiterCount)
        // Whole seconds on the way are counted, so that a late answer is valid no longer for waiting clients.
        let age = UInt32(clamping: turn.now.seconds(since: sent))
        let ending = Ending(source: .miss, body: .prepared(.age(age)), server: server)
        finish(slot, ending, in: &turn)
    }

    /// An answer to a question with EDNS shows that the server supports it; an answer to a question without
    /// EDNS shows that it does not, if it declined the same question with EDNS.
    private mutating func learnEDNS(from answer: ServerAnswer, _ slot: Int, at now: MonotonicTime) {
        guard let place = answer.attempt else { return }
        if table[slot, place].usesEDNS {
            servers[answer.server].learnEDNS()
        } else if table.attempts(of: slot).extracting(first: place).hasDeclinedEDNS(answer.server) {
            servers[answer.server].learnRefusal(ofEDNSAt: now)
        }
    }

    /// The reason of a mapping error, as text.
    private static func explain(_ error: MappingError, _ target: RouteTarget) -> String {
        switch error {
        case .wire(let error): "the answer is malformed: \(error)"
        case .nameWouldExceedLimit(let name):
            "under \(target.answerNames.outer) a name in the answer would take more than 255 octets: "
                + ((try? DomainName(wire: name))?.description ?? "")
        }
    }

    // MARK: - The end of a transaction

    /// The end of a transaction: the reply of its clients.
    private struct Ending {
        /// The source of the reply.
        let source: AnswerSource
        /// The content of the reply.
        var body = ReplyDraft.Body.prepared()
        /// The server that answered; nil if none did.
        var server: Int?
        /// True if no server answered in time.
        var isFailure = false
    }

    /// Gives all clients that wait for `slot` their reply, and frees it.
    private mutating func finish(_ slot: Int, _ ending: Ending, in turn: inout Turn) {
        let now = turn.now
        guard let target = table.transactions[slot].target else { return }
        let draft = draft(ending, slot, target, at: now)
        delivery.deliver(draft, from: &prepared, toWaitersOf: slot, in: table, during: &turn)
        // If all servers are down none is asked, and that is quick.
        if table.transactions[slot].attemptCount > 0, !table.transactions[slot].isLate {
            delivery.meters.lookups.record(
                nanoseconds: now.nanoseconds(since: table.transactions[slot].started), row: draft.cluster)
        }
        if ending.isFailure, mayComeLate(slot) {
            let end = now.advanced(milliseconds: limits.lateMilliseconds)
            if table.keepListening(slot, atMost: limits.lateTransactions, until: end) == .begun {
                return timers.set(slot, due: end, now: now)
            }
        }
        timers.clear(slot)
        table.removeTransaction(slot)
    }

    /// True if a late answer to `slot` would be of use to the clients that come next.
    private func mayComeLate(_ slot: Int) -> Bool {
        // A member's answer alone is not that of a union.
        guard table.transactions[slot].merged == nil else { return false }
        return limits.lateMilliseconds > 0 && cache.cache != nil && table.transactions[slot].loopMarks.isEmpty
            && !table.transactions[slot].isLate
    }

    /// The reply to each client of `slot`.
    private func draft(
        _ ending: Ending, _ slot: Int, _ target: RouteTarget, at now: MonotonicTime
    ) -> ReplyDraft {
        let elapsed = Int(now.nanoseconds(since: table.transactions[slot].started) / 1000)
        // If all servers are down, nothing was sent, and the reply leaves at once.
        let wasSent = ending.server != nil || table.transactions[slot].attemptCount > 0
        let suffixStart = table.transactions[slot].question.suffixStart
        return ReplyDraft(
            body: ending.body, source: ending.source, view: Int(table.transactions[slot].view),
            cluster: policy.groups[answeringGroup(of: slot, target)].number, server: ending.server,
            sent: wasSent ? ReplyDraft.SentQuestion(target: target, suffixStart: suffixStart) : nil,
            microseconds: elapsed > 0 ? elapsed : nil)
    }

    /// Informs all waiting clients that the answer can't be given.
    mutating func holdBack(_ slot: Int, _ reason: ExtendedError, in turn: inout Turn) {
        guard let target = table.transactions[slot].target else { return }
        prepareFailure(slot, .serverFailure, reason)
        noteFailure(slot, target, at: turn.now)
        cacheFailure(slot, target, at: turn.now)
        finish(slot, Ending(source: .miss), in: &turn)
    }

    /// Informs the clients that no further group has an answer.
    mutating func finishWithGroupsFailure(_ slot: Int, _ target: RouteTarget, in turn: inout Turn) {
        if case .complete = prepareUnion(slot, target) {
            return givePrepared(slot, target, askedAt: turn.now, by: nil, in: &turn)
        }
        // A refusal is passed on. Every other code concerns our question or the server (FORMERR, NOTIMP,
        // NOTAUTH): the client's question was valid.
        let isRefused = table.transactions[slot].lastDecline == .refused
        let rcode: ResponseCode = target.groups.count == 1 && isRefused ? .refused : .serverFailure
        finishWithFailure(slot, rcode, in: &turn)
    }

    /// Prepares the cached answer that `finishWithFailure` would give the clients of `slot`; nil if there is
    /// none.
    mutating func loadExpiredAnswer(_ slot: Int, _ target: RouteTarget, at now: MonotonicTime) -> CacheHit? {
        table.begin(&prepared, for: slot)
        let place = cachePlace(of: slot, target)
        return cache.loadInPlaceOfFailure(place, into: &prepared, by: &scratch, at: now)
    }

    /// Gives all clients of `slot` an expired answer (RFC 8767), or informs them that no server answered
    /// and why.
    mutating func finishWithFailure(
        _ slot: Int, _ rcode: ResponseCode, in turn: inout Turn
    ) {
        let now = turn.now
        guard let target = table.transactions[slot].target else { return }
        let text = table.reasons(of: slot)
        let waiters = Int(table.transactions[slot].waiterCount)
        table.begin(&prepared, for: slot)
        // What is cached was put together from all members.
        let mayUseCache = table.transactions[slot].question.skippedMembers == 0
        let place = cachePlace(of: slot, target)
        if mayUseCache,
            let hit = cache.loadInPlaceOfFailure(place, into: &prepared, by: &scratch, at: now)
        {
            var ending = Ending(source: .hit, body: .prepared(.age(hit.age)))
            if hit.isFresh {  // Another client got an answer in the meantime.
                counts.hits += waiters
            } else {
                counts.stale += waiters
                prepared.extendedError = ExtendedError(
                    code: ExtendedError.Code.staleAnswer.rawValue, text: text)
                ending = Ending(
                    source: .stale, body: .prepared(target.staleFreshness), isFailure: true)
            }
            return finish(slot, ending, in: &turn)
        }
        var code: ExtendedError.Code =
            table.transactions[slot].lastDecline != nil ? .networkError : .noReachableAuthority
        if table.transactions[slot].isTurnedAway {
            code = .other
            counts.overloaded += waiters
            counts.overloadedGroups += waiters
        } else {
            counts.failed += waiters
        }
        prepareFailure(slot, rcode, ExtendedError(code: code.rawValue, text: text))
        noteFailure(slot, target, at: now)
        guard !wouldHelpProof(slot, target, at: now) else {
            table.begin(&prepared, for: slot)
            return finish(slot, Ending(source: .refused, body: .addressCheck), in: &turn)
        }
        cacheFailure(slot, target, at: now)
        finish(slot, Ending(source: .miss, isFailure: true), in: &turn)
    }

    /// True if `slot` was refused for lack of room, but there is room for clients with validated addresses:
    /// its clients are asked to validate theirs.
    private func wouldHelpProof(_ slot: Int, _ target: RouteTarget, at now: MonotonicTime) -> Bool {
        let group = target.groups[table.transactions[slot].groupPosition]
        guard table.transactions[slot].isTurnedAway, !table.transactions[slot].isAddressValidated,
            servers.isAnswering(policy.groups[group], at: now)
        else {
            return false
        }
        return table.hasRoom(for: group, atMost: limits.transactionsPerGroup)
    }

    /// Prepares the reply without an answer.
    private mutating func prepareFailure(_ slot: Int, _ rcode: ResponseCode, _ reason: ExtendedError) {
        table.begin(&prepared, for: slot)
        prepared.octets.set16(rcode.rawValue, at: 2)
        prepared.extendedError = reason
    }

    /// Records why the clients of `slot` get no answer, from `prepared`.
    private mutating func noteFailure(_ slot: Int, _ target: RouteTarget, at now: MonotonicTime) {
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
    private func cacheFailure(_ slot: Int, _ target: RouteTarget, at now: MonotonicTime) {
        guard !table.transactions[slot].isTurnedAway, table.transactions[slot].loopMarks.isEmpty,
            table.transactions[slot].question.skippedMembers == 0
        else { return }
        cache.storeFailure(prepared, cachePlace(of: slot, target), at: now)
    }

    /// The key under which the answer to `slot` is cached.
    private func cachePlace(of slot: Int, _ target: RouteTarget) -> CacheAccess.Place {
        let group = policy.groups[answeringGroup(of: slot, target)]
        return CacheAccess.Place(
            shape: table.transactions[slot].question, view: Int(table.transactions[slot].view),
            limits: target.cacheLimits, owner: UInt16(clamping: group.number),
            isAfterFailure: table.transactions[slot].failure != nil)
    }
}
