import AnswerCache
import DNSWire
import DomainNames
import Time

/// The shared cache, as far as one engine may use it now; see `ForwardingEngine.begin`.
struct CacheAccess {
    /// Nil if there is no cache.
    let cache: AnswerCache?
    /// Changes of the policy after which other engines may have cached answers under other rules.
    private var changes: [PolicyChange] = []

    /// Access to all of `cache`.
    init(_ cache: AnswerCache?) {
        self.cache = cache
    }

    /// From now on the cache is not used for answers that `change` alters.
    mutating func begin(_ change: PolicyChange) { changes.append(change) }

    /// All of the cache may be used again.
    mutating func end() { changes = [] }

    /// The part of a question in flight under which its answer is cached.
    struct Place {
        /// The question.
        let shape: QuestionShape
        /// The client's view.
        let view: Int
        /// How long answers below its suffix are cached at most.
        let limits: CacheLimits
        /// The number of the group that answers.
        let owner: UInt16
        /// True if the answer is given in place of a group that failed.
        let isAfterFailure: Bool
    }

    /// The key of the question in `message`; nil if the cache may not be used for it: a cached answer must be
    /// valid under all policies by which the cache is written.
    private func key(
        _ message: Span<UInt8>, _ question: Question, view: Int, wantsDNSSEC: Bool, checkingDisabled: Bool
    ) -> CacheKey? {
        guard changes.isEmpty || changes.allSatisfy({ $0.keepsAnswer(message, question, view: view) })
        else { return nil }
        return cache?.key(
            message, question, view: view, wantsDNSSEC: wantsDNSSEC, checkingDisabled: checkingDisabled)
    }

    /// The key under which the answer in `prepared` is cached.
    private func key(_ prepared: borrowing PreparedAnswer, _ place: Place) -> CacheKey? {
        let question = Question(
            nameLength: place.shape.nameLength, type: place.shape.type, recordClass: place.shape.recordClass)
        return key(
            prepared.octets.span, question, view: place.view, wantsDNSSEC: place.shape.wantsDNSSEC,
            checkingDisabled: place.shape.checkingDisabled)
    }

    /// Puts the cached answer to a client's question into `prepared`; nil if there is no valid one.
    func load(_ exchange: ClientExchange, into prepared: inout PreparedAnswer) -> CacheHit? {
        guard let cache, let view = exchange.view,
            let key = key(
                exchange.message, exchange.query.question, view: view,
                wantsDNSSEC: exchange.query.wantsDNSSEC, checkingDisabled: exchange.query.checkingDisabled)
        else { return nil }
        return cache.load(key, exchange.message, at: exchange.now, into: &prepared)
    }

    /// Puts into `prepared` a cached answer to the question there, which no server answered; nil if there
    /// is none.
    func loadInPlaceOfFailure(
        _ place: Place, into prepared: inout PreparedAnswer, by scratch: inout PreparedAnswer,
        at now: MonotonicTime
    ) -> CacheHit? {
        guard let cache, let key = key(prepared, place) else { return nil }
        scratch.begin(question: prepared.octets.span.extracting(Question.nameStart..<prepared.questionEnd))
        return cache.loadInPlaceOfFailure(key, scratch.octets.span, at: now, into: &prepared)
    }

    /// Caches the prepared answer for as long as its records and the settings allow, and lowers its TTLs
    /// to that.
    ///
    /// - Parameter time: When the server was asked. The answer ages from then on: it was valid when the
    ///   server sent it, and its time on the way is unknown.
    func store(_ prepared: inout PreparedAnswer, _ place: Place, askedAt time: MonotonicTime) {
        // Without a cache, the cluster's own TTLs are valid.
        guard let cache else { return }
        let timing = prepared.timing(type: place.shape.type)
        // The TTL of the SOA in a negative answer is its remaining lifetime, so that no later cache uses more
        // than is left (RFC 2308 section 5).
        let cap =
            timing.isNegative
            ? min(place.limits.negativeSeconds, timing.seconds ?? .max) : place.limits.maximumSeconds
        prepared.capTTLs(at: cap)
        guard isCacheable(place.shape), isCacheable(prepared.rcode), !prepared.isTruncated else { return }
        // A negative answer without SOA has no stated lifetime (RFC 2308 section 5): a second at most. The
        // same for one given in place of a group that failed.
        var seconds = min(timing.seconds ?? 1, cap)
        if place.isAfterFailure { seconds = min(seconds, 1) }
        guard let key = key(prepared, place) else { return }
        if prepared.rcode == ResponseCode.nameError.rawValue, cache.holdsPositive(key, prepared.octets.span) {
            // A name that existed a moment ago is likely being created again: clients ask again soon.
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

    /// Where the name that `prepared` denies was found a short time ago, or one with service and namespace
    /// exchanged: of what is cached for the same view, and what its clients may ask now.
    func alternative(
        to prepared: borrowing PreparedAnswer, _ place: Place, by policy: ForwardingPolicy
    ) -> ExtendedError? {
        let asked = prepared.octets.span.extracting(Question.nameStart..<prepared.questionEnd - 4)
        guard cache != nil, let name = try? DomainName(wire: [UInt8](copying: asked)) else { return nil }
        let found = NameHints(policy, view: place.view).alternatives(to: name)
            .first { holdsPositive($0.name, like: place) }
        guard let found else { return nil }
        let text = "\(found.cluster) has answered \(found.name)"
        return text.utf8.count > ExtendedError.maximumTextLength ? nil : ExtendedError(.other, text)
    }

    /// True if the last answer to the same question for another name was positive, for the same view.
    private func holdsPositive(_ name: DomainName, like place: Place) -> Bool {
        let message = NameHints.message(name, type: place.shape.type)
        let question = Question(
            nameLength: name.wire.count, type: place.shape.type, recordClass: place.shape.recordClass)
        guard let cache,
            let key = key(
                message.span, question, view: place.view, wantsDNSSEC: place.shape.wantsDNSSEC,
                checkingDisabled: place.shape.checkingDisabled)
        else { return false }
        return cache.holdsPositive(key, message.span)
    }

    /// Caches the failure in `prepared`, briefly (RFC 9520 section 3.2).
    func storeFailure(_ prepared: borrowing PreparedAnswer, _ place: Place, at now: MonotonicTime) {
        guard let cache, isCacheable(place.shape), let key = key(prepared, place) else { return }
        let life = CacheLife(fresh: 1_000_000_000, stale: 0, kind: .failure, owner: place.owner)
        cache.store(key, prepared, life, at: now)
    }

    /// False for ANY, whose answers may be incomplete (RFC 8482 section 4.1).
    private func isCacheable(_ shape: QuestionShape) -> Bool { shape.type != RecordType.any }

    /// True for response codes whose answers are cached.
    private func isCacheable(_ rcode: Int) -> Bool {
        rcode == ResponseCode.noError.rawValue || rcode == ResponseCode.nameError.rawValue
    }
}
