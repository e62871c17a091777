/// A keyed 64-bit hash over names with ASCII case folded away.
///
/// Not a cryptographic hash: it spreads names over tables, and its key, drawn at the start, keeps clients
/// from choosing names that collide.
@usableFromInline
package struct NameHash: Hashable, Sendable {
    /// The hash so far.
    @usableFromInline var state: UInt64

    /// - Parameter key: Random bits, the same for all hashes that are compared with each other.
    @inlinable
    package init(key: UInt64) {
        self.init(state: key ^ 0x9E37_79B9_7F4A_7C15)
    }

    @inlinable
    package init(state: UInt64) {
        self.state = state
    }

    /// Takes in `count` octets of `octets` from `start`, folded.
    @inlinable
    package mutating func combine(_ octets: Span<UInt8>, from start: Int, count: Int) {
        var position = start
        let end = start + count
        while end - position >= 8 {
            mix(foldedWord(word(octets, at: position)))
            position += 8
        }
        if position < end { mix(foldedWord(lastOctets(octets, from: position, to: end, atLeast: start))) }
    }

    /// Takes in one number.
    @inlinable
    package mutating func combine(_ value: UInt64) {
        mix(value)
    }

    /// The hash of all that was taken in.
    @inlinable
    package var value: UInt64 {
        var mixed = state
        mixed ^= mixed >> 32
        mixed = mixed &* 0xD6E8_FEB8_6659_FD93
        return mixed ^ mixed >> 32
    }

    /// Takes in one word.
    @inlinable
    mutating func mix(_ word: UInt64) {
        let product = (state ^ word).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        state = product.high ^ product.low ^ word
    }
}
