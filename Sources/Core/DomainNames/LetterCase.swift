/// The random letter case in which a name is asked for: only a sender who has seen the question can
/// repeat it.
///
/// As a rule servers copy the question's name octet by octet into the answer, so each letter adds one bit to
/// what a forger has to guess (draft-vixie-dnsext-dns0x20).
@usableFromInline
package struct LetterCase: Hashable, Sendable {
    /// One bit for each of the name's first 64 octets; further ones use them again.
    @usableFromInline let bits: UInt64

    /// - Parameter bits: Random bits.
    @inlinable
    package init(bits: UInt64) {
        self.bits = bits
    }

    /// `octet` at `position` of a name in wire form, in this letter case.
    ///
    /// It may be used on length octets: they are at most 63, below `A`.
    @inlinable
    @inline(__always)
    package func octet(_ octet: UInt8, at position: Int) -> UInt8 {
        guard (octet | 0x20) &- 0x61 < 26 else { return octet }
        let bit = UInt8(truncatingIfNeeded: rotated(position >> 3) >> (UInt64(position & 7) * 8)) & 0x20
        return octet & ~0x20 | bit
    }

    /// The same for eight octets from `position`, a multiple of 8, the first of them lowest.
    @inlinable
    @inline(__always)
    package func word(_ word: UInt64, at position: Int) -> UInt64 {
        // Per octet, without carries between octets: bit 7 of `atLeastA` and `aboveZ` tells the
        // comparison's outcome.
        let low = (word | 0x2020_2020_2020_2020) & 0x7F7F_7F7F_7F7F_7F7F
        let atLeastA = low &+ 0x1F1F_1F1F_1F1F_1F1F
        let aboveZ = low &+ 0x0505_0505_0505_0505
        let letter = (atLeastA & ~aboveZ & ~word & 0x8080_8080_8080_8080) >> 2
        return word & ~letter | rotated(position >> 3) & letter
    }

    /// The bits with those of the word `index` at the places of the case bit, 0x20 of each octet.
    @inlinable
    @inline(__always)
    func rotated(_ index: Int) -> UInt64 {
        let count = UInt64(index & 7)
        return bits >> count | bits << ((64 - count) & 63)
    }

    /// True if `answer` repeats in this letter case the name that `asked` has in another one; in both it
    /// takes `count` octets from `start`.
    @inlinable
    package func isRepeated(
        in answer: Span<UInt8>, at start: Int, of asked: Span<UInt8>, at askedStart: Int, count: Int
    ) -> Bool {
        var position = 0
        while count - position >= 8 {  // ends: each turn moves on
            let expected = word(DomainNames.word(asked, at: askedStart + position), at: position)
            guard DomainNames.word(answer, at: start + position) == expected else { return false }
            position += 8
        }
        guard position < count else { return true }
        let rest = lastOctets(
            asked, from: askedStart + position, to: askedStart + count, atLeast: askedStart)
        let found = lastOctets(answer, from: start + position, to: start + count, atLeast: start)
        return found == word(rest, at: position)
    }
}
