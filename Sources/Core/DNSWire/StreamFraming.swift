/// Splits the octets of a TCP connection into messages, each after its length in two octets (RFC 1035
/// section 4.2.2).
///
/// ```
/// ... taken ... | length | message ... | length | message ... | beginning of another
///               ^ start                                                             ^ buffer.count
/// ```
/// `0 <= start <= buffer.count`. The buffer never holds more than one incomplete message and the octets of
/// one `append`, as long as its owner takes every message before it appends again.
package struct StreamFraming: ~Copyable {
    /// Octets of the connection, of which those before `start` have been taken.
    private var buffer: OctetBuffer
    /// Offset of the next message's length.
    private var start = 0

    /// The capacity that an empty buffer keeps, in octets.
    private static let usualRoom = 4096

    /// Creates a stream framing.
    package init() {
        buffer = OctetBuffer(capacity: 512)
    }

    /// Adds octets from the connection. Earlier ranges become invalid.
    package mutating func append(_ octets: Span<UInt8>) {
        buffer.removeFirst(start)
        start = 0
        if buffer.count == 0 { buffer.removeAll(keeping: Self.usualRoom) }
        buffer.append(octets)
    }

    /// Takes the next whole message; nil if more octets are needed.
    ///
    /// - Returns: Its range, for `withMessage`; valid until the next `append`.
    /// - Throws: `FramingError` for a length of zero: no message is that short, so the peer's framing is
    ///   wrong and the connection can't be used any more.
    package mutating func next() throws(FramingError) -> Range<Int>? {
        guard buffer.count - start >= 2 else { return nil }
        let length = buffer.number16(at: start)
        guard length > 0 else { throw .emptyMessage }
        guard buffer.count - start - 2 >= length else { return nil }
        let first = start + 2
        start = first + length
        return first..<start
    }

    /// Calls `body` with the message at a range that `next` returned.
    package borrowing func withMessage<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) -> Result) -> Result
    {
        body(buffer.span.extracting(range))
    }

    /// Octets of messages that have not been taken.
    package var heldCount: Int { buffer.count - start }
}

/// Why a connection's octets can't be split into messages.
package enum FramingError: Error, Hashable, Sendable {
    /// A message of length zero.
    case emptyMessage
}
