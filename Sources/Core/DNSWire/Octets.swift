// Reading numbers from a message. All are checked: a message that ends too early throws.

extension Span<UInt8> {
    /// The eight octets from `position`, which must lie inside, as a number in network order.
    @inlinable
    @inline(__always)
    package func word(at position: Int) -> UInt64 {
        precondition(position >= 0 && count - position >= 8, "read past the end of a span")
        // Sound: eight octets lie from `position` on, and any of them make a number.
        return unsafe UInt64(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
    }

    /// The 16-bit number at `position`, in network order.
    @inlinable
    @inline(__always)
    package func number16(at position: Int) throws(WireError) -> Int {
        guard position >= 0, count - position >= 2 else { throw .truncated(offset: position, needed: 2) }
        return Int(self[position]) << 8 | Int(self[position + 1])
    }

    /// The 32-bit number at `position`, in network order.
    @inlinable
    @inline(__always)
    package func number32(at position: Int) throws(WireError) -> UInt32 {
        guard position >= 0, count - position >= 4 else { throw .truncated(offset: position, needed: 4) }
        return UInt32(self[position]) << 24 | UInt32(self[position + 1]) << 16
            | UInt32(self[position + 2]) << 8 | UInt32(self[position + 3])
    }
}
