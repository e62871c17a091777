import IPAddressing
import Time

/// Token buckets for any number of keys, in a fixed amount of memory.
///
/// A bucket is stored as one point in time, until which its tokens are used up: taking tokens advances it by
/// their cost, and a bucket that is more than its depth ahead has none left. A key has two places; a new key
/// replaces the bucket that is full again first. A lost bucket favours its key and never harms another.
struct TokenBuckets {
    /// A bucket.
    private struct Bucket {
        /// Hash of the key; 0: free.
        var key: UInt64 = 0
        /// The time when all tokens are back, in nanoseconds of `MonotonicTime`.
        var fullAt: Int64 = 0
    }

    /// The outcome of taking tokens.
    enum Withdrawal {
        /// They are taken.
        case taken
        /// Fewer were left: nothing is taken.
        case empty
    }

    /// All buckets.
    private var buckets: [Bucket]

    /// - Parameter count: Even; 16 octets each.
    init(count: Int) {
        buckets = Array(repeating: Bucket(), count: count)
    }

    /// Takes tokens that are back after `cost` nanoseconds from the bucket of `key`, unless fewer are left.
    ///
    /// - Parameters:
    ///   - key: A hash; it is not 0.
    ///   - depth: Nanoseconds in which an empty bucket fills.
    mutating func take(_ key: UInt64, cost: Int64, depth: Int64, at now: MonotonicTime) -> Withdrawal {
        let first = Int(key >> 40) % buckets.count
        let second = first ^ 1
        var place = buckets[first].fullAt <= buckets[second].fullAt ? first : second
        if buckets[first].key == key { place = first } else if buckets[second].key == key { place = second }
        if buckets[place].key != key { buckets[place] = Bucket(key: key) }
        let fullAt = max(buckets[place].fullAt, now.nanoseconds)
        guard fullAt - now.nanoseconds <= depth - cost else { return .empty }
        buckets[place].fullAt = fullAt + cost
        return .taken
    }
}

extension IPAddress {
    /// A keyed hash of the address' network, a /24 or a /56; never 0.
    func networkHash(key: UInt64) -> UInt64 {
        let network = family == .v4 ? bits >> 8 : bits >> 72 | 1 << 120
        return Self.mixed(network, key)
    }

    /// A keyed hash of the client: one IPv4 address, or a /64, the smallest network in which a host may
    /// choose its address; never 0.
    func hostHash(key: UInt64) -> UInt64 {
        let host = family == .v4 ? bits | 1 << 96 : bits >> 64 | 3 << 96
        return Self.mixed(host, key)
    }

    /// A keyed hash of the bits.
    private static func mixed(_ bits: UInt128, _ key: UInt64) -> UInt64 {
        var hash = (UInt64(truncatingIfNeeded: bits) ^ key) &* 0x9E37_79B9_7F4A_7C15
        hash ^= UInt64(truncatingIfNeeded: bits >> 64)
        hash = (hash ^ hash >> 29) &* 0xBF58_476D_1CE4_E5B9
        return (hash ^ hash >> 32) | 1
    }
}
