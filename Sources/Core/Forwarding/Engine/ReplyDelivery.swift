import DNSWire
import DomainNames
import IPAddressing
import Telemetry
import Time

/// A decided reply before it is written: its content, and what is counted and logged.
struct ReplyDraft {
    /// The content.
    let body: Body
    /// Where the content comes from.
    let source: AnswerSource
    /// Index into `ForwardingPolicy.views`; nil if the client has none.
    var view: Int?
    /// A `ServerGroup.number`; 0 for replies that come from no cluster.
    var cluster = 0
    /// Index into `ForwardingPolicy.servers` of the server that answered; nil if none did.
    var server: Int?
    /// The question to a server; nil if none was asked, or if there is no query log.
    var sent: SentQuestion?
    /// From the question to the reply; nil if it left at once.
    var microseconds: Int?

    /// The content of a reply.
    enum Body {
        /// The prepared answer.
        case prepared(AnswerFreshness = .age(0), rotation: UInt32 = 0)
        /// The prepared answer with AA: the server of a zone answers with authority (RFC 6303 section 3).
        case authoritative
        /// The question and a response code.
        case empty(ResponseCode, ExtendedError?)
        /// TC, or BADCOOKIE and a good cookie: the client must validate its address.
        /// See `OctetBuffer.reduceReply`.
        case addressCheck
    }

    /// The target of a question, and the octets of its name before the suffix that is replaced.
    struct SentQuestion {
        /// The question's target.
        let target: RouteTarget
        /// The offset of the suffix in the name.
        let suffixStart: Int
    }
}

/// Sends every reply: gates and the response rate limit decide first, then it is written, counted and logged.
struct ReplyDelivery: ~Copyable {
    /// The policy.
    let policy: ForwardingPolicy
    /// The addresses that used TCP recently.
    private let validated: ValidatedClients
    /// The key of the hashes.
    let hashKey: UInt64
    /// The charges of clients.
    private var limiter: ResponseRateLimiter
    /// How often a relay's range was chosen.
    var rangeDraws: UInt64 = 0
    /// Replies that were withheld.
    var counters = EngineCounters()
    /// An answer as it was before gates changed it for one of several clients.
    private var unchanged = OctetBuffer(capacity: 512)
    /// The labelled counters of replies.
    var meters: ReplyMeters
    /// Not copied for calls.
    private let address = AddressOnly()

    /// A delivery without charges.
    init(_ policy: ForwardingPolicy, validated: ValidatedClients, hashKey: UInt64) {
        self.policy = policy
        self.validated = validated
        self.hashKey = hashKey
        limiter = ResponseRateLimiter(hashKey: hashKey)
        meters = ReplyMeters(policy)
    }

    /// The same for another policy: the charges of clients continue, the counters start again.
    init(takingOverFrom old: borrowing ReplyDelivery, _ policy: ForwardingPolicy) {
        self.policy = policy
        validated = old.validated
        hashKey = old.hashKey
        limiter = old.limiter
        meters = ReplyMeters(policy)
    }

    /// Sends one reply: complete, reduced or not at all, as gates and the response rate limit allow.
    ///
    /// - Parameter prepared: The answer that `draft.body` refers to; gates may change its addresses and TTLs.
    mutating func deliver(
        _ draft: ReplyDraft, from prepared: inout PreparedAnswer, to recipient: Recipient,
        into outbox: inout Outbox
    ) {
        guard policy.gates.concernReplies else {
            return send(draft, from: prepared, to: recipient, into: &outbox)
        }
        let draft = gated(draft, &prepared, for: recipient.path.client.address)
        send(draft, from: prepared, to: recipient, into: &outbox)
    }

    /// Sends the reply to each client that waits for `slot`, and counts how long the first one waited.
    mutating func deliver(
        _ draft: ReplyDraft, from prepared: inout PreparedAnswer, toWaitersOf slot: Int,
        in table: borrowing TransactionTable, during turn: inout Turn
    ) {
        var waiter = table.transactions[slot].firstWaiter
        // What gates change for one client is not for the next one.
        let keeps = policy.gates.concernReplies && waiter >= 0 && table.waiters[Int(waiter)].next >= 0
        if keeps { unchanged.replaceAll(with: prepared.octets.span) }
        while waiter >= 0 {  // a list without cycles
            let place = WaiterPlace(waiter: Int(waiter), slot: slot, now: turn.now)
            waiter = table.waiters[place.waiter].next
            guard table.waiters[place.waiter].terms.limit != ReplyTerms.noReply else { continue }
            deliver(draft, from: &prepared, to: table.recipient(place), into: &turn.outbox)
            if keeps { prepared.octets.replaceAll(with: unchanged.span) }
        }
        // If all servers are down none is asked, and that is quick.
        if table.transactions[slot].attemptCount > 0, !table.transactions[slot].isLate {
            let time = turn.now.nanoseconds(since: table.transactions[slot].started)
            meters.lookups.record(nanoseconds: time, row: draft.cluster)
        }
    }

    /// Sends a reply that no gate changes any more.
    private mutating func send(
        _ draft: ReplyDraft, from prepared: borrowing PreparedAnswer, to recipient: Recipient,
        into outbox: inout Outbox
    ) {
        let verdict = verdict(for: recipient)
        if verdict != .drop, verdict == .send || !recipient.question.isEmpty {
            let start = outbox.octets.count
            let body = verdict == .send ? draft.body : .addressCheck
            outbox.octets.append(body, prepared, to: recipient)
            outbox.replies.append(
                Outbox.Reply(path: recipient.path, start: start, end: outbox.octets.count))
        }
        if outbox.queryLog != nil, !recipient.question.isEmpty {
            log(draft, from: prepared, to: recipient, into: &outbox)
        }
        meters.count(draft, prepared)
        if verdict != .send { counters.withheld += 1 }
    }

    /// Charges the client for a reply.
    private mutating func verdict(for recipient: Recipient) -> ResponseRateLimiter.Verdict {
        guard recipient.path.transport == .udp, !recipient.terms.isAddressValidated else { return .send }
        return limiter.charge(
            recipient.question.extracting(first: recipient.nameLength), to: recipient.path.client.address,
            policy.responseRateLimit, validated, at: recipient.now)
    }

    /// Adds a reply to the query log if its filter selects it.
    @inline(never)
    private func log(
        _ draft: ReplyDraft, from prepared: borrowing PreparedAnswer, to recipient: Recipient,
        into outbox: inout Outbox
    ) {
        let rcode = draft.rcode(prepared)
        let client = recipient.path.client
        guard let draw = outbox.queryLog?.draw(),
            outbox.queryLog?.filter.isChosen(
                recipient.question, nameLength: recipient.nameLength, client: client.address, rcode: rcode,
                draw: draw) == true
        else { return }
        let name = [UInt8](copying: recipient.question.extracting(first: recipient.nameLength))
        var sent: [UInt8] = []
        if let question = draft.sent {
            sent =
                question.target.rewritesQuestion
                ? Array(name[..<question.suffixStart]) + question.target.mapping.inner.wire : name
        }
        let address = draft.address(prepared)
        let isKnown = draft.cluster > 0 && policy.clusterNames.indices.contains(draft.cluster)
        outbox.queryLog?.replies.append(
            LoggedReply(
                client: client, transport: recipient.path.transport, name: name, type: recipient.type,
                sent: sent, cluster: isKnown ? policy.clusterNames[draft.cluster] : "",
                server: draft.server.map { policy.servers[$0] }, source: draft.source, rcode: rcode,
                address: address, innerAddress: address.flatMap { policy.innerAddress(of: $0)?.address },
                microseconds: draft.microseconds))
    }
}

extension ReplyDraft {
    /// The first address of the answer; nil if it has none.
    func address(_ prepared: borrowing PreparedAnswer) -> IPAddress? {
        switch body {
        case .prepared, .authoritative: prepared.firstAddress
        case .empty, .addressCheck: nil
        }
    }

    /// The response code of the reply if the rate limit does not reduce it.
    func rcode(_ prepared: borrowing PreparedAnswer) -> Int {
        switch body {
        case .prepared, .authoritative: prepared.rcode
        case .empty(let rcode, _): rcode.rawValue
        case .addressCheck: 0
        }
    }
}

extension OctetBuffer {
    /// Becomes a copy of these octets.
    fileprivate mutating func replaceAll(with octets: Span<UInt8>) {
        removeAll(keeping: 65_536)
        append(octets)
    }

    /// Appends the reply to `recipient`.
    fileprivate mutating func append(
        _ body: ReplyDraft.Body, _ prepared: borrowing PreparedAnswer, to recipient: Recipient
    ) {
        let base = count
        switch body {
        case .prepared(let freshness, let rotation):
            appendReply(
                prepared, to: recipient.question, recipient.terms,
                ReplyVariant(freshness: freshness, rotation: rotation))
        case .authoritative:
            appendReply(prepared, to: recipient.question, recipient.terms)
            set16(number16(at: base + 2) | Int(MessageHeader.Flags.authoritative), at: base + 2)
        case .empty(let rcode, let error):
            appendEmptyReply(rcode, to: recipient.question, recipient.terms, error: error)
        case .addressCheck:
            appendEmptyReply(.noError, to: recipient.question, recipient.terms)
            reduceReply(from: base, nameLength: recipient.nameLength, recipient.terms)
        }
    }
}

extension [UInt8] {
    /// A copy of `octets`.
    init(copying octets: Span<UInt8>) {
        self.init()
        reserveCapacity(octets.count)
        for index in octets.indices { append(octets[index]) }
    }
}
