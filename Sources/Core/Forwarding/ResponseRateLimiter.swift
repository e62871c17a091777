import DomainNames
import IPAddressing
import Inventory
import Synchronization
import Telemetry

/// Response rate limiting: says whether a reply may be sent over UDP to an address that may be forged.
///
/// An attack that reflects answers at a victim shows as many answers for few names to one address. So answers
/// are counted by network and name, whatever the type, and, at `ResponseRateLimit.names` times that rate, by
/// network alone. Beyond the limit the reply is an empty one with TC, no longer than its question: a client
/// comes by TCP and gets its answer, a forger's victim gets no more than the forger sent.
///
/// ```
/// TCP, a good cookie, this host          no limit
/// a private address                      private-per-second; by default no limit
/// a public one that came by TCP lately   per-second times `validatedFactor`, by address
/// any other                              per-second, by /24 or /56
/// ```
struct ResponseRateLimiter {
    /// By network and name, and by network. 16 octets each.
    private var accounts = TokenBuckets(count: 16_384)
    private var beyond = 0
    private let hashKey: UInt64

    /// What becomes of a reply.
    enum Verdict: Hashable {
        case send
        /// TC, or BADCOOKIE and a good cookie; see `OctetBuffer.reduceReply`.
        case truncate
        case drop
    }

    init(hashKey: UInt64) {
        self.hashKey = hashKey
    }

    /// Nanoseconds in which an empty account fills: a pause saves up so many seconds' worth.
    private static let depth: Int64 = 5_000_000_000
    /// How many times as much an address gets that is its sender's own, as far as we know: it can still be
    /// forged, and its owner be the victim.
    private static let validatedFactor = 10

    /// Charges one reply, unless its client has no limit.
    ///
    /// - Parameters:
    ///   - name: Of the question, in wire form; empty where the message has none.
    ///   - client: Asks over UDP, without a good cookie.
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
        if accounts.take(nameHash.value | 1, cost: cost, depth: Self.depth, at: now),
            accounts.take(key, cost: max(1, cost / ResponseRateLimit.names), depth: Self.depth, at: now)
        {
            return .send
        }
        beyond += 1
        // A private client is never left waiting.
        guard !isPrivate, limit.slip != 1 else { return .truncate }
        return limit.slip > 0 && beyond % limit.slip == 0 ? .truncate : .drop
    }
}

/// The addresses that have lately come by TCP, and so belong to their senders; shared by all workers, since
/// the kernel gives a client's connection and its datagrams to different ones.
///
/// A fixed table of hashes: a newcomer takes the place of another, which then has to come by TCP again.
package final class ValidatedClients: Sendable {
    /// Hash in the upper 40 bits, time of the last question over TCP in minutes in the lower 24.
    private let cells = InlineArray<8192, Atomic<UInt64>> { _ in Atomic(0) }
    let hashKey: UInt64

    /// - Parameter hashKey: Random bits.
    package init(hashKey: UInt64) {
        self.hashKey = hashKey
    }

    private static let minutes: UInt64 = 60

    /// `client` has sent a question over TCP.
    func note(_ client: IPAddress, at now: MonotonicTime) {
        let hash = client.hostHash(key: hashKey)
        let cell = hash & ~0xFF_FFFF | Self.minute(now)
        let place = Int(hash >> 8 & 0x1FFF)
        if cells[place].load(ordering: .relaxed) != cell { cells[place].store(cell, ordering: .relaxed) }
    }

    /// True if the client of this hash has come by TCP within the hour.
    func contains(_ hash: UInt64, at now: MonotonicTime) -> Bool {
        let cell = cells[Int(hash >> 8 & 0x1FFF)].load(ordering: .relaxed)
        guard cell & ~0xFF_FFFF == hash & ~0xFF_FFFF else { return false }
        return Self.minute(now) &- cell & 0xFF_FFFF <= Self.minutes
    }

    private static func minute(_ now: MonotonicTime) -> UInt64 {
        UInt64(truncatingIfNeeded: now.nanoseconds / 60_000_000_000) & 0xFF_FFFF
    }
}
