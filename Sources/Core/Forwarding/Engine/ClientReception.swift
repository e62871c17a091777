import DNSWire
import DomainNames
import IPAddressing
import Inventory
import Telemetry
import Time

/// Receives the messages of clients: who may ask, with which cookie, at which rate; and the replies that need
/// neither a server nor the cache.
///
/// Nothing is sent here: each function returns the reply that it has decided on.
struct ClientReception: ~Copyable {
    /// The policy.
    let policy: ForwardingPolicy
    /// What a client may have.
    let limits: EngineLimits
    /// The servers' health, and the names that probes ask for.
    let board: HealthBoard
    /// The marks in our own questions.
    let marks: LoopMarks
    /// The addresses that used TCP recently.
    private let validated: ValidatedClients
    /// Makes and checks the cookies of clients.
    private let cookies: CookieSecrets
    /// The key of the hashes.
    let hashKey: UInt64
    /// Made with the first question that it counts.
    var rates: ClientRates?
    /// Recently refused clients.
    var refusedClients = RefusedClients()
    /// Seconds since 1970, modulo 2^32: the time of cookies.
    var unixTime: UInt32 = 0
    /// What was received, and what was answered here.
    var counters = EngineCounters()
    /// Not copied for calls.
    private let address = AddressOnly()

    /// No client has asked.
    init(
        _ policy: ForwardingPolicy, _ board: HealthBoard, identity: ProcessIdentity, limits: EngineLimits,
        hashKey: UInt64
    ) {
        self.policy = policy
        self.limits = limits
        self.board = board
        self.hashKey = hashKey
        marks = LoopMarks(policy, identity)
        validated = identity.validatedClients
        cookies = identity.cookies
    }

    // MARK: - Messages

    /// Counts a message of `client`, and ignores it if the configuration drops those of strangers.
    mutating func receive(from client: IPAddress, at now: MonotonicTime) -> QuestionOutcome {
        counters.messages += 1
        guard policy.dropsStrangers, policy.view(of: client) == nil else { return .taken }
        if client.isPrivate { refusedClients.note(client, at: now) }
        return ignore()
    }

    /// Counts a message that gets no reply.
    mutating func ignore() -> QuestionOutcome {
        counters.ignored += 1
        return .ignored
    }

    /// The reply to a message that is not a valid question.
    mutating func reject(_ rcode: ResponseCode) -> ReplyDraft {
        counters.rejected += 1
        return ReplyDraft(body: .empty(rcode, nil), source: .refused)
    }

    /// The limits of the client's transport and EDNS.
    func terms(_ query: ClientQuery, from path: ClientPath) -> ReplyTerms {
        var terms = ReplyTerms(
            header: query.header, edns: query.edns, limit: replyLimit(query.edns, path))
        terms.askedOctets = query.octets
        terms.cookie = query.cookie
        if query.wantsKeepalive, path.transport == .tcp { terms.keepalive = limits.keepalive }
        return terms
    }

    /// The same for a message without a valid question.
    ///
    /// - Parameter octets: Those of the message.
    func terms(_ header: MessageHeader, _ edns: EDNS?, from path: ClientPath, octets: Int) -> ReplyTerms {
        var terms = ReplyTerms(header: header, edns: edns, limit: replyLimit(edns, path))
        terms.askedOctets = octets
        return terms
    }

    /// The most octets of a reply.
    private func replyLimit(_ edns: EDNS?, _ path: ClientPath) -> Int {
        path.transport == .tcp
            ? 65_535 : ReplyTerms.datagramLimit(edns: edns, ours: policy.maximumUDPSize)
    }

    // MARK: - Cookies (RFC 7873 section 5.2)

    /// Checks whether the cookie of a question is ours, and makes the cookie of the reply.
    ///
    /// A wrong one has no cost for the client (section 5.2.4 leaves it to the server): its question is
    /// answered like one without a cookie, and the answer contains a correct one.
    mutating func judgeCookie(of query: inout ClientQuery, from path: ClientPath) {
        guard var cookie = query.cookie else { return }
        cookies.judge(&cookie, from: path.client.address, at: unixTime)
        if cookie.isProof {
            counters.cookiesGood += 1
        } else if cookie.server != nil {
            counters.cookiesBad += 1
        }
        query.cookie = cookie
    }

    /// The reply to a message that has no question and asks for a cookie: BADCOOKIE if it has one that is not
    /// ours (RFC 7873 section 5.4). Puts the cookie of the reply into `terms`.
    mutating func giveCookie(
        _ cookie: ClientCookie, to client: IPAddress, _ terms: inout ReplyTerms
    ) -> ReplyDraft {
        guard policy.view(of: client) != nil else { return reject(.refused) }
        let cookie = cookies.judged(cookie, from: client, at: unixTime)
        terms.cookie = cookie
        let rcode: ResponseCode = cookie.hasServerPart && !cookie.isProof ? .badCookie : .noError
        return ReplyDraft(body: .empty(rcode, nil), source: .local)
    }

    // MARK: - Questions

    /// The reply to a question that goes no further whatever its name is: its client may not ask, it loops,
    /// or its type is not forwarded; nil for others.
    mutating func stop(_ exchange: ClientExchange, by preparation: inout AnswerPreparation) -> ReplyDraft? {
        if exchange.recipient.path.transport == .tcp {
            validated.note(exchange.recipient.path.client.address, at: exchange.now)
        }
        guard exchange.view != nil else {
            noteRefused(exchange.recipient.path.client.address, asking: exchange.message, at: exchange.now)
            return refuse(exchange, Refusals.client)
        }
        if let looped = stopLoop(exchange, by: &preparation) { return looped }
        return Refusals.refusal(of: exchange.query).map { refuse(exchange, $0) }
    }

    /// What becomes of a question whose servers are known: it is asked, unless there is no such name, no
    /// packets of the client reach the cluster, or its network asks too often.
    mutating func stop(
        _ exchange: ClientExchange, _ target: RouteTarget, suffixStart: Int,
        by preparation: inout AnswerPreparation
    ) -> ExchangeState {
        if let denied = denyImpossibleName(exchange, target, suffixStart: suffixStart, by: &preparation) {
            return .reply(denied)
        }
        if let withheld = stopAtGate(exchange, target) { return .reply(withheld) }
        return holdToRate(exchange)
    }

    /// The reply from the policy's own zones.
    mutating func reply(
        _ exchange: ClientExchange, _ answer: LocalAnswer, by preparation: inout AnswerPreparation
    ) -> ReplyDraft {
        switch answer {
        case .refused(let reason):
            let isUnknown = reason == ForwardingPolicy.noUpstream
            return refuse(exchange, isUnknown ? withHint(reason, exchange) : reason)
        case .zone(let zone, let start):
            counters.local += 1
            preparation.prepared.write(
                zone, start: start, question: exchange.recipient.question,
                type: exchange.query.question.type)
            return ReplyDraft(body: .authoritative, source: .local, view: exchange.view)
        }
    }

    /// REFUSED with the reason.
    mutating func refuse(_ exchange: ClientExchange, _ reason: ExtendedError) -> ReplyDraft {
        counters.refused += 1
        return empty(.refused, reason, exchange)
    }

    /// A response code and no records.
    func empty(
        _ rcode: ResponseCode, _ reason: ExtendedError, _ exchange: ClientExchange
    ) -> ReplyDraft {
        ReplyDraft(body: .empty(rcode, reason), source: .refused, view: exchange.view)
    }

    /// TC, or BADCOOKIE and a good cookie, so that the client shows that its address is its own.
    func checkAddress(_ exchange: ClientExchange) -> ReplyDraft {
        ReplyDraft(body: .addressCheck, source: .refused, view: exchange.view)
    }

    /// Records a refused client that is probably missing in the configuration: it has a private address, or
    /// asks for a name of a cluster. Every server on the Internet refuses others.
    private mutating func noteRefused(_ client: IPAddress, asking message: Span<UInt8>, at now: MonotonicTime)
    {
        counters.strangers += 1
        guard client.isPrivate || policy.isClusterName(message) else { return }
        refusedClients.note(client, at: now)
    }
}
