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
