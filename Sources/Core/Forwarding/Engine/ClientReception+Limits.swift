import AnswerCache
import DNSWire
import IPAddressing
import Inventory
import Telemetry

/// Questions that are not asked: of clients that ask too much, in loops, or towards clusters that no packets
/// of the client reach.
extension ClientReception {
    /// Charges the network of a client that asks over UDP for a question to a server. Beyond the rate every
    /// `slip`th client is asked to validate its address, and the others get no reply.
    ///
    /// Answers from the cache are not counted: they take nothing from other clients. TCP has its own limits,
    /// and a cookie of ours validates the sender's address.
    mutating func holdToRate(_ exchange: ClientExchange) -> ExchangeState {
        guard let limit = policy.rateLimit, exchange.recipient.path.transport == .udp,
            !exchange.query.isAddressValidated
        else { return .open }
        if rates == nil { rates = ClientRates(limit, hashKey: hashKey) }
        guard rates?.take(exchange.recipient.path.client.address, at: exchange.now) == .empty else {
            return .open
        }
        counters.limited += 1
        guard limit.slip > 0, counters.limited % limit.slip == 0 else { return .silence }
        counters.slipped += 1
        return .reply(checkAddress(exchange))
    }

    /// The reply to a question that found no place among those in flight; nil if it gets none, as a refresh,
    /// for which no client waits.
    ///
    /// - Parameter hasRoom: True if there is room for clients with validated addresses.
    mutating func turnAway(
        _ exchange: ClientExchange, _ shortage: PlaceShortage, hasRoom: Bool
    ) -> ReplyDraft? {
        let recipient = exchange.recipient
        switch shortage {
        case .ofClient:
            counters.overloadedClients += 1
            // Another host may have sent them in its name: over TCP it has a limit of its own.
            guard !recipient.isAddressValidated else {
                return overload(exchange, Refusals.clientOverload)
            }
        case .ofAll:
            guard recipient.wantsReply, !recipient.isAddressValidated, hasRoom else {
                return overload(exchange, Refusals.overload)
            }
        }
        counters.overloaded += 1
        return checkAddress(exchange)
    }

    /// SERVFAIL because too much is in flight: at once, so that the client can ask another resolver.
    private mutating func overload(_ exchange: ClientExchange, _ reason: ExtendedError) -> ReplyDraft? {
        counters.overloaded += 1
        guard exchange.recipient.wantsReply else { return nil }
        return empty(.serverFailure, reason, exchange)
    }

    /// SERVFAIL for a name that can't be asked: under the cluster's own domain it would pass 255 octets.
    mutating func nameTooLong(_ exchange: ClientExchange, _ target: RouteTarget) -> ReplyDraft {
        counters.refused += 1
        let reason = ExtendedError(
            .other, "under \(target.mapping.inner) this name would take more than 255 octets")
        return empty(.serverFailure, reason, exchange)
    }

    // MARK: - Loops

    /// The reply to a question of our own that a server seems to have forwarded to us, or to one that loops
    /// elsewhere; nil for others.
    mutating func stopLoop(
        _ exchange: ClientExchange, by preparation: inout AnswerPreparation
    ) -> ReplyDraft? {
        if exchange.query.question.type == LoopName.type,
            let reply = answerLoopCheck(exchange, by: &preparation)
        {
            return reply
        }
        let marks = exchange.loopMarks
        guard !marks.isEmpty else { return nil }
        if let server = self.marks.server(withMarkAmong: marks) {
            counters.loops += 1
            board.servers[server].suspectLoop()
            let client = exchange.recipient.path.client.address
            let text = Self.loopText("\(policy.servers[server])", client, marks.count)
            return refuse(exchange, ExtendedError(.other, text))
        }
        guard marks.count >= LoopTrail.mostMarks else { return nil }
        counters.loops += 1
        let text = "this question has passed \(marks.count) forwarders: they form a loop"
        return refuse(exchange, ExtendedError(.other, text))
    }

    /// The reply to a question for a name that a probe of ours asks for now; nil for others.
    private mutating func answerLoopCheck(
        _ exchange: ClientExchange, by preparation: inout AnswerPreparation
    ) -> ReplyDraft? {
        // None but the server that is probed knows the name: others pay for one look.
        guard let name = LoopName.number(in: exchange.message),
            let server = board.server(askedFor: name)
        else { return nil }
        let client = exchange.recipient.path.client.address
        let hops = max(exchange.loopMarks.count, 1)
        let way = Self.loopText("\(policy.servers[server])", client, hops)
        guard let secret = board.servers[server].secret(ofName: name, way: way) else { return nil }
        counters.loops += 1
        counters.local += 1
        preparation.prepared.begin(question: exchange.recipient.question)
        preparation.prepared.appendLoopAnswer(secret)
        return ReplyDraft(body: .prepared(), source: .local, view: exchange.view)
    }

    /// The text about a loop.
    private static func loopText(_ server: String, _ client: IPAddress, _ hops: Int) -> String {
        let way = hops == 1 ? "" : " by way of \(hops - 1) more forwarders"
        return "loop: a question to \(server) came back from \(client)\(way)"
    }

    // MARK: - Gates

    /// The reply to a question whose answer would be withheld; nil for others.
    func stopAtGate(_ exchange: ClientExchange, _ target: RouteTarget) -> ReplyDraft? {
        guard policy.gates.areBusy else { return nil }
        // Without those that are passed over, the first one is asked.
        let skipped = policy.skippedMembers(exchange, target).places
        let place = target.groups.indices.first { skipped & 1 << UInt32($0) == 0 } ?? 0
        let number = policy.groups[target.groups[place]].number
        let client = exchange.recipient.path.client.address
        guard policy.gates.position(of: client, cluster: number).reason != nil else { return nil }
        // `ReplyDelivery` gives it the reason.
        return ReplyDraft(
            body: .empty(.serverFailure, nil), source: .refused, view: exchange.view, cluster: number)
    }
}
