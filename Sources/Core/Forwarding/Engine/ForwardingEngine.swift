package import AnswerCache
import DNSWire
import DomainNames
import IPAddressing
import Telemetry
package import Time

/// The forwarder without its sockets: takes messages, a time and random bits, and puts messages to send into
/// an outbox.
///
/// One worker owns one engine. It shares with the others only the policy, the cache, the servers' health and
/// the secrets of the process. `nextDeadline` is the time of its next timer.
///
/// ```
/// question -> checked -> client allowed? -> cached? one reply
///                                        -> else: route -> asked already? wait with the others
///                                                       -> else: a transaction, sent to one server
///                                                          after the other
/// answer   -> whose? -> usable? -> names mapped back -> one reply for each client that waits
/// ```
package struct ForwardingEngine: ~Copyable {
    /// The policy, which never changes.
    package let policy: ForwardingPolicy
    /// The counters of what is not counted by a part.
    var counts = EngineCounters()

    /// Decides who may ask, and what is answered at once.
    var reception: ClientReception
    /// The questions that servers are asked.
    var flight: QuestionsInFlight
    /// The answer that is being given.
    var preparation: AnswerPreparation
    /// Room for an answer in the client's letter case; nil before the first one, and while it is in use.
    var restored: OctetBuffer?
    /// The key of the hashes.
    let hashKey: UInt64
    /// Sends replies.
    var delivery: ReplyDelivery

    /// - Parameters:
    ///   - hashKey: Random bits: prevents clients from choosing questions that collide in our tables.
    ///   - cache: Shared with the other workers; nil: there is no cache.
    ///   - board: The servers' health, shared with the other workers and the prober; nil: there is no prober.
    ///   - identity: The secrets of the process, shared with the other workers; nil: made from `hashKey`.
    ///   - limits: The most in flight; nil: the policy's limits.
    package init(
        policy: ForwardingPolicy, hashKey: UInt64, cache: AnswerCache? = nil, board: HealthBoard? = nil,
        identity: ProcessIdentity? = nil, limits: EngineLimits? = nil
    ) {
        let identity = identity ?? ProcessIdentity(seed: hashKey)
        let limits = limits ?? policy.limits
        let board =
            board
            ?? HealthBoard(
                servers: policy.servers.count, groups: policy.groups.count, isProbed: false)
        self.policy = policy
        preparation = AnswerPreparation(
            policy, board, cache: CacheAccess(cache), nameKey: identity.nameKey)
        self.hashKey = hashKey
        reception = ClientReception(
            policy, board, identity: identity, limits: limits, hashKey: hashKey)
        delivery = ReplyDelivery(policy, validated: identity.validatedClients, hashKey: hashKey)
        flight = QuestionsInFlight(
            policy, limits: limits, servers: ServerSet(policy, board, identity), hashKey: hashKey)
    }

    /// Questions in flight.
    package var transactionCount: Int { flight.table.activeCount - flight.table.lateCount }

    /// True while a client waits for an answer of a server.
    package var hasWaitingClients: Bool { flight.table.waiterCount > flight.table.lateCount }

    /// True if an answer may come over `path`.
    package func isWaiting(for path: UpstreamPath) -> Bool { flight.table.waitingCount(path) > 0 }

    /// The time at which `expire` must be called; nil while nothing is in flight.
    package var nextDeadline: MonotonicTime? { flight.timers.nextDue }

    /// From now on questions to `server` use place `socket` of its pool.
    package mutating func sendQuestions(to server: Int, from socket: Int) {
        flight.servers.sendQuestions(to: server, from: socket)
    }

    /// The counters of all parts.
    package var counters: EngineCounters {
        var counters = counts
        counters.add(reception.counters)
        counters.add(flight.counters)
        counters.add(preparation.counters)
        counters.add(delivery.counters)
        return counters
    }

    /// Recent failures of questions.
    package var failures: FailureTable { preparation.failures }

    /// Recently refused clients.
    package var refusedClients: RefusedClients { reception.refusedClients }

    /// Seconds since 1970, modulo 2^32: the time of cookies. To be set regularly, for example with
    /// each batch.
    package var unixTime: UInt32 {
        get { reception.unixTime }
        set { reception.unixTime = newValue }
    }

    /// The labelled counters.
    package var meters: EngineMeters { EngineMeters(delivery.meters, flight.meters) }

    /// Sends one reply; `prepared` is its answer if it has one.
    mutating func deliver(_ draft: ReplyDraft, to recipient: Recipient, into outbox: inout Outbox) {
        delivery.deliver(draft, from: &preparation.prepared, to: recipient, into: &outbox)
    }

    // MARK: - From clients

    /// Processes a client's message.
    @discardableResult
    package mutating func receiveQuestion(
        _ message: Span<UInt8>, from path: ClientPath, in turn: inout Turn
    ) -> QuestionOutcome {
        guard reception.receive(from: path.client.address, at: turn.now) == .taken else { return .ignored }
        switch ClientMessage(reading: message) {
        case .ignore: return reception.ignore()
        case .reject(let rcode, let question, let edns):
            guard let header = try? MessageHeader(reading: message) else { return .ignored }
            let terms = reception.terms(header, edns, from: path, octets: message.count)
            let asked = message.extracting(question?.range ?? 0..<0)
            let recipient = Recipient(asked, path: path, terms: terms, at: turn.now)
            deliver(reception.reject(rcode), to: recipient, into: &turn.outbox)
        case .cookieRequest(let header, let edns, let cookie):
            var terms = reception.terms(header, edns, from: path, octets: message.count)
            let draft = reception.giveCookie(cookie, to: path.client.address, &terms)
            let asked = message.extracting(0..<0)
            deliver(draft, to: Recipient(asked, path: path, terms: terms, at: turn.now), into: &turn.outbox)
        case .query(var query):
            if query.cookie != nil { reception.judgeCookie(of: &query, from: path) }
            let asked = message.extracting(query.question.range)
            let terms = reception.terms(query, from: path)
            let recipient = Recipient(asked, path: path, terms: terms, at: turn.now)
            let view = policy.view(of: path.client.address)
            answer(ClientExchange(message, query, recipient, view: view), in: &turn)
        }
        return .taken
    }

    /// Answers a question, or sends it to a server. The first step that completes it ends the work.
    private mutating func answer(_ exchange: ClientExchange, in turn: inout Turn) {
        if let draft = reception.stop(exchange, by: &preparation) {
            return deliver(draft, to: exchange.recipient, into: &turn.outbox)
        }
        if let cached = preparation.loadCached(exchange) {
            deliver(cached.draft, to: exchange.recipient, into: &turn.outbox)
            if cached.wantsRefresh { refresh(exchange, in: &turn) }
            return
        }
        switch policy.route(exchange) {
        case .none: break
        case .answer(let answer):
            let draft = reception.reply(exchange, answer, by: &preparation)
            deliver(draft, to: exchange.recipient, into: &turn.outbox)
        case .ask(let target, let suffixStart):
            switch reception.stop(exchange, target, suffixStart: suffixStart, by: &preparation) {
            case .open: ask(exchange, target, suffixStart: suffixStart, in: &turn)
            case .reply(let draft): deliver(draft, to: exchange.recipient, into: &turn.outbox)
            case .silence: break
            }
        }
    }

    /// Asks again for an answer just given, so that the next client gets a fresh one.
    private mutating func refresh(_ exchange: ClientExchange, in turn: inout Turn) {
        guard case .ask(let target, let suffixStart) = policy.route(exchange) else { return }
        counts.refreshed += 1
        var silent = exchange
        silent.recipient.terms.limit = ReplyTerms.noReply
        ask(silent, target, suffixStart: suffixStart, in: &turn)
    }
}
