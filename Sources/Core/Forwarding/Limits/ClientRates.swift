import DNSWire
import IPAddressing
import Inventory
import Time

/// Limits the rate of questions that are sent to servers for each network of clients: a token bucket for each
/// /24 and /56.
struct ClientRates {
    /// 8192 buckets of 16 octets: twice the /24 networks of a /12 are seldom active in one second.
    private var buckets = TokenBuckets(count: 8192)
    /// Nanoseconds until one token is back.
    private let interval: Int64
    /// Nanoseconds until all are back.
    private let depth: Int64
    /// The key of the networks' hashes.
    private let hashKey: UInt64

    /// - Parameter limit: Rates of at least one a second.
    init(_ limit: RateLimit, hashKey: UInt64) {
        interval = max(1, 1_000_000_000 / Int64(max(1, limit.perSecond)))
        depth = interval * Int64(max(1, limit.burst))
        self.hashKey = hashKey
    }

    /// Takes a token of the network of `client` if it has one left.
    ///
    /// The host's own addresses are not limited: a process on the host can harm it in other ways.
    mutating func take(_ client: IPAddress, at now: MonotonicTime) -> TokenBuckets.Withdrawal {
        if client.isLoopback { return .taken }
        return buckets.take(client.networkHash(key: hashKey), cost: interval, depth: depth, at: now)
    }
}
