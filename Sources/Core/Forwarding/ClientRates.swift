import DNSWire
import IPAddressing
import Inventory
import Telemetry

/// How fast each network of clients may have questions asked: a token bucket for each /24 and /56.
struct ClientRates {
    /// 8192 buckets of 16 octets: twice the /24 networks of a /12 are seldom awake in one second.
    private var buckets = TokenBuckets(count: 8192)
    /// Nanoseconds in which one token comes back.
    private let interval: Int64
    /// Nanoseconds in which all of them do.
    private let depth: Int64
    private let hashKey: UInt64

    /// - Parameter limit: Rates of at least one a second.
    init(_ limit: RateLimit, hashKey: UInt64) {
        interval = max(1, 1_000_000_000 / Int64(max(1, limit.perSecond)))
        depth = interval * Int64(max(1, limit.burst))
        self.hashKey = hashKey
    }

    /// Takes a token of the network of `client`; false where it has none left.
    ///
    /// The host's own addresses are not limited: whoever is on the host needs no limit to harm it.
    mutating func take(_ client: IPAddress, at now: MonotonicTime) -> Bool {
        if client.isLoopback { return true }
        return buckets.take(client.networkHash(key: hashKey), cost: interval, depth: depth, at: now)
    }
}

extension ForwardingEngine {
    /// True where the question must not be asked because its network asks too fast; then the client is told
    /// to come by TCP, every `slip`th time, which a forged sender can't.
    ///
    /// Answers from the cache cost nobody else anything: they are not counted. TCP has limits of its own, and
    /// a cookie of ours shows that the sender's address is not forged.
    mutating func isOverRate(
        _ message: Span<UInt8>, _ query: ClientQuery, _ path: ClientPath, at now: MonotonicTime,
        into outbox: inout Outbox
    ) -> Bool {
        guard path.transport == .udp, !query.isProven, let limit = policy.rateLimit else { return false }
        if rates == nil { rates = ClientRates(limit, hashKey: hashKey) }
        guard rates?.take(path.client.address, at: now) == false else { return false }
        counters.limited += 1
        guard limit.slip > 0, counters.limited % limit.slip == 0 else { return true }
        counters.slipped += 1
        sendToTCP(message, query, path, into: &outbox)
        return true
    }

    /// Answers with TC, or BADCOOKIE and a good cookie, so that the client shows that its address is not
    /// forged.
    mutating func sendToTCP(
        _ message: Span<UInt8>, _ query: ClientQuery, _ path: ClientPath, into outbox: inout Outbox
    ) {
        meters.count(.refused, rcode: 0, view: clientView, cluster: 0, nil)
        let terms = replyTerms(query, path)
        outbox.reply(path) { octets in
            let base = octets.count
            octets.appendEmptyReply(.noError, to: message.extracting(query.question.range), terms)
            octets.reduceReply(from: base, nameLength: query.question.nameLength, terms)
        }
        settle(terms, nameLength: query.question.nameLength, in: &outbox)
        log(
            message.extracting(query.question.range), nameLength: query.question.nameLength,
            type: query.question.type, path, into: &outbox, ReplyFacts(source: .refused, rcode: 0))
    }
}
