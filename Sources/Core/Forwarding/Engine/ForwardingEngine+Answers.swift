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
            var restored = OctetBuffer(capacity: 0)
            swap(&restored, &self.restored)
            restored.removeAll(keeping: 65_536)
            restored.append(message)
            flight.table.restoreLetterCase(of: slot, in: &restored)
            let isRepeated = letterCase.isRepeated(
                in: message, of: restored.span, from: Question.nameStart, count: question.nameLength)
            if isRepeated {
                take(
                    ServerAnswer(
                        restored.span, header: header, question: question, attempt: attempt, place: place),
                    slot, in: &turn)
            }
            swap(&restored, &self.restored)
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
        if giveMeaning(of: answer, slot, in: &turn) == .given { return }
        giveToAll(answer, slot, in: &turn)
    }

    /// Gives an answer to the clients of `slot` and of its followers.
    private mutating func giveToAll(_ answer: ServerAnswer, _ slot: Int, in turn: inout Turn) {
        guard !flight.table.transactions[slot].isLate else { return giveLate(answer, slot, in: &turn) }
        let followers = flight.table.followers(of: slot)
        let group = flight.table.transactions[slot].countedGroup
        guard give(answer, to: slot, in: &turn) == .given else { return }
        for follower in followers {
            guard flight.table.transactions[follower].target != nil,
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
        for other in others where flight.table.transactions[other].target != nil {
            // Malformed for one suffix and not for another: that one waits for its own answer.
            _ = give(ServerAnswer(shared: answer), to: other, in: &turn)
        }
    }

    // MARK: - Answers

    /// Gives an answer to the clients of `slot`, or asks the next group if it says that there is no
    /// such name.
    private mutating func give(_ answer: ServerAnswer, to slot: Int, in turn: inout Turn) -> AnswerUse {
        guard let target = flight.table.transactions[slot].target else { return .given }
        if answer.isNameError, target.kind != .clusterSet,
            flight.table.transactions[slot].groupPosition + 1 < target.groups.count
        {
            advance(slot, after: .groupAnswered, in: &turn)
            return .given
        }
        flight.learnEDNS(from: answer, slot, at: turn.now)
        do throws(MappingError) {
            let terms = policy.answerTerms(target, flight.table.transactions[slot].groupPosition)
            try flight.table.map(answer, to: slot, terms, with: &mapper, into: &prepared)
        } catch .wire {
            guard let place = answer.attempt else { return .malformed }
            counts.malformed += 1
            flight.meters.count(.malformed, answer.server)
            flight.table.endAttempt(place, of: slot, .unusable)
            advance(slot, after: .attemptFailed, in: &turn)
            return .malformed
        } catch {
            counts.malformed += 1
            flight.meters.count(.malformed, answer.server)
            holdBack(slot, ExtendedError(.other, Self.explain(error, target)), in: &turn)
            return .given
        }
        flight.meters.count(.answered, answer.server)
        counts.droppedRecords += mapper.droppedRecords
        prepared.equalizeTTLs()
        switch addressVerdict(slot, target) {
        case .fine: break
        case .straying: flight.meters.count(.straying, answer.server)
        case .rebinding:
            counts.blocked += Int(flight.table.transactions[slot].waiterCount)
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
        let reasons = flight.table.reasons(of: slot)
        if !reasons.isEmpty {
            // A failed cluster is not a negative answer: the others' NXDOMAIN is not valid for all.
            let isAgreed = (flight.table.transactions[slot].merged?.denials ?? 0) > 1
            guard !prepared.isNameError || isAgreed else {
                return finishWithFailure(slot, .serverFailure, in: &turn)
            }
            let isJoined = flight.table.transactions[slot].merged?.records.isEmpty == false
            let isOfNext =
                target.kind == .bareDomain && flight.table.transactions[slot].question.skippedMembers != 0
            let code: ExtendedError.Code = isJoined || isOfNext ? .synthesized : .networkError
            prepared.extendedError = ExtendedError(code: code.rawValue, text: reasons)
        }
        if prepared.isNameError, prepared.extendedError == nil, target.kind == .clusterSuffix {
            let hint = cache.alternative(to: prepared, cachePlace(of: slot, target), by: policy)
            prepared.extendedError = hint
        }
        let sent = flight.table.transactions[slot].merged?.asked ?? sent
        // A server that was also asked and is silent for longer than usual has failed.
        flight.blameSilence(slot, longerThan: nil, at: turn.now)
        if flight.table.transactions[slot].question.skippedMembers == 0 {
            cache.store(&prepared, cachePlace(of: slot, target), askedAt: sent)
        }
        counts.answered += Int(flight.table.transactions[slot].waiterCount)
        // Whole seconds on the way are counted, so that a late answer is valid no longer for waiting clients.
        let age = UInt32(clamping: turn.now.seconds(since: sent))
        let ending = TransactionEnding(source: .miss, body: .prepared(.age(age)), server: server)
        finish(slot, ending, in: &turn)
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

    /// Gives all clients that wait for `slot` their reply, and frees it.
    private mutating func finish(_ slot: Int, _ ending: TransactionEnding, in turn: inout Turn) {
        guard let target = flight.table.transactions[slot].target else { return }
        let draft = flight.draft(ending, slot, target, at: turn.now)
        delivery.deliver(draft, from: &prepared, toWaitersOf: slot, in: flight.table, during: &turn)
        flight.end(slot, ending, hasCache: cache.cache != nil, at: turn.now)
    }

    /// Informs all waiting clients that the answer can't be given.
    mutating func holdBack(_ slot: Int, _ reason: ExtendedError, in turn: inout Turn) {
        guard let target = flight.table.transactions[slot].target else { return }
        prepareFailure(slot, .serverFailure, reason)
        noteFailure(slot, target, at: turn.now)
        cacheFailure(slot, target, at: turn.now)
        finish(slot, TransactionEnding(source: .miss), in: &turn)
    }

    /// Informs the clients that no further group has an answer.
    mutating func finishWithGroupsFailure(_ slot: Int, in turn: inout Turn) {
        guard let target = flight.table.transactions[slot].target else { return }
        if case .complete = prepareUnion(slot, target) {
            return givePrepared(slot, target, askedAt: turn.now, by: nil, in: &turn)
        }
        // A refusal is passed on. Every other code concerns our question or the server (FORMERR, NOTIMP,
        // NOTAUTH): the client's question was valid.
        let isRefused = flight.table.transactions[slot].lastDecline == .refused
        let rcode: ResponseCode = target.groups.count == 1 && isRefused ? .refused : .serverFailure
        finishWithFailure(slot, rcode, in: &turn)
    }

    /// Prepares the cached answer that `finishWithFailure` would give the clients of `slot`; nil if there is
    /// none.
    mutating func loadExpiredAnswer(_ slot: Int, at now: MonotonicTime) -> CacheHit? {
        guard let target = flight.table.transactions[slot].target else { return nil }
        flight.table.begin(&prepared, for: slot)
        let place = cachePlace(of: slot, target)
        return cache.loadInPlaceOfFailure(place, into: &prepared, by: &scratch, at: now)
    }

    /// Gives all clients of `slot` an expired answer (RFC 8767), or informs them that no server answered
    /// and why.
    mutating func finishWithFailure(
        _ slot: Int, _ rcode: ResponseCode, in turn: inout Turn
    ) {
        let now = turn.now
        guard let target = flight.table.transactions[slot].target else { return }
        let text = flight.table.reasons(of: slot)
        let waiters = Int(flight.table.transactions[slot].waiterCount)
        flight.table.begin(&prepared, for: slot)
        // What is cached was put together from all members.
        let mayUseCache = flight.table.transactions[slot].question.skippedMembers == 0
        let place = cachePlace(of: slot, target)
        if mayUseCache,
            let hit = cache.loadInPlaceOfFailure(place, into: &prepared, by: &scratch, at: now)
        {
            var ending = TransactionEnding(source: .hit, body: .prepared(.age(hit.age)))
            if hit.isFresh {  // Another client got an answer in the meantime.
                counts.hits += waiters
            } else {
                counts.stale += waiters
                prepared.extendedError = ExtendedError(
                    code: ExtendedError.Code.staleAnswer.rawValue, text: text)
                ending = TransactionEnding(
                    source: .stale, body: .prepared(target.staleFreshness), isFailure: true)
            }
            return finish(slot, ending, in: &turn)
        }
        var code: ExtendedError.Code =
            flight.table.transactions[slot].lastDecline != nil ? .networkError : .noReachableAuthority
        if flight.table.transactions[slot].isTurnedAway {
            code = .other
            counts.overloaded += waiters
            counts.overloadedGroups += waiters
        } else {
            counts.failed += waiters
        }
        prepareFailure(slot, rcode, ExtendedError(code: code.rawValue, text: text))
        noteFailure(slot, target, at: now)
        guard !flight.wouldHelpProof(slot, target, at: now) else {
            flight.table.begin(&prepared, for: slot)
            return finish(slot, TransactionEnding(source: .refused, body: .addressCheck), in: &turn)
        }
        cacheFailure(slot, target, at: now)
        finish(slot, TransactionEnding(source: .miss, isFailure: true), in: &turn)
    }

    /// Prepares the reply without an answer.
    private mutating func prepareFailure(_ slot: Int, _ rcode: ResponseCode, _ reason: ExtendedError) {
        flight.table.begin(&prepared, for: slot)
        prepared.octets.set16(rcode.rawValue, at: 2)
        prepared.extendedError = reason
    }

    /// Records why the clients of `slot` get no answer, from `prepared`.
    private mutating func noteFailure(_ slot: Int, _ target: RouteTarget, at now: MonotonicTime) {
        let group = policy.groups[target.groups[flight.table.transactions[slot].groupPosition]]
        let shape = flight.table.transactions[slot].question
        failures.note(
            FailureTable.Entry(
                cluster: group.name, reason: prepared.extendedError?.text ?? [],
                name: [UInt8](copying: flight.table.question(of: slot).extracting(first: shape.nameLength)),
                type: shape.type, count: 1, last: now))
    }

    /// Caches the failure in `prepared`, briefly.
    ///
    /// A question that was not asked for lack of room may be asked again at once; one with marks of the
    /// client may have failed because of them.
    private func cacheFailure(_ slot: Int, _ target: RouteTarget, at now: MonotonicTime) {
        guard !flight.table.transactions[slot].isTurnedAway,
            flight.table.transactions[slot].loopMarks.isEmpty,
            flight.table.transactions[slot].question.skippedMembers == 0
        else { return }
        cache.storeFailure(prepared, cachePlace(of: slot, target), at: now)
    }

    /// The key under which the answer to `slot` is cached.
    private func cachePlace(of slot: Int, _ target: RouteTarget) -> CacheAccess.Place {
        let group = policy.groups[flight.table.answeringGroup(of: slot, target)]
        return CacheAccess.Place(
            shape: flight.table.transactions[slot].question, view: Int(flight.table.transactions[slot].view),
            limits: target.cacheLimits, owner: UInt16(clamping: group.number),
            isAfterFailure: flight.table.transactions[slot].failure != nil)
    }
}
