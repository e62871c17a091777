/// What is wrong with a message. Offsets count octets from the start of the message.
@usableFromInline
package enum WireError: Error, Hashable, Sendable {
    /// The message ends although `needed` more octets are required at `offset`.
    case truncated(offset: Int, needed: Int)
    /// A compression pointer that does not point strictly backwards (RFC 1035 section 4.1.4, RFC 9267
    /// section 2).
    case forwardPointer(offset: Int, target: Int)
    /// More pointers in one name than it can have labels: ordinary names have one, and each costs time
    /// to follow.
    case tooManyPointers(offset: Int)
    /// A compression pointer into the header, which contains no name and differs for each receiver.
    case headerPointer(offset: Int, target: Int)
    /// A label type other than a plain label or a pointer (RFC 1035 section 4.1.4, RFC 6891 section 5).
    case reservedLabelType(offset: Int, octet: UInt8)
    /// A name of more than 255 octets (RFC 1035 section 2.3.4).
    case nameTooLong(offset: Int)
    /// Record data whose fields do not fill its stated length (RFC 1035 section 4.1.3).
    case dataLength(offset: Int)
    /// An OPT record outside the additional section, not owned by the root, or a second one (RFC 6891
    /// sections 6.1.1 and 6.1.2).
    case misplacedOPT(offset: Int)
    /// A response code above 15: its upper bits, in OPT, concern this hop only (RFC 6891 section 6.1.3).
    case extendedRcode(Int)
    /// A message without exactly one question (RFC 9619 section 4 for more).
    case questionCount(Int)
    /// More records than any valid answer or question has.
    case tooManyRecords(Int)
    /// A chain of aliases longer than any resolver follows (RFC 1034 section 3.6.2 sets no limit).
    case tooManyAliases
}

/// Why a well-formed answer can't be given under the names that were asked.
package enum MappingError: Error, Hashable, Sendable {
    /// The answer is malformed after all.
    case wire(WireError)
    /// A name that would exceed 255 octets under the outer suffix; in wire form, as the cluster sent it.
    case nameWouldExceedLimit(name: [UInt8])
}
