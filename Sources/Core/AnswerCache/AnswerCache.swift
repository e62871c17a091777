package import DNSWire
import Synchronization
package import Time

/// Answers ready to be sent, shared by all workers, bounded in octets.
///
/// Split into shards by the question's hash. Each shard has its own lock, which is held while one entry is
/// copied or a few hundred are examined. Eviction follows S3-FIFO (Yang and others, SOSP 2023): a new answer
/// is first in a small queue and moves to the large one only if it is asked for again, so a flood of names
/// that are asked once passes through the small queue alone. Every step takes bounded time.
package final class AnswerCache: Sendable {
    /// The shards; their number is a power of two.
    private let shards: [Shard]
    /// The number of highest bits of a hash that choose the shard; the shard's own tables use the lowest.
    private let shardBits: Int
    /// Random bits, so that clients can't choose questions that collide in our tables.
    private let hashKey: UInt64

    /// One shard behind its lock.
    private final class Shard: Sendable {
        /// The shard; each access holds the lock.
        let state: Mutex<CacheShard>

        init(octets: Int) {
            state = Mutex(CacheShard(octets: octets))
        }
    }

    /// - Parameters:
    ///   - octets: The memory for entries, at least 64 KiB.
    ///   - hashKey: Random bits.
    package init(octets: Int, hashKey: UInt64) {
        self.hashKey = hashKey
        // A shard of a mebibyte or more has room for many messages of the largest size.
        var bits = 0
        while bits < 6, octets >> (bits + 1) >= 1 << 20 { bits += 1 }
        shardBits = bits
        let share = max(octets, 64 * 1024) >> bits
        shards = (0..<(1 << bits)).map { _ in Shard(octets: share) }
    }

    /// The key of the question in `message` in `view`.
    package func key(
        _ message: Span<UInt8>, _ question: Question, view: Int, wantsDNSSEC: Bool, checkingDisabled: Bool
    ) -> CacheKey {
        CacheKey(
            message, question, view: view, wantsDNSSEC: wantsDNSSEC, checkingDisabled: checkingDisabled,
            hashKey: hashKey)
    }

    /// The shard of a question's hash.
    private func shard(_ hash: UInt64) -> Shard {
        shards[shardBits == 0 ? 0 : Int(truncatingIfNeeded: hash >> UInt64(64 - shardBits))]
    }

    /// Copies the cached answer to the question in `message` into `answer`: a fresh one, or a stale one if an
    /// attempt to refresh it has just failed. Nil if the question must be asked.
    package func load(
        _ key: CacheKey, _ message: Span<UInt8>, at now: MonotonicTime, into answer: inout PreparedAnswer
    ) -> CacheHit? {
        shard(key.hash).state.withLock { $0.load(key, message, at: now, into: &answer) }
    }

    /// Stores `answer` under `key` and replaces an older one.
    package func store(
        _ key: CacheKey, _ answer: borrowing PreparedAnswer, _ life: CacheLife, at now: MonotonicTime
    ) {
        shard(key.hash).state.withLock { $0.store(key, answer, life, at: now) }
    }

    /// True if the last answer to the question was positive, whether it still holds or not.
    package func holdsPositive(_ key: CacheKey, _ message: Span<UInt8>) -> Bool {
        shard(key.hash).state.withLock { $0.holdsPositive(key, message) }
    }

    /// Copies the answer to give when no server answered the question: a positive answer, as a rule expired.
    ///
    /// It records the failure: for a second `load` gives this answer without asking again (RFC 9520
    /// section 3.2).
    package func loadInPlaceOfFailure(
        _ key: CacheKey, _ message: Span<UInt8>, at now: MonotonicTime, into answer: inout PreparedAnswer
    ) -> CacheHit? {
        shard(key.hash).state.withLock { $0.loadInPlaceOfFailure(key, message, at: now, into: &answer) }
    }

    /// Removes every answer whose question's name, in wire form, satisfies `isMeant`; gives their number.
    package func removeAll(where isMeant: (Span<UInt8>) -> Bool) -> Int {
        removeAll { name, _ in isMeant(name) }
    }

    /// The same, by name and view. An answer stored during the call may be missed.
    package func removeAll(where isMeant: (Span<UInt8>, _ view: Int) -> Bool) -> Int {
        var sum = 0
        for shard in shards {
            var bucket: Int? = 0
            while let first = bucket {  // ends: grows up to the length of the shard's index
                let removal = shard.state.withLock { $0.removeAll(from: first, where: isMeant) }
                sum += removal.count
                bucket = removal.next
            }
        }
        return sum
    }

    /// Shows the name of every positive answer, in wire form, fresh or expired. One stored during the call
    /// may be missed, and one may be shown twice.
    package func visit(_ look: (Span<UInt8>, CacheGlance) -> Void) {
        for shard in shards {
            var bucket: Int? = 0
            while let first = bucket {  // ends: grows up to the length of the shard's index
                bucket = shard.state.withLock { $0.visit(from: first, look) }
            }
        }
    }

    /// Sums over all shards.
    package var statistics: CacheStatistics {
        shards.reduce(into: CacheStatistics()) { sum, shard in shard.state.withLock { sum.add($0.statistics) }
        }
    }
}

/// What a look-up found.
package struct CacheHit: Sendable {
    /// Seconds since the answer came, rounded up, so that a remaining TTL is never too long. A fresh answer
    /// has at least one second left.
    package let age: UInt32
    /// False once the answer's TTL is over.
    package let isFresh: Bool
    /// When the last attempt to ask the question failed, if the answer is a failure or stale for that reason.
    package let failedAt: MonotonicTime
    /// True for NXDOMAIN and NODATA.
    package let isNegative: Bool
    /// True for a cached failure.
    package let isFailure: Bool
    /// True for one hit of a popular answer shortly before it expires: the caller should refresh it now.
    ///
    /// If it does not, another hit has the value true two seconds later.
    package let wantsRefresh: Bool
    /// The number of hits of this entry before: the offset by which addresses are rotated.
    package let rotation: UInt32
    /// As in `CacheLife`.
    package let owner: UInt16
}

/// What is told of a cached answer besides its name.
package struct CacheGlance: Sendable {
    /// The view of the clients that get it.
    package let view: Int
    /// The question's type.
    package let type: Int
    /// As in `CacheLife`.
    package let owner: UInt16
    /// When it was stored.
    package let stored: MonotonicTime
}

/// How long an answer may be used, and its kind.
package struct CacheLife: Sendable {
    /// How long it is fresh, in nanoseconds.
    package let fresh: Int64
    /// How long it may be served stale after that, in nanoseconds; 0 for negative answers and failures.
    package let stale: Int64
    /// What kind of answer it is.
    package let kind: Kind
    /// A number that the caller chooses, returned with each hit: which server or cluster gave the answer.
    package let owner: UInt16

    /// The kinds of answers, which differ in how they are replaced and served stale.
    package enum Kind: Sendable {
        /// An answer with records of the type asked.
        case positive
        /// NXDOMAIN or NODATA.
        case negative
        /// A failure, cached so that the question is not asked again at once (RFC 9520)
        case failure
    }

    /// Creates a cache life.
    package init(fresh: Int64, stale: Int64, kind: Kind, owner: UInt16 = 0) {
        self.fresh = fresh
        self.stale = stale
        self.kind = kind
        self.owner = owner
    }
}

/// The content of the cache, and counters.
package struct CacheStatistics: Hashable, Sendable {
    /// Entries that are not dead.
    package var entries = 0
    /// Octets in use by entries.
    package var octets = 0
    /// Look-ups that found an answer.
    package var hits = 0
    /// Look-ups that found none.
    package var misses = 0
    /// Entries evicted for lack of room.
    package var evictions = 0

    /// Adds the counts of another shard.
    mutating func add(_ other: CacheStatistics) {
        entries += other.entries
        octets += other.octets
        hits += other.hits
        misses += other.misses
        evictions += other.evictions
    }
}
