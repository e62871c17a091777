package import AnswerCache
import DNSWire
import DomainNames
import IPAddressing
import Telemetry
package import Time

/// The forwarder without its sockets: takes messages, a time and random bits, and puts messages to send into
/// an outbox.
///
/// One worker owns one engine; nothing is shared but the policy. `nextDeadline` is the time of its
/// next timer.
///
/// ```
/// question -> checked -> client allowed? -> route -> asked already? wait with the others
///                                                 -> else: a transaction, sent to one server after the other
/// answer   -> whose? -> usable? -> names mapped back -> one reply for each client that waits
/// ```
package struct ForwardingEngine: ~Copyable {
    /// The policy, which never changes.
    package let policy: ForwardingPolicy
    /// The counters of what is not counted by a part.
    var counts = EngineCounters()

    /// Recently refused clients.
    package internal(set) var refusedClients = RefusedClients()

    /// The questions that servers are asked.
    var flight: QuestionsInFlight
    /// The answer that is being given.
    var preparation: AnswerPreparation
    /// Room for an answer in the client's letter case.
    var restored = OctetBuffer(capacity: 4096)
    /// The key of the hashes.
    let hashKey: UInt64
    /// Made with the first question that it counts.
    var rates: ClientRates?
    /// Sends replies.
    var delivery: ReplyDelivery
    /// The addresses that used TCP recently.
    let validated: ValidatedClients
    /// Makes and checks the cookies of clients.
    let cookies: CookieSecrets
    /// The most in flight.
    let limits: EngineLimits
    /// Seconds since 1970, modulo 2^32: the time of cookies. To be set regularly, for example with
    /// each batch.
    package var unixTime: UInt32 = 0

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
        self.limits = limits
        validated = identity.validatedClients
        delivery = ReplyDelivery(policy, validated: validated, hashKey: hashKey)
        cookies = identity.cookies
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
        counters.add(flight.counters)
        counters.add(preparation.counters)
        counters.add(delivery.counters)
        return counters
    }

    /// Recent failures of questions.
    package var failures: FailureTable { preparation.failures }

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
        counts.messages += 1
        let client = path.client.address
        if policy.dropsStrangers, policy.view(of: client) == nil {
            counts.ignored += 1
            if client.isPrivate { refusedClients.note(client, at: turn.now) }
            return .ignored
        }
        switch ClientMessage(reading: message) {
        case .ignore:
            counts.ignored += 1
            return .ignored
        case .reject(let rcode, let question, let edns):
            guard let header = try? MessageHeader(reading: message) else { return .ignored }
            var terms = ReplyTerms(header: header, edns: edns, limit: replyLimit(edns, path))
            terms.askedOctets = message.count
            let asked = message.extracting(question?.range ?? 0..<0)
            reject(rcode, Recipient(asked, path: path, terms: terms, at: turn.now), into: &turn.outbox)
        case .cookieRequest(let header, let edns, let cookie):
            var terms = ReplyTerms(header: header, edns: edns, limit: replyLimit(edns, path))
            terms.askedOctets = message.count
            terms.cookie = cookies.judged(cookie, from: client, at: unixTime)
            let asked = message.extracting(0..<0)
            giveCookie(Recipient(asked, path: path, terms: terms, at: turn.now), into: &turn.outbox)
        case .query(var query):
            if query.cookie != nil { judgeCookie(of: &query, from: path) }
            let asked = message.extracting(query.question.range)
            let recipient = Recipient(asked, path: path, terms: replyTerms(query, path), at: turn.now)
            answer(ClientExchange(message, query, recipient, view: policy.view(of: client)), in: &turn)
        }
        return .taken
    }

    /// Answers a question, or sends it to a server. The first step that completes it ends the work.
    private mutating func answer(_ exchange: ClientExchange, in turn: inout Turn) {
        let path = exchange.recipient.path
        if path.transport == .tcp { validated.note(path.client.address, at: turn.now) }
        guard let view = exchange.view else {
            noteRefused(path.client.address, asking: exchange.message, at: turn.now)
            return refuse(exchange, Refusals.client, into: &turn.outbox)
        }
        guard stopLoop(exchange, into: &turn.outbox) == .open else { return }
        if let refusal = Refusals.refusal(of: exchange.query) {
            return refuse(exchange, refusal, into: &turn.outbox)
        }
        guard answerFromCache(exchange, in: &turn) == .open else { return }
        switch policy.route(exchange.message, exchange.query.question, view: view) {
        case .answer(let answer):
            reply(exchange, answer, into: &turn.outbox)
        case .ask(let target, let suffixStart):
            guard
                denyImpossibleName(exchange, target, suffixStart: suffixStart, into: &turn.outbox) == .open,
                stopAtGate(exchange, target, into: &turn.outbox) == .open,
                holdToRate(exchange, into: &turn.outbox) == .open
            else { return }
            ask(exchange, target, suffixStart: suffixStart, in: &turn)
        }
    }

    /// Answers a question from the cache.
    private mutating func answerFromCache(_ exchange: ClientExchange, in turn: inout Turn) -> ExchangeState {
        guard let cached = preparation.loadCached(exchange) else { return .open }
        deliver(cached.draft, to: exchange.recipient, into: &turn.outbox)
        if cached.wantsRefresh { refresh(exchange, in: &turn) }
        return .done
    }

    /// Asks again for an answer just given, so that the next client gets a fresh one.
    private mutating func refresh(_ exchange: ClientExchange, in turn: inout Turn) {
        guard case .ask(let target, let suffixStart) = policy.route(exchange) else { return }
        counts.refreshed += 1
        var silent = exchange
        silent.recipient.terms.limit = ReplyTerms.noReply
        ask(silent, target, suffixStart: suffixStart, in: &turn)
    }

    /// The limits of the client's transport and EDNS.
    private func replyTerms(_ query: ClientQuery, _ path: ClientPath) -> ReplyTerms {
        var terms = ReplyTerms(header: query.header, edns: query.edns, limit: replyLimit(query.edns, path))
        terms.askedOctets = query.octets
        terms.cookie = query.cookie
        if query.wantsKeepalive, path.transport == .tcp { terms.keepalive = limits.keepalive }
        return terms
    }

    /// The most octets of a reply.
    private func replyLimit(_ edns: EDNS?, _ path: ClientPath) -> Int {
        path.transport == .tcp
            ? 65_535 : ReplyTerms.datagramLimit(edns: edns, ours: policy.maximumUDPSize)
    }
}
