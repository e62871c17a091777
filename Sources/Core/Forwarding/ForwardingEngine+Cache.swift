import AnswerCache
import DNSWire
import DomainNames
import Telemetry

/// Answering from what was answered before, and keeping what is answered now.
extension ForwardingEngine {
    /// Answers a question from the cache.
    mutating func answerFromCache(
        _ exchange: ClientExchange, random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) -> StepOutcome {
        guard let cache, let view = exchange.view,
            mayUseCache(exchange.message, exchange.query.question, view)
        else { return .open }
        let key = cache.key(
            exchange.message, exchange.query.question, view: view,
            wantsDNSSEC: exchange.query.wantsDNSSEC, checkingDisabled: exchange.query.checkingDisabled)
        guard let hit = cache.load(key, exchange.message, at: exchange.now, into: &prepared) else {
            return .open
        }
        var freshness = AnswerFreshness.age(hit.age)
        if !hit.isFresh || hit.isFailure {
            guard
                case .ask(let target, _) = policy.route(
                    exchange.message, exchange.query.question, view: view),
                !isRevived(target, since: hit.failedAt)
            else { return .open }
            if !hit.isFresh {
                freshness = target.staleFreshness
                if exchange.recipient.terms.hasEDNS { prepared.extendedError = staleError(target) }
            }
        }
        // A failure stays one, wherever it came from.
        if hit.isFailure {
            counters.failed += 1
        } else if hit.isFresh {
            counters.hits += 1
        } else {
            counters.stale += 1
        }
        let draft = ReplyDraft(
            body: .prepared(freshness, rotation: hit.rotation), source: hit.isFresh ? .hit : .stale,
            view: view, cluster: Int(hit.owner))
        deliver(draft, to: exchange.recipient, into: &outbox)
        if hit.wantsRefresh { refresh(exchange, random: &random, into: &outbox) }
        return .done
    }

    /// True where a server of the target's groups was dead and has been found alive since: what failed then
    /// may work now.
    private func isRevived(_ target: RouteTarget, since time: MonotonicTime) -> Bool {
        target.groups.contains { group in
            policy.groups[group].servers.contains { board.servers[$0].revivedAt >= time }
        }
    }

    /// What stands with a stale answer whose question was asked in vain less than a second ago.
    private func staleError(_ target: RouteTarget) -> ExtendedError {
        let names = target.groups.map { policy.groups[$0].name }.joined(separator: ", ")
        return ExtendedError(.staleAnswer, "\(names): no server answered a moment ago")
    }

    /// Asks again for what was just answered, so that the next client finds it fresh.
    private mutating func refresh(
        _ exchange: ClientExchange, random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        guard let view = exchange.view,
            case .ask(let target, let suffixStart) = policy.route(
                exchange.message, exchange.query.question, view: view)
        else { return }
        counters.refreshed += 1
        var silent = exchange
        silent.recipient.terms.limit = ReplyTerms.nobody
        ask(silent, target, suffixStart: suffixStart, random: &random, into: &outbox)
    }

    /// Keeps the prepared answer to `slot` for as long as its records and the settings allow.
    ///
    /// - Parameter time: When the server was asked. The answer ages from then on: it held when the server
    ///   gave it, and how long it was on its way nobody knows.
    mutating func keepPrepared(_ slot: Int, _ target: RouteTarget, askedAt time: MonotonicTime) {
        let shape = table.transactions[slot].question
        let timing = prepared.timing(type: shape.type)
        let limits = target.cacheLimits
        // The SOA of a 'no' says by its TTL how long it holds, so that nobody down the line reads more into
        // its last field than is left (RFC 2308 section 5).
        let cap =
            timing.isNegative
            ? min(limits.negativeSeconds, timing.seconds ?? .max) : limits.maximumSeconds
        // Where nothing is kept, the cluster's own TTLs hold.
        guard let cache else { return }
        prepared.capTTLs(at: cap)
        guard isKeepable(shape), isKeepable(prepared.rcode), !prepared.isTruncated else { return }
        // A negative answer without SOA does not say how long it holds (RFC 2308 section 5): a second at
        // most. The same for one given in place of a group that failed.
        var seconds = min(timing.seconds ?? 1, cap)
        if table.transactions[slot].failedGroup >= 0 { seconds = min(seconds, 1) }
        guard let key = key(slot, cache) else { return }
        if prepared.rcode == ResponseCode.nameError.rawValue, cache.holdsPositive(key, prepared.octets.span) {
            // A name that was there a moment ago is likely being rebuilt: whoever asks looks again soon.
            seconds = min(seconds, 1)
            prepared.capTTLs(at: 1)
        }
        guard seconds > 0 else { return }
        let life = CacheLife(
            fresh: Int64(seconds) * 1_000_000_000, stale: timing.isNegative ? 0 : limits.staleNanoseconds,
            kind: timing.isNegative ? .negative : .positive, owner: owner(of: slot, target))
        cache.store(key, prepared, life, at: time)
    }

    /// False for ANY, whose answers do not say whether they are whole (RFC 8482 section 4.1).
    private func isKeepable(_ shape: QuestionShape) -> Bool { shape.type != RecordType.any }

    private func isKeepable(_ rcode: Int) -> Bool {
        rcode == ResponseCode.noError.rawValue || rcode == ResponseCode.nameError.rawValue
    }

    /// The key under which the answer that stands in `prepared` is kept.
    private func key(_ slot: Int, _ cache: AnswerCache) -> CacheKey? {
        let shape = table.transactions[slot].question
        guard let question = try? Question(reading: prepared.octets.span),
            mayUseCache(prepared.octets.span, question, Int(table.transactions[slot].view))
        else { return nil }
        return cache.key(
            prepared.octets.span, question, view: Int(table.transactions[slot].view),
            wantsDNSSEC: shape.wantsDNSSEC, checkingDisabled: shape.checkingDisabled)
    }

    /// Puts into `prepared` a kept answer to `slot`, which no server answered; nil where there is none.
    mutating func loadInPlaceOfFailure(_ slot: Int, at now: MonotonicTime) -> CacheHit? {
        guard let cache else { return nil }
        beginPrepared(slot)
        guard let key = key(slot, cache) else { return nil }
        Self.copyQuestion(slot, table, to: &scratch)
        return Self.load(key, asIn: scratch, from: cache, at: now, into: &prepared)
    }

    /// A function of its own for the same reason as `copyQuestion`.
    private static func load(
        _ key: CacheKey, asIn question: borrowing PreparedAnswer, from cache: AnswerCache,
        at now: MonotonicTime,
        into answer: inout PreparedAnswer
    ) -> CacheHit? {
        cache.loadInPlaceOfFailure(key, question.octets.span, at: now, into: &answer)
    }

    /// Keeps the failure that stands in `prepared`, briefly (RFC 9520 section 3.2).
    mutating func keepFailure(_ slot: Int, _ target: RouteTarget, at now: MonotonicTime) {
        // What was not asked for want of room may be asked again at once; what was asked with marks that the
        // client brought may have failed for these.
        guard !table.transactions[slot].isTurnedAway, table.transactions[slot].loopMarks.isEmpty, let cache,
            isKeepable(table.transactions[slot].question), let key = key(slot, cache)
        else { return }
        let life = CacheLife(
            fresh: 1_000_000_000, stale: 0, kind: .failure, owner: owner(of: slot, target))
        cache.store(key, prepared, life, at: now)
    }

    /// The number of the group that `slot` asks now, under which its answer is kept.
    private func owner(of slot: Int, _ target: RouteTarget) -> UInt16 {
        UInt16(clamping: policy.groups[target.groups[table.transactions[slot].groupPosition]].number)
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
