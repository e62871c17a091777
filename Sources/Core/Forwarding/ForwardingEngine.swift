package import AnswerCache
import DNSWire
import DomainNames
import IPAddressing
package import Telemetry

/// The forwarder without its sockets: takes messages, a time and random bits, and puts what is to be sent in
/// an outbox.
///
/// One worker owns one engine; nothing is shared but the policy. What is due later is told by `nextDeadline`.
///
/// ```
/// question -> checked -> client allowed? -> route -> asked already? wait with the others
///                                                 -> else: a transaction, sent to one server after the other
/// answer   -> whose? -> usable? -> names mapped back -> one reply for each client that waits
/// ```
package struct ForwardingEngine: ~Copyable {
    package let policy: ForwardingPolicy
    package internal(set) var counters = EngineCounters()
    /// What is counted with labels.
    package internal(set) var meters: EngineMeters

    /// Why questions failed, of late.
    package internal(set) var failures = FailureTable()
    /// Who was refused, of late.
    package internal(set) var refusedClients = RefusedClients()

    var table: TransactionTable
    var timers = TimerWheel()
    var servers: [ServerState]
    let board: HealthBoard
    var prepared = PreparedAnswer()
    /// Room for a second answer, while `prepared` is filled from the cache.
    var scratch = PreparedAnswer()
    let cache: AnswerCache?
    /// Changes of the policy since which others may have kept answers by other rules; see `mayUseCache`.
    var changes: [PolicyChange] = []
    var mapper = AnswerMapper()
    /// For each server the place in its pool of sockets that questions go out of now.
    var takingSockets: [UInt8]
    let hashKey: UInt64
    /// Made with the first question that it counts.
    var rates: ClientRates?
    var delivery: ReplyDelivery
    let validated: ValidatedClients
    let cookies: CookieSecrets
    let limits: EngineLimits
    /// Seconds since 1970, modulo 2^32: the time of cookies. To be set now and then, as with each batch.
    package var unixTime: UInt32 = 0

    /// - Parameters:
    ///   - hashKey: Random bits: keeps strangers from choosing questions that collide in our tables.
    ///   - cache: Shared with the other workers; nil: every question is asked.
    ///   - board: The servers' health, shared with the other workers and the prober; nil: nobody probes.
    ///   - identity: What the process knows of its own, shared with the other workers; nil: made from
    ///     `hashKey`.
    ///   - limits: How much may be in flight; nil: as the policy says.
    package init(
        policy: ForwardingPolicy, hashKey: UInt64, cache: AnswerCache? = nil, board: HealthBoard? = nil,
        identity: ProcessIdentity? = nil, limits: EngineLimits? = nil
    ) {
        let identity = identity ?? ProcessIdentity(seed: hashKey)
        let limits = limits ?? policy.limits
        self.board =
            board
            ?? HealthBoard(
                servers: policy.servers.count, groups: policy.groups.count, isProbed: false)
        self.policy = policy
        meters = EngineMeters(policy)
        self.cache = cache
        self.hashKey = hashKey
        self.limits = limits
        validated = identity.validatedClients
        delivery = ReplyDelivery(policy, validated: validated, hashKey: hashKey)
        cookies = identity.cookies
        table = TransactionTable(
            mostTransactions: limits.transactions, mostWaiters: limits.waiters,
            servers: policy.servers.count, groups: policy.groups.count, hashKey: hashKey)
        takingSockets = Array(repeating: 0, count: policy.servers.count)
        servers = policy.servers.indices.map { server in
            ServerState(policy.servers[server], mark: identity.mark(of: server, in: policy), identity)
        }
    }

    /// Questions in flight.
    package var transactionCount: Int { table.activeCount }

    /// True where an answer may come over `path`.
    package func isWaiting(for path: UpstreamPath) -> Bool { table.waitingCount(path) > 0 }

    /// When `expire` must be called; nil while nothing is in flight.
    package var nextDeadline: MonotonicTime? { timers.nextDue }

    // MARK: - From clients

    /// Takes a client's message.
    package mutating func receiveQuestion(
        _ message: Span<UInt8>, from path: ClientPath, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        counters.messages += 1
        if policy.dropsStrangers, policy.view(of: path.client.address) == nil {
            counters.ignored += 1
            if path.client.address.isPrivate { refusedClients.note(path.client.address, at: now) }
            return
        }
        switch ClientMessage(reading: message) {
        case .ignore:
            counters.ignored += 1
        case .reject(let rcode, let question, let edns):
            guard let header = try? MessageHeader(reading: message) else { return }
            var terms = ReplyTerms(header: header, edns: edns, limit: replyLimit(edns, path))
            terms.askedOctets = message.count
            let asked = message.extracting(question?.range ?? 0..<0)
            reject(rcode, Recipient(asked, path: path, terms: terms, at: now), into: &outbox)
        case .cookieRequest(let header, let edns, let cookie):
            var terms = ReplyTerms(header: header, edns: edns, limit: replyLimit(edns, path))
            terms.askedOctets = message.count
            terms.cookie = cookies.judged(cookie, from: path.client.address, at: unixTime)
            let asked = message.extracting(0..<0)
            giveCookie(Recipient(asked, path: path, terms: terms, at: now), into: &outbox)
        case .query(var query):
            if query.cookie != nil { judgeCookie(of: &query, from: path) }
            let exchange = ClientExchange(
                message, query, path: path, terms: replyTerms(query, path), at: now)
            answer(exchange, random: &random, into: &outbox)
        }
    }

    /// Answers a question, or has it asked. The first step that is done with it ends the work on it.
    private mutating func answer(
        _ exchange: ClientExchange, random: inout some RandomNumberGenerator,
        into outbox: inout Outbox
    ) {
        let client = exchange.recipient.path
        if client.transport == .tcp { validated.note(client.client.address, at: exchange.now) }
        guard stopLoop(exchange, into: &outbox) == .open else { return }
        guard let view = policy.view(of: client.client.address) else {
            noteRefused(client.client.address, asking: exchange.message, at: exchange.now)
            return refuse(exchange, Refusals.client, into: &outbox)
        }
        var exchange = exchange
        exchange.view = view
        if let refusal = Refusals.refusal(of: exchange.query) {
            return refuse(exchange, refusal, into: &outbox)
        }
        guard answerFromCache(exchange, random: &random, into: &outbox) == .open else { return }
        switch policy.route(exchange.message, exchange.query.question, view: view) {
        case .answer(let answer):
            reply(exchange, answer, into: &outbox)
        case .ask(let target, let suffixStart):
            guard denyImpossibleName(exchange, target, suffixStart: suffixStart, into: &outbox) == .open,
                holdToRate(exchange, into: &outbox) == .open
            else { return }
            ask(exchange, target, suffixStart: suffixStart, random: &random, into: &outbox)
        }
    }

    /// Lets the client wait for a transaction that asks the same, or starts one.
    mutating func ask(
        _ exchange: ClientExchange, _ target: RouteTarget, suffixStart: Int,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        let shape = QuestionShape(exchange.query, suffixStart: suffixStart)
        let recipient = exchange.recipient
        guard let view = exchange.view else { return }
        guard !hasTooMany(recipient) else { return turnAway(exchange, into: &outbox) }
        let key = hash(exchange.message, shape, target)
        if let slot = table.find(
            key: key, target: target, view: view, shape, loopMarks: exchange.loopMarks,
            in: exchange.message)
        {
            guard table.addWaiter(recipient, to: slot) else { return denyRoom(exchange, into: &outbox) }
            counters.joined += 1
            return
        }
        if target.rewritesQuestion, suffixStart + target.mapping.inner.wire.count > maximumNameLength {
            return nameTooLong(exchange, target, into: &outbox)
        }
        guard let slot = table.addTransaction(key: key, isProven: recipient.isAddressValidated) else {
            return denyRoom(exchange, into: &outbox)
        }
        guard table.addWaiter(recipient, to: slot) else {
            table.removeTransaction(slot)
            return denyRoom(exchange, into: &outbox)
        }
        timers.grow(to: table.transactions.count)
        table.transactions[slot].target = target
        table.transactions[slot].view = Int32(view)
        table.transactions[slot].question = shape
        table.transactions[slot].loopMarks = exchange.loopMarks
        start(slot, at: exchange.now, random: &random, into: &outbox)
    }

    /// A keyed hash of what servers are asked: the folded name below the cluster's own suffix, type, class.
    private func hash(_ message: Span<UInt8>, _ shape: QuestionShape, _ target: RouteTarget) -> UInt64 {
        var hash = NameHash(key: hashKey)
        // In two pieces in either case: the hash of a whole is not that of its pieces.
        hash.combine(message, from: Question.nameStart, count: shape.suffixStart)
        if target.rewritesQuestion {
            let inner = target.mapping.inner.wire
            hash.combine(inner.span, from: 0, count: inner.count)
        } else {
            let start = Question.nameStart + shape.suffixStart
            hash.combine(message, from: start, count: shape.nameLength - shape.suffixStart)
        }
        hash.combine(UInt64(shape.type) << 16 | UInt64(shape.recordClass))
        return hash.value
    }

    /// What the client's transport and EDNS allow.
    func replyTerms(_ query: ClientQuery, _ path: ClientPath) -> ReplyTerms {
        var terms = ReplyTerms(header: query.header, edns: query.edns, limit: replyLimit(query.edns, path))
        terms.askedOctets = query.octets
        terms.cookie = query.cookie
        if query.wantsKeepalive, path.transport == .tcp { terms.keepalive = limits.keepalive }
        return terms
    }

    func replyLimit(_ edns: EDNS?, _ path: ClientPath) -> Int {
        path.transport == .tcp
            ? 65_535 : ReplyTerms.datagramLimit(edns: edns, ours: policy.maximumUDPSize)
    }

    // MARK: - Time

    /// Sends again or gives up what is due at `now`.
    package mutating func expire(
        at now: MonotonicTime, random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        while let slot = timers.popDue(at: now) {  // each turn clears a timer; new ones lie ahead of `now`
            guard table.transactions[slot].target != nil else { continue }
            timerFired(slot, at: now, random: &random, into: &outbox)
        }
    }
}
