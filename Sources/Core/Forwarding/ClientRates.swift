import DNSWire
import IPAddressing
import Inventory
import Telemetry

/// How fast each network of clients may have questions asked: a token bucket for each /24 and /56.
///
/// A bucket is kept as one point in time, until when its tokens are used up: taking one moves it on by
/// `interval`, and one that lies more than `depth` ahead has none left. A fixed table: a network has two
/// places, of which the one that was full again first gives way to a newcomer. Losing a bucket favours its
/// network, never hurts another.
struct ClientRates {
    private struct Bucket {
        /// Hash of the network; 0: free.
        var key: UInt64 = 0
        /// When all tokens are back, in nanoseconds of `MonotonicTime`.
        var fullAt: Int64 = 0
    }

    private var buckets: [Bucket]
    /// Nanoseconds in which one token comes back.
    private let interval: Int64
    /// How far `fullAt` may lie ahead.
    private let depth: Int64
    private let hashKey: UInt64

    /// 8192 buckets of 16 octets: twice the /24 networks of a /12 are seldom awake in one second.
    private static let count = 8192

    /// - Parameter limit: Rates of at least one a second.
    init(_ limit: RateLimit, hashKey: UInt64) {
        buckets = Array(repeating: Bucket(), count: Self.count)
        interval = max(1, 1_000_000_000 / Int64(max(1, limit.perSecond)))
        depth = interval * Int64(max(1, limit.burst))
        self.hashKey = hashKey
    }

    /// Takes a token of the network of `client`; false where it has none left.
    ///
    /// The host's own addresses are not limited: whoever is on the host needs no limit to harm it.
    mutating func take(_ client: IPAddress, at now: MonotonicTime) -> Bool {
        if client.isLoopback { return true }
        let network = client.family == .v4 ? client.bits >> 8 : client.bits >> 72 | 1 << 120
        var hash = (UInt64(truncatingIfNeeded: network) ^ hashKey) &* 0x9E37_79B9_7F4A_7C15
        hash ^= UInt64(truncatingIfNeeded: network >> 64)
        hash = (hash ^ hash >> 29) &* 0xBF58_476D_1CE4_E5B9
        let key = hash | 1
        let first = Int(hash >> 48) % Self.count
        let second = first ^ 1
        var place = buckets[first].fullAt <= buckets[second].fullAt ? first : second
        if buckets[first].key == key { place = first } else if buckets[second].key == key { place = second }
        if buckets[place].key != key { buckets[place] = Bucket(key: key) }
        let fullAt = max(buckets[place].fullAt, now.nanoseconds)
        guard fullAt - now.nanoseconds <= depth - interval else { return false }
        buckets[place].fullAt = fullAt + interval
        return true
    }
}

extension ForwardingEngine {
    /// True where the question must not be asked because its network asks too fast; then the client is told
    /// to come by TCP, every `slip`th time, which a forged sender can't.
    ///
    /// Answers from the cache cost nobody else anything: they are not counted. TCP has limits of its own.
    mutating func isOverRate(
        _ message: Span<UInt8>, _ query: ClientQuery, _ path: ClientPath, at now: MonotonicTime,
        into outbox: inout Outbox
    ) -> Bool {
        guard path.transport == .udp, let limit = policy.rateLimit else { return false }
        if rates == nil { rates = ClientRates(limit, hashKey: hashKey) }
        guard rates?.take(path.client.address, at: now) == false else { return false }
        counters.limited += 1
        guard limit.slip > 0, counters.limited % limit.slip == 0 else { return true }
        counters.slipped += 1
        meters.count(.refused, rcode: 0, view: clientView, cluster: 0, nil)
        let terms = replyTerms(query, path)
        outbox.reply(path) { octets in
            let base = octets.count
            octets.appendEmptyReply(.noError, to: message.extracting(query.question.range), terms)
            octets.set16(octets.number16(at: base + 2) | Int(MessageHeader.Flags.truncated), at: base + 2)
        }
        return true
    }
}
