import AnswerCache
import DNSWire
import DomainNames
import Telemetry

/// The shared cache as one engine may use it, while it may: see `ForwardingEngine.begin`.
struct CacheAccess {
    /// Nil if every question is asked.
    let cache: AnswerCache?
    /// Changes of the policy since which others may have cached answers by other rules.
    private var changes: [PolicyChange] = []

    init(_ cache: AnswerCache?) {
        self.cache = cache
    }

    /// From now on the cache is used for nothing that `change` alters.
    mutating func begin(_ change: PolicyChange) { changes.append(change) }

    /// All of the cache may be used again.
    mutating func end() { changes = [] }

    /// A question in flight, as far as its answer is cached under it.
    struct Place {
        let shape: QuestionShape
        let view: Int
        /// How long answers below its suffix are cached at most.
        let limits: CacheLimits
        /// The number of the group that answers.
        let owner: UInt16
        /// True if the answer is given in place of a group that failed.
        let isAfterFailure: Bool
    }

    /// The key of the question that stands in `message`; nil if the cache may not be used for it: what is
    /// cached for it must hold under all policies by which the cache is written.
    private func key(
        _ message: Span<UInt8>, _ question: Question, view: Int, wantsDNSSEC: Bool, checkingDisabled: Bool
    ) -> CacheKey? {
        guard changes.isEmpty || changes.allSatisfy({ $0.keepsAnswer(message, question, view: view) })
        else { return nil }
        return cache?.key(
            message, question, view: view, wantsDNSSEC: wantsDNSSEC, checkingDisabled: checkingDisabled)
    }

    /// The key under which the answer that stands in `prepared` is cached.
    private func key(_ prepared: borrowing PreparedAnswer, _ place: Place) -> CacheKey? {
        guard let question = try? Question(reading: prepared.octets.span) else { return nil }
        return key(
            prepared.octets.span, question, view: place.view, wantsDNSSEC: place.shape.wantsDNSSEC,
            checkingDisabled: place.shape.checkingDisabled)
    }

    /// Puts the cached answer to a client's question into `prepared`; nil if there is none that holds.
    func load(_ exchange: ClientExchange, into prepared: inout PreparedAnswer) -> CacheHit? {
        guard let cache, let view = exchange.view,
            let key = key(
                exchange.message, exchange.query.question, view: view,
                wantsDNSSEC: exchange.query.wantsDNSSEC, checkingDisabled: exchange.query.checkingDisabled)
        else { return nil }
        return cache.load(key, exchange.message, at: exchange.now, into: &prepared)
    }

    /// Puts into `prepared` a cached answer to the question that stands there, which no server answered; nil
    /// if there is none.
    func loadInPlaceOfFailure(
        _ place: Place, into prepared: inout PreparedAnswer, by scratch: inout PreparedAnswer,
        at now: MonotonicTime
    ) -> CacheHit? {
        guard let cache, let key = key(prepared, place) else { return nil }
        scratch.begin(question: prepared.octets.span.extracting(Question.nameStart..<prepared.questionEnd))
        return cache.loadInPlaceOfFailure(key, scratch.octets.span, at: now, into: &prepared)
    }

    /// Caches the prepared answer for as long as its records and the settings allow, and lowers its TTLs to
    /// that.
    ///
    /// - Parameter time: When the server was asked. The answer ages from then on: it held when the server
    ///   gave it, and how long it was on its way is not known.
    func store(_ prepared: inout PreparedAnswer, _ place: Place, askedAt time: MonotonicTime) {
        let timing = prepared.timing(type: place.shape.type)
        // The SOA of a 'no' says by its TTL how long it holds, so that no client down the line reads more
        // into its last field than is left (RFC 2308 section 5).
        let cap =
            timing.isNegative
            ? min(place.limits.negativeSeconds, timing.seconds ?? .max) : place.limits.maximumSeconds
        // If nothing is cached, the cluster's own TTLs hold.
        guard let cache else { return }
        prepared.capTTLs(at: cap)
        guard isCacheable(place.shape), isCacheable(prepared.rcode), !prepared.isTruncated else { return }
        // A negative answer without SOA does not say how long it holds (RFC 2308 section 5): a second at
        // most. The same for one given in place of a group that failed.
        var seconds = min(timing.seconds ?? 1, cap)
        if place.isAfterFailure { seconds = min(seconds, 1) }
        guard let key = key(prepared, place) else { return }
        if prepared.rcode == ResponseCode.nameError.rawValue, cache.holdsPositive(key, prepared.octets.span) {
            // A name that was there a moment ago is likely being rebuilt: clients look again soon.
            seconds = min(seconds, 1)
            prepared.capTTLs(at: 1)
        }
        guard seconds > 0 else { return }
        let life = CacheLife(
            fresh: Int64(seconds) * 1_000_000_000,
            stale: timing.isNegative ? 0 : place.limits.staleNanoseconds,
            kind: timing.isNegative ? .negative : .positive, owner: place.owner)
        cache.store(key, prepared, life, at: time)
    }

    /// Caches the failure that stands in `prepared`, briefly (RFC 9520 section 3.2).
    func storeFailure(_ prepared: borrowing PreparedAnswer, _ place: Place, at now: MonotonicTime) {
        guard let cache, isCacheable(place.shape), let key = key(prepared, place) else { return }
        let life = CacheLife(fresh: 1_000_000_000, stale: 0, kind: .failure, owner: place.owner)
        cache.store(key, prepared, life, at: now)
    }

    /// False for ANY, whose answers do not say whether they are whole (RFC 8482 section 4.1).
    private func isCacheable(_ shape: QuestionShape) -> Bool { shape.type != RecordType.any }

    private func isCacheable(_ rcode: Int) -> Bool {
        rcode == ResponseCode.noError.rawValue || rcode == ResponseCode.nameError.rawValue
    }
}
