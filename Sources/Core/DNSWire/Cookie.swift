/// The COOKIE option of a client's question (RFC 7873 section 4).
///
/// ```
/// | client cookie 8 | server cookie 0, or 8...32 |
/// ```
@usableFromInline
package struct ClientCookie: Hashable, Sendable {
    /// The client's own part, which is returned unchanged.
    package let client: UInt64
    /// The server's part, if it has the length of ours.
    package let server: ServerCookie?
    /// True if there is a server's part of any length.
    package let hasServerPart: Bool
    /// The server cookie to return; set by the owner of the secret.
    package var reply: ServerCookie?
    /// True if `server` was made by us: the client's address is validated.
    @usableFromInline package var isProof = false

    /// Reads the option's data in `range`.
    ///
    /// - Throws: For a length that no cookie has; the reply is FORMERR (section 5.2.2).
    init(in message: Span<UInt8>, _ range: Range<Int>) throws(WireError) {
        guard range.count == 8 || (16...40).contains(range.count) else {
            throw .dataLength(offset: range.lowerBound)
        }
        client = try message.number64(at: range.lowerBound)
        hasServerPart = range.count > 8
        server =
            range.count == 24
            ? ServerCookie(
                head: try message.number64(at: range.lowerBound + 8),
                hash: try message.number64(at: range.lowerBound + 16)) : nil
    }
}

/// A server's part of a cookie (RFC 9018 section 4):
/// ```
/// | version 1 | reserved 3 | seconds since 1970 4 | hash 8 |
/// ```
@usableFromInline
package struct ServerCookie: Hashable, Sendable {
    /// Version, reserved octets and time.
    package let head: UInt64
    /// The hash that only the owner of the secret can compute.
    package let hash: UInt64

    /// Creates a server cookie.
    package init(head: UInt64, hash: UInt64) {
        self.head = head
        self.hash = hash
    }

    /// 1 in RFC 9018.
    package var version: Int { Int(head >> 56) }

    /// When it was made.
    package var time: UInt32 { UInt32(truncatingIfNeeded: head) }
}

extension ClientCookie {
    /// Octets of the option in a reply, code and length included.
    static let replyOptionLength = 4 + 8 + 16
}

extension EDNS {
    /// The cookie of a client's question; nil without one. A second COOKIE option is ignored (RFC 7873
    /// section 5.2).
    func cookie(in message: Span<UInt8>) throws(WireError) -> ClientCookie? {
        guard optionsLength > 0, let range = option(OptionCode.cookie, in: message) else { return nil }
        return try ClientCookie(in: message, range)
    }
}

extension Span<UInt8> {
    /// The number in the eight octets at `position`, in network order.
    package func number64(at position: Int) throws(WireError) -> UInt64 {
        UInt64(try number32(at: position)) << 32 | UInt64(try number32(at: position + 4))
    }
}
