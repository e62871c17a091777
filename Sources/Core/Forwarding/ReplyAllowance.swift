import DNSWire
import IPAddressing
import Synchronization
import Telemetry

/// Keeps us from being an amplifier: how many octets more than it sent a client may get back over UDP, where
/// its address may be forged.
///
/// ```
/// a cookie of ours, TCP, this host   no limit
/// an address that came by TCP        its own account
/// any other                          the account of its network, and one for all such networks
/// ```
/// An answer that would overdraw an account is withheld: it becomes an empty one with TC, which is no
/// longer than the question, and every fourth time it is dropped. So a flood gets back three quarters of what
/// it sends, and what the accounts allow; an honest client comes by TCP, once in an hour, and then has its
/// own account.
struct ReplyAllowance {
    private var accounts = TokenBuckets(count: 8192)
    /// When the account of all unproven networks is full again, in nanoseconds of `MonotonicTime`.
    private var unprovenFullAt: Int64 = 0
    private let hashKey: UInt64

    init(hashKey: UInt64) {
        self.hashKey = hashKey
    }

    /// Seconds in which an empty account fills.
    private static let depth: Int64 = 4_000_000_000
    /// The share of all unproven networks together, in those of one.
    private static let networks: Int64 = 4

    /// Books `excess` octets, more than 0, for `client`; false where its account does not have them.
    mutating func take(
        _ excess: Int, _ client: IPAddress, _ limits: ForwardingPolicy.ReplyLimits, _ proven: ProvenClients,
        at now: MonotonicTime
    ) -> Bool {
        let hash = client.hostHash(key: proven.hashKey)
        if proven.contains(hash, at: now) {
            guard limits.proven > 0 else { return true }
            let cost = Int64(excess) * 1_000_000_000 / Int64(limits.proven)
            return accounts.take(hash, cost: cost, depth: Self.depth, at: now)
        }
        guard limits.unproven > 0 else { return true }
        let cost = Int64(excess) * 1_000_000_000 / Int64(limits.unproven)
        let fullAt = max(unprovenFullAt, now.nanoseconds)
        guard fullAt - now.nanoseconds <= Self.depth - cost / Self.networks,
            accounts.take(client.networkHash(key: hashKey), cost: cost, depth: Self.depth, at: now)
        else { return false }
        unprovenFullAt = fullAt + cost / Self.networks
        return true
    }
}

/// The addresses that have lately come by TCP, and so are not forged; shared by all workers, since the kernel
/// gives a client's connection and its datagrams to different ones.
///
/// A fixed table of hashes: a newcomer takes the place of another, which then has to come by TCP again.
package final class ProvenClients: Sendable {
    /// Hash in the upper 40 bits, time of its proof in minutes in the lower 24.
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

    /// True where the client of this hash has come by TCP within the hour.
    func contains(_ hash: UInt64, at now: MonotonicTime) -> Bool {
        let cell = cells[Int(hash >> 8 & 0x1FFF)].load(ordering: .relaxed)
        guard cell & ~0xFF_FFFF == hash & ~0xFF_FFFF else { return false }
        return Self.minute(now) &- cell & 0xFF_FFFF <= Self.minutes
    }

    private static func minute(_ now: MonotonicTime) -> UInt64 {
        UInt64(truncatingIfNeeded: now.nanoseconds / 60_000_000_000) & 0xFF_FFFF
    }
}

extension ForwardingEngine {
    /// Of so many replies that are withheld one is dropped: a drop costs an honest client a second or more.
    private static var drop: Int { 4 }

    /// Withholds the reply that was just put into the outbox where its client has no allowance for it.
    ///
    /// - Parameter nameLength: Octets of the question's name; nil where the reply has no question.
    mutating func settle(_ terms: ReplyTerms, nameLength: Int?, in outbox: inout Outbox) {
        // Field by field: this is passed with every reply.
        let last = outbox.replies.count - 1
        guard last >= 0, outbox.replies[last].path.transport == .udp, !terms.isProven else { return }
        let excess = outbox.replies[last].end - outbox.replies[last].start - terms.askedOctets
        let client = outbox.replies[last].path.client.address
        guard excess > 0, !client.isLoopback, policy.replyLimits.isSet,
            !allowance.take(excess, client, policy.replyLimits, proven, at: currentTime)
        else { return }
        let reply = outbox.replies[last]
        counters.withheld += 1
        outbox.replies.removeLast()
        guard counters.withheld % Self.drop != 0, let nameLength else {
            outbox.octets.truncate(to: reply.start)
            return
        }
        outbox.octets.reduceReply(from: reply.start, nameLength: nameLength, terms)
        outbox.replies.append(
            Outbox.Reply(path: reply.path, start: reply.start, end: outbox.octets.count))
    }
}
