import AnswerCache
import DNSWire
import DomainNames
import Telemetry

/// Answering from what was answered before, and keeping what is answered now.
extension ForwardingEngine {
    /// Answers `query` from the cache; false where it has to be asked.
    mutating func answerFromCache(
        _ message: Span<UInt8>, _ query: ClientQuery, _ path: ClientPath, _ view: Int, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) -> Bool {
        guard let cache else { return false }
        let key = cache.key(
            message, query.question, view: view, wantsDNSSEC: query.wantsDNSSEC,
            checkingDisabled: query.checkingDisabled)
        guard let hit = cache.load(key, message, at: now, into: &prepared), hit.isFresh else { return false }
        counters.hits += 1
        let terms = replyTerms(query, path)
        let start = outbox.octets.count
        outbox.octets.appendReply(
            prepared, to: message.extracting(query.question.range), terms, freshness: .age(hit.age),
            rotation: hit.rotation)
        outbox.replies.append(Outbox.Reply(path: path, start: start, end: outbox.octets.count))
        if hit.wantsRefresh {
            refresh(message, query, path, view, at: now, random: &random, into: &outbox)
        }
        return true
    }

    /// Asks again for what was just answered, so that the next client finds it fresh.
    private mutating func refresh(
        _ message: Span<UInt8>, _ query: ClientQuery, _ path: ClientPath, _ view: Int, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        guard case .ask(let target, let suffixStart) = policy.route(message, query.question, view: view)
        else { return }
        counters.refreshed += 1
        var terms = replyTerms(query, path)
        terms.limit = ReplyTerms.nobody
        ask(message, query, path, terms, view, target, suffixStart, at: now, random: &random, into: &outbox)
    }

    /// Keeps the prepared answer to `slot` for as long as its records and the settings allow.
    mutating func keepPrepared(_ slot: Int, _ target: RouteTarget, at now: MonotonicTime) {
        let shape = table.transactions[slot].question
        let timing = prepared.timing(type: shape.type)
        let limits = target.cacheLimits
        let cap = timing.isNegative ? limits.negativeSeconds : limits.maximumSeconds
        prepared.capTTLs(at: cap)
        guard let cache, shape.type != RecordType.any, isKeepable(prepared.rcode),
            target.kind != .upstream || shape.recursionDesired
        else { return }
        // A negative answer without SOA does not say how long it holds (RFC 2308 section 5): a second at
        // most. The same for one given in place of a group that failed.
        var seconds = min(timing.seconds ?? 1, cap)
        if table.transactions[slot].failedGroup >= 0 { seconds = min(seconds, 1) }
        guard seconds > 0, let key = key(slot, cache) else { return }
        let life = CacheLife(
            fresh: Int64(seconds) * 1_000_000_000, stale: timing.isNegative ? 0 : limits.staleNanoseconds,
            kind: timing.isNegative ? .negative : .positive)
        cache.store(key, prepared, life, at: now)
    }

    private func isKeepable(_ rcode: Int) -> Bool {
        rcode == ResponseCode.noError.rawValue || rcode == ResponseCode.nameError.rawValue
    }

    /// The key under which the answer that stands in `prepared` is kept.
    private func key(_ slot: Int, _ cache: AnswerCache) -> CacheKey? {
        let shape = table.transactions[slot].question
        guard let question = try? Question(reading: prepared.octets.span) else { return nil }
        return cache.key(
            prepared.octets.span, question, view: Int(table.transactions[slot].view),
            wantsDNSSEC: shape.wantsDNSSEC, checkingDisabled: shape.checkingDisabled)
    }

    /// Puts an expired answer to `slot` into `prepared`; false where there is none that may still be served.
    mutating func loadStale(_ slot: Int, at now: MonotonicTime) -> Bool {
        guard let cache else { return false }
        beginPrepared(slot)
        guard let key = key(slot, cache) else { return false }
        cache.refreshFailed(key, prepared.octets.span)
        Self.copyQuestion(slot, table, to: &scratch)
        guard let hit = Self.load(key, asIn: scratch, from: cache, at: now, into: &prepared) else {
            return false
        }
        return !hit.isNegative && !hit.isFailure
    }

    /// A function of its own for the same reason as `copyQuestion`.
    private static func load(
        _ key: CacheKey, asIn question: borrowing PreparedAnswer, from cache: AnswerCache,
        at now: MonotonicTime,
        into answer: inout PreparedAnswer
    ) -> CacheHit? {
        cache.load(key, question.octets.span, at: now, into: &answer)
    }

    /// Keeps the failure that stands in `prepared`, briefly (RFC 9520 section 3.2).
    mutating func keepFailure(_ slot: Int, at now: MonotonicTime) {
        guard let cache, let key = key(slot, cache) else { return }
        cache.store(key, prepared, CacheLife(fresh: 1_000_000_000, stale: 0, kind: .failure), at: now)
    }

    /// Begins a prepared answer to the question of `slot`.
    mutating func beginPrepared(_ slot: Int) {
        Self.copyQuestion(slot, table, to: &prepared)
    }

    /// A function of its own, so that the question's borrow of the table stands beside the other field's
    /// change.
    private static func copyQuestion(
        _ slot: Int, _ table: borrowing TransactionTable, to answer: inout PreparedAnswer
    ) {
        answer.begin(question: table.question(of: slot))
    }
}
