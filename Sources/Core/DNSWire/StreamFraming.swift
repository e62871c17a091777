/// Cuts the octets of a TCP connection into messages, each behind its length in two octets (RFC 1035 section
/// 4.2.2).
///
/// ```
/// ... taken ... | length | message ... | length | message ... | beginning of another
///               ^ start                                                             ^ buffer.count
/// ```
/// `0 <= start <= buffer.count`. The buffer never holds more than one incomplete message besides what one
/// `append` brought, as long as its owner takes every message before it appends again.
package struct StreamFraming: ~Copyable {
    private var buffer: OctetBuffer
    private var start = 0

    /// The room that an empty buffer keeps, in octets.
    private static let usualRoom = 4096

    package init() {
        buffer = OctetBuffer(capacity: 512)
    }

    /// Adds what the connection has brought. Ranges given before are void.
    package mutating func append(_ octets: Span<UInt8>) {
        buffer.removeFirst(start)
        start = 0
        if buffer.count == 0 { buffer.removeAll(keeping: Self.usualRoom) }
        buffer.append(octets)
    }

    /// Takes the next whole message; nil if more octets are due.
    ///
    /// - Returns: Where it lies, for `withMessage`; valid until the next `append`.
    /// - Throws: `FramingError` for a length of zero: no message is that short, so the peer has lost its
    ///   place, and the connection is of no more use.
    package mutating func next() throws(FramingError) -> Range<Int>? {
        guard buffer.count - start >= 2 else { return nil }
        let length = buffer.number16(at: start)
        guard length > 0 else { throw .emptyMessage }
        guard buffer.count - start - 2 >= length else { return nil }
        let first = start + 2
        start = first + length
        return first..<start
    }

    /// Calls `body` with the message that `next` has given.
    package borrowing func withMessage<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) -> Result) -> Result
    {
        body(buffer.span.extracting(range))
    }

    /// Octets held for messages that have not been taken.
    package var heldCount: Int { buffer.count - start }
}

/// Why a connection's octets can't be cut into messages.
package enum FramingError: Error, Hashable, Sendable {
    case emptyMessage
}
