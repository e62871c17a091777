/// SipHash-2-4, a keyed hash whose values can't be predicted without the key (Aumasson and Bernstein,
/// "SipHash: a fast short-input PRF", 2012).
///
/// For tags that only this process can make: cookies and loop marks.
package struct SipHash: Sendable {
    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64
    /// The number of octets that `combine` has processed.
    private var count: UInt64 = 0

    /// Creates a SipHash.
    package init(_ key: Key) {
        v0 = key.low ^ 0x736F_6D65_7073_6575
        v1 = key.high ^ 0x646F_7261_6E64_6F6D
        v2 = key.low ^ 0x6C79_6765_6E65_7261
        v3 = key.high ^ 0x7465_6462_7974_6573
    }

    /// 16 secret octets, as two little-endian numbers.
    package struct Key: Hashable, Sendable {
        /// The first eight octets.
        package let low: UInt64
        /// The last eight octets.
        package let high: UInt64

        /// Creates a key.
        package init(low: UInt64, high: UInt64) {
            self.low = low
            self.high = high
        }

        /// - Parameter octets: 16 of them; else nil.
        package init?(octets: [UInt8]) {
            guard octets.count == 16 else { return nil }
            low = octets[..<8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
            high = octets[8...].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }

        /// A key derived from this one and a number.
        package func derived(_ number: UInt64) -> Key {
            var one = SipHash(self)
            one.combine(octetsOf: number)
            var other = one
            other.combine(octetsOf: 1)
            return Key(low: one.finish(), high: other.finish())
        }
    }

    /// Adds the eight octets of `number` in network order.
    package mutating func combine(octetsOf number: UInt64) {
        absorb(number.byteSwapped)
        count &+= 8
    }

    /// Ends the input with the lowest `octets` octets of `number`, 0...7 of them, in network order.
    ///
    /// - Returns: The hash as a number whose octets in network order are the hash's.
    package consuming func finish(octets: Int = 0, of number: UInt64 = 0) -> UInt64 {
        var last = (count &+ UInt64(octets)) << 56
        for index in 0..<octets {
            last |= (number >> UInt64(8 * (octets - 1 - index)) & 0xFF) << UInt64(8 * index)
        }
        absorb(last)
        v2 ^= 0xFF
        for _ in 0..<4 { round() }
        return (v0 ^ v1 ^ v2 ^ v3).byteSwapped
    }

    /// Takes in one word.
    private mutating func absorb(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    /// One round of the algorithm.
    @inline(__always)
    private mutating func round() {
        v0 &+= v1
        v1 = rotated(v1, 13) ^ v0
        v0 = rotated(v0, 32)
        v2 &+= v3
        v3 = rotated(v3, 16) ^ v2
        v0 &+= v3
        v3 = rotated(v3, 21) ^ v0
        v2 &+= v1
        v1 = rotated(v1, 17) ^ v2
        v2 = rotated(v2, 32)
    }

    /// `word` rotated to the left.
    @inline(__always)
    private func rotated(_ word: UInt64, _ bits: UInt64) -> UInt64 { word << bits | word >> (64 - bits) }
}
