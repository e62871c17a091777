import DNSWire
import DomainNames
import Telemetry

/// Replies that need no server.
extension ForwardingEngine {
    /// Answers a message that is no proper question.
    mutating func reject(_ rcode: ResponseCode, _ recipient: Recipient, into outbox: inout Outbox) {
        counters.rejected += 1
        deliver(ReplyDraft(body: .empty(rcode, nil), source: .refused), to: recipient, into: &outbox)
    }

    /// Answers REFUSED with the reason.
    mutating func refuse(_ exchange: ClientExchange, _ reason: ExtendedError, into outbox: inout Outbox) {
        counters.refused += 1
        replyEmpty(exchange, .refused, reason, into: &outbox)
    }

    /// Answers SERVFAIL because too much is in flight: at once, so that the client can ask another resolver.
    ///
    /// A refresh that finds no room is dropped: no client waits for it.
    mutating func overloaded(
        _ exchange: ClientExchange, _ reason: ExtendedError = Refusals.overload, into outbox: inout Outbox
    ) {
        counters.overloaded += 1
        guard exchange.recipient.wantsReply else { return }
        replyEmpty(exchange, .serverFailure, reason, into: &outbox)
    }

    /// Answers SERVFAIL for a name that can't be asked: under the cluster's own domain it would pass 255
    /// octets.
    mutating func nameTooLong(
        _ exchange: ClientExchange, _ target: RouteTarget, into outbox: inout Outbox
    ) {
        counters.refused += 1
        let reason = ExtendedError(
            .other, "under \(target.mapping.inner) this name would take more than 255 octets")
        replyEmpty(exchange, .serverFailure, reason, into: &outbox)
    }

    private mutating func replyEmpty(
        _ exchange: ClientExchange, _ rcode: ResponseCode, _ reason: ExtendedError, into outbox: inout Outbox
    ) {
        let draft = ReplyDraft(body: .empty(rcode, reason), source: .refused, view: exchange.view)
        deliver(draft, to: exchange.recipient, into: &outbox)
    }

    /// Answers with TC, or BADCOOKIE and a good cookie, so that the client shows that its address is its own.
    mutating func checkAddress(_ exchange: ClientExchange, into outbox: inout Outbox) {
        let draft = ReplyDraft(body: .addressCheck, source: .refused, view: exchange.view)
        deliver(draft, to: exchange.recipient, into: &outbox)
    }

    /// Answers NXDOMAIN for a name that no cluster can have.
    mutating func denyImpossibleName(
        _ exchange: ClientExchange, _ target: RouteTarget, suffixStart: Int, into outbox: inout Outbox
    ) -> StepOutcome {
        guard target.hasOnlyKubernetesNames,
            !KubernetesSchema.canExist(exchange.message, suffixStart: suffixStart),
            let domain = policy.groups[target.groups[0]].domain
        else { return .open }
        let template = board.noSuchName(group: target.groups[0]) ?? NameDenial.message(below: domain)
        guard let denied = try? Question(reading: template.span) else { return .open }
        do throws(MappingError) {
            try mapper.map(
                template.span, denied, to: exchange.recipient.question, mapping: target.mapping,
                into: &prepared)
        } catch {
            return .open
        }
        prepared.capTTLs(at: target.cacheLimits.negativeSeconds)
        prepared.extendedError = Refusals.noSuchName
        counters.denied += 1
        let draft = ReplyDraft(
            body: .prepared(), source: .local, view: exchange.view,
            cluster: policy.groups[target.groups[0]].number)
        deliver(draft, to: exchange.recipient, into: &outbox)
        return .done
    }

    /// Answers from what the policy knows.
    mutating func reply(_ exchange: ClientExchange, _ answer: LocalAnswer, into outbox: inout Outbox) {
        switch answer {
        case .refused(let reason):
            refuse(exchange, reason, into: &outbox)
        case .zone(let zone, let start):
            counters.local += 1
            prepared.write(
                zone, start: start, question: exchange.recipient.question,
                type: exchange.query.question.type)
            let draft = ReplyDraft(body: .authoritative, source: .local, view: exchange.view)
            deliver(draft, to: exchange.recipient, into: &outbox)
        }
    }
}

/// Why a question is refused whatever its name.
enum Refusals {
    static let client = ExtendedError(.prohibited, "this client is not in dns.clients")
    /// The same for everything that a view's clients may not see: it tells nothing.
    static let view = ExtendedError(.prohibited, "this client may not ask for this name")
    static let overload = ExtendedError(.other, "too many questions in flight")
    static let clientOverload = ExtendedError(.other, "too many questions of this client in flight")
    static let rebinding = ExtendedError(
        .blocked, "the answer from outside holds an address inside a cluster; see dns.allow-rebinding")
    static let noSuchName = ExtendedError(.synthesized, "no cluster can have this name")
    private static let signed = ExtendedError(
        .notSupported, "a signed message can not be forwarded under other names")
    private static let transfer = ExtendedError(
        .notSupported, "zone transfers and meta types are not forwarded")
    private static let wrongClass = ExtendedError(.notSupported, "only class IN is served")

    /// The reason for which `query` is refused before its name is looked at; nil: it is not.
    static func refusal(of query: ClientQuery) -> ExtendedError? {
        // RFC 8945 section 5.5 wants it forwarded unchanged, which we can't: ID, OPT and names are ours.
        if query.isSigned { return signed }
        if query.question.recordClass != RecordClass.internet { return wrongClass }
        switch query.question.type {
        case RecordType.axfr, RecordType.ixfr, RecordType.tkey, RecordType.tsig, RecordType.mailb,
            RecordType.maila,
            RecordType.opt, 0:
            return transfer
        default:
            return nil
        }
    }
}
