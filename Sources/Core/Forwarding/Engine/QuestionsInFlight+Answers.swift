import DNSWire
import Telemetry
import Time

/// Which message answers what, and whether it can be used.
extension QuestionsInFlight {
    /// What a message of a server is.
    enum Arrival {
        /// It has this outcome, and nothing follows.
        case done(AnswerOutcome)
        /// It leads to this event of a transaction.
        case event(TransactionEvent, slot: Int, AnswerOutcome)
        /// It answers the question of an attempt.
        case answer(slot: Int, place: Int, MessageHeader, Question)
    }

    /// Finds the attempt that `message` answers.
    mutating func match(_ message: Span<UInt8>, over path: UpstreamPath) -> Arrival {
        guard let header = try? MessageHeader(reading: message), header.isResponse, header.opcode == 0
        else { return .done(mismatch()) }
        guard let slot = table.transaction(withID: header.id),
            let place = table.attempts(of: slot).place(waitingFor: header.id, by: path)
        else {
            guard table.takeAbandoned(header.id, by: path) == .late else { return .done(mismatch()) }
            counters.late += 1
            return .done(.late)
        }
        if header.questionCount == 1,
            let question = table.repeatedQuestion(of: slot, table[slot, place].letterCase, in: message)
        {
            return .answer(slot: slot, place: place, header, question)
        }
        guard let question = try? Question(reading: message), header.questionCount == 1 else {
            // An error often comes without the question (RFC 1035 section 4.1.1 leaves it open; CoreDNS
            // does so).
            guard header.questionCount == 0, let rcode = Self.errorWithoutQuestion(message, header) else {
                return .done(mismatch())
            }
            return .event(declined(slot, place, rcode), slot: slot, .taken)
        }
        guard table.isQuestion(of: slot, question, in: message),
            table[slot, place].letterCase == nil || table.transactions[slot].isRewritten
        else {
            guard let event = doubt(slot, place) else { return .done(.mismatch) }
            return .event(event, slot: slot, .mismatch)
        }
        return .answer(slot: slot, place: place, header, question)
    }

    /// Counts an answer that matches no question.
    private mutating func mismatch() -> AnswerOutcome {
        counters.unmatched += 1
        return .mismatch
    }

    /// An answer with the right ID came by the right path to another question: it may be forged, or the
    /// server does not repeat questions, and the question is asked again over TCP.
    ///
    /// - Returns: The event of the transaction; nil if it still waits for its answer.
    mutating func doubt(_ slot: Int, _ place: Int) -> TransactionEvent? {
        counters.unmatched += 1
        let path = table[slot, place].path
        guard path.transport == .udp else { return nil }
        table.abandonAttempt(place, of: slot, .distrusted)
        return .wantsTCP(server: path.server)
    }

    /// Measures how long a server took.
    mutating func noteRoundTrip(of answer: ServerAnswer, at now: MonotonicTime) {
        let roundTrip = now.nanoseconds(since: answer.sent)
        servers[answer.server].answered(after: roundTrip)
        meters.latency.record(nanoseconds: roundTrip, row: answer.server)
    }

    /// The event of an answer that can't be given: it may be forged, is truncated or declines; nil if it can
    /// be given.
    mutating func rejection(
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
        if table.meaning(of: answer, slot) != nil { return nil }
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
        meters.count(.declined, path.server)
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
            counters.doubtfulCookies += 1
            return truncated(slot, place)
        }
        let rcode = ResponseCode(answer.header.rcode | (edns?.extendedRcode ?? 0) << 4)
        guard rcode == .badCookie else { return nil }
        // The correct cookie has just been learnt: once more over UDP, then over TCP (section 5.3).
        let isFirst = !table.attempts(of: slot).hasDeclined(answer.server, with: .badCookie)
        table.endAttempt(place, of: slot, .declined(rcode))
        guard transport == .udp else { return .attemptFailed }
        counters.retried += 1
        return .wantsRepeat(AttemptPlan(server: answer.server, transport: isFirst ? .udp : .tcp))
    }

    /// An answer to a question with EDNS shows that the server supports it; an answer to a question without
    /// EDNS shows that it does not, if it declined the same question with EDNS.
    mutating func learnEDNS(from answer: ServerAnswer, _ slot: Int, at now: MonotonicTime) {
        guard let place = answer.attempt else { return }
        if table[slot, place].usesEDNS {
            servers[answer.server].learnEDNS()
        } else if table.attempts(of: slot).extracting(first: place).hasDeclinedEDNS(answer.server) {
            servers[answer.server].learnRefusal(ofEDNSAt: now)
        }
    }
}
