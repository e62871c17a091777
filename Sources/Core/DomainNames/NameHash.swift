/// A keyed 64-bit hash over names with ASCII case folded away.
///
/// Not a cryptographic hash: it spreads names over tables, and its key, drawn at start, keeps a stranger from
/// choosing names that all fall into one place.
package struct NameHash: Hashable, Sendable {
    private var state: UInt64

    /// - Parameter key: Random bits, the same for all hashes that are compared with each other.
    @inlinable
    package init(key: UInt64) {
        self.init(state: key ^ 0x9E37_79B9_7F4A_7C15)
    }

    @usableFromInline
    package init(state: UInt64) {
        self.state = state
    }

    /// Takes in `count` octets of `octets` from `start`, folded.
    package mutating func combine(_ octets: Span<UInt8>, from start: Int, count: Int) {
        var position = start
        let end = start + count
        while end - position >= 8 {
            var word: UInt64 = 0
            for index in 0..<8 { word |= UInt64(octets[position + index]) << UInt64(index * 8) }
            mix(foldedWord(word))
            position += 8
        }
        if position < end {
            var word: UInt64 = 0
            var shift: UInt64 = 0
            while position < end {
                word |= UInt64(octets[position]) << shift
                shift += 8
                position += 1
            }
            mix(foldedWord(word))
        }
    }

    /// Takes in one number.
    package mutating func combine(_ value: UInt64) {
        mix(value)
    }

    /// The hash of all that was taken in.
    package var value: UInt64 {
        var mixed = state
        mixed ^= mixed >> 32
        mixed = mixed &* 0xD6E8_FEB8_6659_FD93
        return mixed ^ mixed >> 32
    }

    private mutating func mix(_ word: UInt64) {
        let product = (state ^ word).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        state = product.high ^ product.low ^ word
    }
}

/// Eight octets with each ASCII capital turned into its small letter.
private func foldedWord(_ word: UInt64) -> UInt64 {
    // Per octet, without carries between octets: bit 7 of `atLeastA` and `aboveZ` tells the comparison's
    // outcome.
    let low = word & 0x7F7F_7F7F_7F7F_7F7F
    let atLeastA = low &+ 0x3F3F_3F3F_3F3F_3F3F
    let aboveZ = low &+ 0x2525_2525_2525_2525
    let capital = atLeastA & ~aboveZ & ~word & 0x8080_8080_8080_8080
    return word | capital >> 2
}
