import DNSWire
import DomainNames
import Telemetry

/// Replies that need no server.
extension ForwardingEngine {
    /// Answers a message that is no proper question.
    mutating func reject(
        _ message: Span<UInt8>, _ rcode: ResponseCode, _ question: Question?, _ edns: EDNS?,
        _ path: ClientPath,
        into outbox: inout Outbox
    ) {
        guard let header = try? MessageHeader(reading: message) else { return }
        counters.rejected += 1
        meters.count(.refused, rcode: rcode.rawValue, view: clientView, cluster: 0, nil)
        var terms = ReplyTerms(header: header, edns: edns, limit: replyLimit(edns, path))
        terms.askedOctets = message.count
        outbox.reply(path) { octets in
            octets.appendEmptyReply(rcode, to: message.extracting(question?.range ?? 0..<0), terms)
        }
        settle(terms, nameLength: question?.nameLength, in: &outbox)
    }

    /// Answers REFUSED with the reason.
    mutating func refuse(
        _ message: Span<UInt8>, _ query: ClientQuery, _ path: ClientPath, _ reason: ExtendedError,
        into outbox: inout Outbox
    ) {
        counters.refused += 1
        replyEmpty(message, query, path, .refused, reason, into: &outbox)
    }

    /// Answers SERVFAIL because too much is in flight: at once, so that the client can ask somebody else.
    ///
    /// Nobody is told where nobody asked: a refresh that finds no room is dropped.
    mutating func overloaded(
        _ message: Span<UInt8>, _ query: ClientQuery, _ path: ClientPath, _ terms: ReplyTerms,
        _ reason: ExtendedError = Refusals.overload, into outbox: inout Outbox
    ) {
        counters.overloaded += 1
        guard terms.limit != ReplyTerms.nobody else { return }
        replyEmpty(message, query, path, .serverFailure, reason, into: &outbox)
    }

    /// Answers SERVFAIL for a name that can't be asked: under the cluster's own domain it would pass 255
    /// octets.
    mutating func nameTooLong(
        _ message: Span<UInt8>, _ query: ClientQuery, _ path: ClientPath, _ target: RouteTarget,
        into outbox: inout Outbox
    ) {
        counters.refused += 1
        let reason = ExtendedError(
            .other, "under \(target.mapping.inner) this name would take more than 255 octets")
        replyEmpty(message, query, path, .serverFailure, reason, into: &outbox)
    }

    mutating func replyEmpty(
        _ message: Span<UInt8>, _ query: ClientQuery, _ path: ClientPath, _ rcode: ResponseCode,
        _ reason: ExtendedError?, into outbox: inout Outbox
    ) {
        meters.count(.refused, rcode: rcode.rawValue, view: clientView, cluster: 0, reason)
        let terms = replyTerms(query, path)
        outbox.reply(path) { octets in
            octets.appendEmptyReply(rcode, to: message.extracting(query.question.range), terms, error: reason)
        }
        settle(terms, nameLength: query.question.nameLength, in: &outbox)
        log(
            message.extracting(query.question.range), nameLength: query.question.nameLength,
            type: query.question.type, path, into: &outbox,
            ReplyFacts(source: .refused, rcode: rcode.rawValue))
    }

    /// Answers NXDOMAIN for a name that no cluster can have; false if it has to be asked.
    mutating func deny(
        _ message: Span<UInt8>, _ query: ClientQuery, _ path: ClientPath, _ target: RouteTarget,
        _ suffixStart: Int, into outbox: inout Outbox
    ) -> Bool {
        guard target.hasOnlyKubernetesNames, !KubernetesSchema.canExist(message, suffixStart: suffixStart),
            let domain = policy.groups[target.groups[0]].domain
        else { return false }
        let template = board.noSuchName(group: target.groups[0]) ?? NameDenial.message(below: domain)
        guard let denied = try? Question(reading: template.span) else { return false }
        let question = message.extracting(query.question.range)
        do throws(MappingError) {
            try mapper.map(
                template.span, denied, to: question, mapping: target.mapping, into: &prepared)
        } catch {
            return false
        }
        prepared.capTTLs(at: target.cacheLimits.negativeSeconds)
        prepared.extendedError = Refusals.noSuchName
        counters.denied += 1
        meters.count(
            .local, rcode: prepared.rcode, view: clientView, cluster: policy.groups[target.groups[0]].number,
            prepared.extendedError)
        let terms = replyTerms(query, path)
        outbox.reply(path) { octets in octets.appendReply(prepared, to: question, terms) }
        settle(terms, nameLength: query.question.nameLength, in: &outbox)
        log(
            question, nameLength: query.question.nameLength, type: query.question.type, path, into: &outbox,
            ReplyFacts(
                source: .local, rcode: prepared.rcode, cluster: policy.groups[target.groups[0]].number))
        return true
    }

    /// Answers from what the policy knows.
    mutating func reply(
        _ message: Span<UInt8>, _ query: ClientQuery, _ path: ClientPath, _ answer: LocalAnswer,
        into outbox: inout Outbox
    ) {
        switch answer {
        case .refused(let reason):
            refuse(message, query, path, reason, into: &outbox)
        case .zone(let zone, let start):
            counters.local += 1
            let question = message.extracting(query.question.range)
            prepared.write(zone, start: start, question: question, type: query.question.type)
            meters.count(
                .local, rcode: prepared.rcode, view: clientView, cluster: 0, prepared.extendedError)
            let terms = replyTerms(query, path)
            outbox.reply(path) { octets in
                let base = octets.count
                octets.appendReply(prepared, to: question, terms)
                // Who serves the zone speaks with authority (RFC 6303 section 3).
                let flags = octets.number16(at: base + 2) | Int(MessageHeader.Flags.authoritative)
                octets.set16(flags, at: base + 2)
            }
            settle(terms, nameLength: query.question.nameLength, in: &outbox)
            log(
                question, nameLength: query.question.nameLength, type: query.question.type, path,
                into: &outbox, ReplyFacts(source: .local, rcode: prepared.rcode))
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

extension Outbox {
    /// Appends one reply, written by `write` behind what is there.
    mutating func reply(_ path: ClientPath, _ write: (inout OctetBuffer) -> Void) {
        let start = octets.count
        write(&octets)
        replies.append(Reply(path: path, start: start, end: octets.count))
    }
}
