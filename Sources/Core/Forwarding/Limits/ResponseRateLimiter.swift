import DomainNames
import IPAddressing
import Inventory
import Synchronization
import Time

/// Response rate limiting: decides whether a reply may be sent over UDP to an address that may be forged.
///
/// An attack that reflects answers to a victim causes many answers for few names to one address. So answers
/// are counted by network and name, regardless of the type, and, at `ResponseRateLimit.names` times that
/// rate, by network alone. Beyond the limit the reply is an empty one with TC, no longer than its question: a
/// client retries over TCP and gets its answer; a victim gets no more octets than the attacker sent.
///
/// ```
/// TCP, a good cookie, this host          no limit
/// a private address                      private-per-second; by default no limit
/// a public one that used TCP recently    per-second times `validatedFactor`, by address
/// any other                              per-second, by /24 or /56
/// ```
struct ResponseRateLimiter {
    /// By network and name, and by network. 16 octets each.
    private var accounts = TokenBuckets(count: 16_384)
    /// Replies beyond the limit, for `slip`.
    private var beyond = 0
    /// The key of the hashes.
    private let hashKey: UInt64

    /// The decision about a reply.
    enum Verdict: Hashable {
        /// Send it.
        case send
        /// TC, or BADCOOKIE and a good cookie; see `OctetBuffer.reduceReply`.
        case truncate
        /// Send nothing.
        case drop
    }

    /// A limiter without charges.
    init(hashKey: UInt64) {
        self.hashKey = hashKey
    }

    /// Nanoseconds in which an empty bucket fills: a pause saves up the replies of that time.
    private static let depth: Int64 = 5_000_000_000
    /// The factor of the limit for addresses that used TCP recently: a later datagram can still be forged,
    /// with its owner as the victim.
    private static let validatedFactor = 10

    /// Charges one reply, unless its client has no limit.
    ///
    /// - Parameters:
    ///   - name: Of the question, in wire form; empty if the message has none.
    ///   - client: The client, which asks over UDP without a correct cookie.
    mutating func charge(
        _ name: Span<UInt8>, to client: IPAddress, _ limit: ResponseRateLimit, _ validated: ValidatedClients,
        at now: MonotonicTime
    ) -> Verdict {
        let isPrivate = client.isPrivate
        var rate = isPrivate ? limit.privatePerSecond : limit.perSecond
        guard rate > 0, !client.isLoopback else { return .send }
        var key = client.networkHash(key: hashKey)
        let host = client.hostHash(key: validated.hashKey)
        if validated.contains(host, at: now) {
            key = host
            rate *= Self.validatedFactor
        }
        let cost = max(1, 1_000_000_000 / Int64(rate))
        var nameHash = NameHash(key: key)
        nameHash.combine(name, from: 0, count: name.count)
        if accounts.take(nameHash.value | 1, cost: cost, depth: Self.depth, at: now) == .taken,
            accounts.take(key, cost: max(1, cost / ResponseRateLimit.names), depth: Self.depth, at: now)
                == .taken
        {
            return .send
        }
        beyond += 1
        // A private client always gets a reply.
        guard !isPrivate, limit.slip != 1 else { return .truncate }
        return limit.slip > 0 && beyond % limit.slip == 0 ? .truncate : .drop
    }
}

/// The addresses that used TCP recently, and so belong to their senders; shared by all workers, since the
/// kernel gives a client's connection and its datagrams to different ones.
///
/// A fixed table of hashes: a new entry replaces another one, whose client then has to use TCP again.
package final class ValidatedClients: Sendable {
    /// Hash in the upper 40 bits, time of the last question over TCP in minutes in the lower 24.
    private let cells = InlineArray<8192, Atomic<UInt64>> { _ in Atomic(0) }
    /// The key of the hashes.
    let hashKey: UInt64

    /// - Parameter hashKey: Random bits.
    package init(hashKey: UInt64) {
        self.hashKey = hashKey
    }

    /// How long an address counts.
    private static let minutes: UInt64 = 60

    /// `client` has sent a question over TCP.
    func note(_ client: IPAddress, at now: MonotonicTime) {
        let hash = client.hostHash(key: hashKey)
        let cell = hash & ~0xFF_FFFF | Self.minute(now)
        let place = Int(hash >> 8 & 0x1FFF)
        if cells[place].load(ordering: .relaxed) != cell { cells[place].store(cell, ordering: .relaxed) }
    }

    /// True if the client of this hash used TCP within the hour.
    func contains(_ hash: UInt64, at now: MonotonicTime) -> Bool {
        let cell = cells[Int(hash >> 8 & 0x1FFF)].load(ordering: .relaxed)
        guard cell & ~0xFF_FFFF == hash & ~0xFF_FFFF else { return false }
        return Self.minute(now) &- cell & 0xFF_FFFF <= Self.minutes
    }

    /// The minute of `now`.
    private static func minute(_ now: MonotonicTime) -> UInt64 {
        UInt64(truncatingIfNeeded: now.nanoseconds / 60_000_000_000) & 0xFF_FFFF
    }
}
