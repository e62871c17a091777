/// True if `count` octets of two spans are the same, ASCII case folded away.
///
/// Eight octets a step; the last step overlaps the one before where `count` is no multiple.
@inlinable
package func isEqualFolded(
    _ one: Span<UInt8>, at oneStart: Int, _ other: Span<UInt8>, at otherStart: Int, count: Int
) -> Bool {
    guard count >= 8 else {
        for index in 0..<max(count, 0)
        where foldedOctet(one[oneStart + index]) != foldedOctet(other[otherStart + index]) {
            return false
        }
        return true
    }
    var index = 0
    while true {  // ends: `index` reaches `count - 8`
        let (left, right) = (word(one, at: oneStart + index), word(other, at: otherStart + index))
        if left != right, foldedWord(left) != foldedWord(right) { return false }
        if index == count - 8 { return true }
        index = min(index + 8, count - 8)
    }
}

/// Eight octets from `position`, the first of them lowest.
@inlinable
func word(_ octets: Span<UInt8>, at position: Int) -> UInt64 {
    precondition(position >= 0 && octets.count - position >= 8, "read past the end of a span")
    // Sound: eight octets lie from `position` on, and any of them make a number.
    return unsafe UInt64(
        littleEndian: octets.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
}

/// The octets of `position..<end`, at most seven, the first of them lowest, and zeros above.
///
/// - Parameter start: Octets from here on may be read: with eight of them one load does it.
@inlinable
func lastOctets(_ octets: Span<UInt8>, from position: Int, to end: Int, atLeast start: Int) -> UInt64 {
    if end - start >= 8 { return word(octets, at: end - 8) >> UInt64(64 - 8 * (end - position)) }
    var rest: UInt64 = 0
    var index = end
    while index > position {  // ends: `index` shrinks
        index -= 1
        rest = rest << 8 | UInt64(octets[index])
    }
    return rest
}

/// Eight octets with each ASCII capital turned into its small letter.
@inlinable
func foldedWord(_ word: UInt64) -> UInt64 {
    // Per octet, without carries between octets: bit 7 of `atLeastA` and `aboveZ` tells the
    // comparison's outcome.
    let low = word & 0x7F7F_7F7F_7F7F_7F7F
    let atLeastA = low &+ 0x3F3F_3F3F_3F3F_3F3F
    let aboveZ = low &+ 0x2525_2525_2525_2525
    let capital = atLeastA & ~aboveZ & ~word & 0x8080_8080_8080_8080
    return word | capital >> 2
}
