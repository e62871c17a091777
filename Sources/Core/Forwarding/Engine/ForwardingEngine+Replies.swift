import AnswerCache
import DNSWire
import DomainNames
import IPAddressing
import Inventory
import Telemetry
import Time

/// Replies that need no server, and replies with the reason why none is asked.
extension ForwardingEngine {
    /// Answers a message that is not a valid question.
    mutating func reject(_ rcode: ResponseCode, _ recipient: Recipient, into outbox: inout Outbox) {
        counts.rejected += 1
        deliver(ReplyDraft(body: .empty(rcode, nil), source: .refused), to: recipient, into: &outbox)
    }

    /// Answers REFUSED with the reason.
    mutating func refuse(_ exchange: ClientExchange, _ reason: ExtendedError, into outbox: inout Outbox) {
        counts.refused += 1
        replyEmpty(exchange, .refused, reason, into: &outbox)
    }

    /// Answers SERVFAIL because too much is in flight: at once, so that the client can ask another resolver.
    ///
    /// A refresh that finds no room is dropped: no client waits for it.
    mutating func overloaded(
        _ exchange: ClientExchange, _ reason: ExtendedError = Refusals.overload, into outbox: inout Outbox
    ) {
        counts.overloaded += 1
        guard exchange.recipient.wantsReply else { return }
        replyEmpty(exchange, .serverFailure, reason, into: &outbox)
    }

    /// Answers SERVFAIL for a name that can't be asked: under the cluster's own domain it would pass
    /// 255 octets.
    mutating func nameTooLong(
        _ exchange: ClientExchange, _ target: RouteTarget, into outbox: inout Outbox
    ) {
        counts.refused += 1
        let reason = ExtendedError(
            .other, "under \(target.mapping.inner) this name would take more than 255 octets")
        replyEmpty(exchange, .serverFailure, reason, into: &outbox)
    }

    /// Answers with a response code and no records.
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
    ) -> ExchangeState {
        guard isImpossible(exchange, target, suffixStart: suffixStart),
            let domain = policy.groups[target.groups[0]].domain
        else { return .open }
        // Of a cluster set's zone no SOA is known.
        let template =
            target.kind == .clusterSet
            ? NameDenial.message(below: target.mapping.inner)
            : preparation.board.noSuchName(group: target.groups[0]) ?? NameDenial.message(below: domain)
        guard let denied = try? Question(reading: template.span) else { return .open }
        do throws(MappingError) {
            try preparation.mapper.map(
                template.span, denied, to: exchange.recipient.question,
                by: AnswerTerms(names: target.answerNames), into: &preparation.prepared)
        } catch {
            return .open
        }
        preparation.prepared.capTTLs(at: target.cacheLimits.negativeSeconds)
        preparation.prepared.extendedError = Refusals.noSuchName
        if NameHints.mayHelp(exchange.recipient.question.extracting(first: suffixStart)) {
            preparation.prepared.extendedError = withHint(Refusals.noSuchName, exchange)
        }
        counts.denied += 1
        let draft = ReplyDraft(
            body: .prepared(), source: .local, view: exchange.view,
            cluster: policy.groups[target.groups[0]].number)
        deliver(draft, to: exchange.recipient, into: &outbox)
        return .done
    }

    /// `reason` with the name that the client most likely meant, for clients that get reasons.
    private func withHint(_ reason: ExtendedError, _ exchange: ClientExchange) -> ExtendedError {
        let recipient = exchange.recipient
        guard recipient.terms.hasEDNS, let view = exchange.view,
            let name = try? DomainName(
                wire: [UInt8](copying: recipient.question.extracting(first: recipient.nameLength)))
        else { return reason }
        return NameHints(policy, view: view).adding(to: reason, for: name)
    }

    /// True if no cluster of the target can have the name, and none has named it.
    private func isImpossible(
        _ exchange: ClientExchange, _ target: RouteTarget, suffixStart: Int
    ) -> Bool {
        guard target.hasOnlyKubernetesNames || target.kind == .clusterSet else { return false }
        let name = exchange.message.extracting(droppingFirst: Question.nameStart)
        if target.kind == .clusterSet {
            return ClusterSetMembers.mustNotExist(name, suffixStart: suffixStart)
        }
        guard !policy.schema.canExist(name, suffixStart: suffixStart) else { return false }
        let learned = flight.servers.board.learnedNames
        let labels = name.extracting(first: suffixStart)
        return learned.isEmpty
            || !target.groups.contains {
                learned.contains(labels, group: policy.groups[$0].number, key: preparation.nameKey)
            }
    }

    /// Answers from the policy's own zones.
    mutating func reply(_ exchange: ClientExchange, _ answer: LocalAnswer, into outbox: inout Outbox) {
        switch answer {
        case .refused(let reason):
            let isUnknown = reason == ForwardingPolicy.noUpstream
            refuse(exchange, isUnknown ? withHint(reason, exchange) : reason, into: &outbox)
        case .zone(let zone, let start):
            counts.local += 1
            preparation.prepared.write(
                zone, start: start, question: exchange.recipient.question,
                type: exchange.query.question.type)
            let draft = ReplyDraft(body: .authoritative, source: .local, view: exchange.view)
            deliver(draft, to: exchange.recipient, into: &outbox)
        }
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
            counts.cookiesGood += 1
        } else if cookie.server != nil {
            counts.cookiesBad += 1
        }
        query.cookie = cookie
    }

    /// Answers a message that has no question and asks for a cookie: BADCOOKIE if it has one that is not ours
    /// (RFC 7873 section 5.4).
    mutating func giveCookie(_ recipient: Recipient, into outbox: inout Outbox) {
        guard let cookie = recipient.terms.cookie, policy.view(of: recipient.path.client.address) != nil
        else {
            var recipient = recipient
            recipient.terms.cookie = nil
            return reject(.refused, recipient, into: &outbox)
        }
        let rcode: ResponseCode = cookie.hasServerPart && !cookie.isProof ? .badCookie : .noError
        deliver(ReplyDraft(body: .empty(rcode, nil), source: .local), to: recipient, into: &outbox)
    }

    // MARK: - Limits

    /// Charges the network of a client that asks over UDP for a question to a server. Beyond the rate every
    /// `slip`th client is asked to validate its address, and the others get no reply.
    ///
    /// Answers from the cache are not counted: they take nothing from other clients. TCP has its own limits,
    /// and a cookie of ours validates the sender's address.
    mutating func holdToRate(_ exchange: ClientExchange, into outbox: inout Outbox) -> ExchangeState {
        let path = exchange.recipient.path
        guard path.transport == .udp, !exchange.query.isAddressValidated, let limit = policy.rateLimit else {
            return .open
        }
        if rates == nil { rates = ClientRates(limit, hashKey: hashKey) }
        guard rates?.take(path.client.address, at: exchange.now) == .empty else { return .open }
        counts.limited += 1
        guard limit.slip > 0, counts.limited % limit.slip == 0 else { return .done }
        counts.slipped += 1
        checkAddress(exchange, into: &outbox)
        return .done
    }

    /// There is no room for the question: its client gets an error, or, if there is room for validated
    /// addresses, is asked to validate its own.
    mutating func denyRoom(_ exchange: ClientExchange, into outbox: inout Outbox) {
        let recipient = exchange.recipient
        guard recipient.wantsReply, !recipient.isAddressValidated, flight.table.hasRoom else {
            return overloaded(exchange, into: &outbox)
        }
        counts.overloaded += 1
        checkAddress(exchange, into: &outbox)
    }

    /// Refuses a client with too many questions in flight: SERVFAIL if they are its own, TC if another host
    /// may have sent them in its name, since over TCP it has a limit of its own.
    mutating func refuseForOverload(_ exchange: ClientExchange, into outbox: inout Outbox) {
        counts.overloadedClients += 1
        guard !exchange.recipient.isAddressValidated else {
            return overloaded(exchange, Refusals.clientOverload, into: &outbox)
        }
        counts.overloaded += 1
        checkAddress(exchange, into: &outbox)
    }

    /// Records a refused client that is probably missing in the configuration: it has a private address, or
    /// asks for a name of a cluster. Every server on the Internet refuses others.
    mutating func noteRefused(_ client: IPAddress, asking message: Span<UInt8>, at now: MonotonicTime) {
        counts.strangers += 1
        guard client.isPrivate || policy.isClusterName(message) else { return }
        refusedClients.note(client, at: now)
    }

    // MARK: - Loops

    /// Answers a question of our own that a server seems to have forwarded to us, or one that loops
    /// elsewhere: it is not forwarded again.
    mutating func stopLoop(_ exchange: ClientExchange, into outbox: inout Outbox) -> ExchangeState {
        if exchange.query.question.type == LoopName.type, answerLoopCheck(exchange, into: &outbox) == .done {
            return .done
        }
        let marks = exchange.loopMarks
        guard !marks.isEmpty else { return .open }
        if let server = flight.servers.server(withMarkAmong: marks) {
            counts.loops += 1
            flight.servers.board.servers[server].suspectLoop()
            let client = exchange.recipient.path.client.address
            let text = Self.loopText("\(policy.servers[server])", client, marks.count)
            refuse(exchange, ExtendedError(.other, text), into: &outbox)
            return .done
        }
        guard marks.count >= LoopTrail.mostMarks else { return .open }
        counts.loops += 1
        let text = "this question has passed \(marks.count) forwarders: they form a loop"
        refuse(exchange, ExtendedError(.other, text), into: &outbox)
        return .done
    }

    /// Answers a question for a name that a probe of ours asks for now.
    private mutating func answerLoopCheck(
        _ exchange: ClientExchange, into outbox: inout Outbox
    ) -> ExchangeState {
        // None but the server that is probed knows the name: others pay for one look.
        guard let name = LoopName.number(in: exchange.message),
            let health = flight.servers.board.loopNames.server(askedFor: name),
            let server = flight.servers.board.servers.firstIndex(where: { $0 === health })
        else { return .open }
        let client = exchange.recipient.path.client.address
        let hops = max(exchange.loopMarks.count, 1)
        let way = Self.loopText("\(policy.servers[server])", client, hops)
        guard let secret = health.secret(ofName: name, way: way) else { return .open }
        counts.loops += 1
        counts.local += 1
        preparation.prepared.begin(question: exchange.recipient.question)
        preparation.prepared.appendLoopAnswer(secret)
        let draft = ReplyDraft(body: .prepared(), source: .local, view: exchange.view)
        deliver(draft, to: exchange.recipient, into: &outbox)
        return .done
    }

    /// The text about a loop.
    private static func loopText(_ server: String, _ client: IPAddress, _ hops: Int) -> String {
        let way = hops == 1 ? "" : " by way of \(hops - 1) more forwarders"
        return "loop: a question to \(server) came back from \(client)\(way)"
    }
}

// MARK: - Gates

/// Answers of clusters that no packets of the client reach; see `PathGates`.
extension ForwardingEngine {
    /// Answers a question at once if its answer would be withheld.
    mutating func stopAtGate(
        _ exchange: ClientExchange, _ target: RouteTarget, into outbox: inout Outbox
    ) -> ExchangeState {
        guard policy.gates.areBusy else { return .open }
        // Without those that are passed over, the first one is asked.
        let skipped = policy.skippedMembers(exchange, target).places
        let place = target.groups.indices.first { skipped & 1 << UInt32($0) == 0 } ?? 0
        let number = policy.groups[target.groups[place]].number
        let client = exchange.recipient.path.client.address
        guard policy.gates.position(of: client, cluster: number).reason != nil else { return .open }
        // `deliver` gives it the reason.
        let draft = ReplyDraft(
            body: .empty(.serverFailure, nil), source: .refused, view: exchange.view, cluster: number)
        deliver(draft, to: exchange.recipient, into: &outbox)
        return .done
    }
}
