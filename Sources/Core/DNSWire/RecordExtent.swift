/// The place of one resource record in a message (RFC 1035 section 4.1.3).
///
/// ```
/// | owner | type 2 | class 2 | TTL 4 | length 2 | data |
/// start   ownerEnd                             dataStart   end
/// ```
package struct RecordExtent: Hashable, Sendable {
    /// Offset of the owner.
    package let start: Int
    /// Offset after the owner.
    package let ownerEnd: Int
    /// Octets of the owner without compression.
    package let ownerLength: Int
    /// The record's type.
    package let type: Int
    /// The record's class.
    package let recordClass: Int
    /// The record's TTL, in seconds.
    package let ttl: UInt32
    /// Offset of the data.
    package let dataStart: Int
    /// Offset after the data.
    package let end: Int

    /// Reads the record at `start`, and checks that it lies inside the message.
    ///
    /// - Parameter nameLength: Octets of the question's name, which was walked before; nil: not known.
    package init(
        in message: Span<UInt8>, at start: Int, questionNameLength nameLength: Int? = nil
    ) throws(WireError) {
        let owner = try Self.owner(in: message, at: start, nameLength)
        guard message.count - owner.end >= 10 else { throw .truncated(offset: owner.end, needed: 10) }
        self.start = start
        ownerEnd = owner.end
        ownerLength = owner.length
        let fixed = message.word(at: owner.end)
        type = Int(fixed >> 48)
        recordClass = Int(fixed >> 32 & 0xFFFF)
        ttl = UInt32(truncatingIfNeeded: fixed)
        let length = Int(message[owner.end + 8]) << 8 | Int(message[owner.end + 9])
        dataStart = owner.end + 10
        guard message.count - dataStart >= length else { throw .truncated(offset: dataStart, needed: length) }
        end = dataStart + length
    }

    /// Walks the owner. Most are the root or a pointer to the question's name, which need no walk.
    private static func owner(
        in message: Span<UInt8>, at start: Int, _ nameLength: Int?
    ) throws(WireError) -> NameExtent {
        guard message.count - start >= 2 else { return try walkName(in: message, at: start) }
        if message[start] == 0 { return NameExtent(end: start + 1, length: 1) }
        guard let nameLength, message[start] == 0xC0, message[start + 1] == UInt8(MessageHeader.length),
            start > MessageHeader.length
        else { return try walkName(in: message, at: start) }
        return NameExtent(end: start + 2, length: nameLength)
    }
}

/// How the data of a record type is laid out around the names in it.
///
/// Only types that contain names are listed; the data of every other type is one opaque string (RFC 3597
/// section 4).
package struct RecordDataLayout: Sendable {
    /// Octets before the first name.
    let prefix: Int
    /// Length-prefixed strings between the prefix and the first name (NAPTR has three).
    var strings = 0
    /// The number of names, one after the other.
    let names: Int
    /// True if our output may compress the names: only in the types of RFC 1035 (RFC 3597 section 4).
    var mayCompress = false
    /// What follows the names.
    var tail = Tail.none

    /// What may follow the names.
    enum Tail: Sendable {
        case none
        /// Exactly this many octets.
        case octets(Int)
        /// All remaining octets of the data.
        case rest
    }

    /// The layout of `type`; nil for a type without names or an unknown one.
    package init?(type: Int) {
        switch type {
        case 2, 3, 4, 5, 7, 8, 9, 12:  // NS MD MF CNAME MB MG MR PTR: RFC 1035 section 3.3
            self.init(prefix: 0, names: 1, mayCompress: true)
        case 6:  // SOA: RFC 1035 section 3.3.13
            self.init(prefix: 0, names: 2, mayCompress: true, tail: .octets(20))
        case 14:  // MINFO: RFC 1035 section 3.3.7
            self.init(prefix: 0, names: 2, mayCompress: true)
        case 15:  // MX: RFC 1035 section 3.3.9
            self.init(prefix: 2, names: 1, mayCompress: true)
        case 17:  // RP: RFC 1183 section 2.2
            self.init(prefix: 0, names: 2)
        case 18, 21, 36, 107:  // AFSDB, RT: RFC 1183; KX: RFC 2230 section 3.1; LP: RFC 6742 section 2.4
            self.init(prefix: 2, names: 1)
        case 26:  // PX: RFC 2163 section 4
            self.init(prefix: 2, names: 2)
        case 33:  // SRV: RFC 2782, which forbids compression
            self.init(prefix: 6, names: 1)
        case 35:  // NAPTR: RFC 3403 section 4.1
            self.init(prefix: 4, strings: 3, names: 1)
        case 39:  // DNAME: RFC 6672 section 2.1
            self.init(prefix: 0, names: 1)
        case 64, 65:  // SVCB, HTTPS: RFC 9460 section 2.2
            self.init(prefix: 2, names: 1, tail: .rest)
        case 24, 46:  // SIG, RRSIG: RFC 4034 section 3.1
            self.init(prefix: 18, names: 1, tail: .rest)
        case 30, 47:  // NXT: RFC 2535; NSEC: RFC 4034 section 4.1
            self.init(prefix: 0, names: 1, tail: .rest)
        default:
            return nil
        }
    }

    private init(prefix: Int, strings: Int = 0, names: Int, mayCompress: Bool = false, tail: Tail = .none) {
        self.prefix = prefix
        self.strings = strings
        self.names = names
        self.mayCompress = mayCompress
        self.tail = tail
    }

    /// The offset of the first name of `record`; checked to lie inside the data.
    func firstName(of record: RecordExtent, in message: Span<UInt8>) throws(WireError) -> Int {
        guard record.end - record.dataStart >= prefix else { throw .dataLength(offset: record.dataStart) }
        var position = record.dataStart + prefix
        for _ in 0..<strings {
            guard position < record.end, record.end - position - 1 >= Int(message[position]) else {
                throw .dataLength(offset: position)
            }
            position += 1 + Int(message[position])
        }
        return position
    }

    /// Checks that what follows the last name, which ends at `position`, fills the data exactly.
    func checkTail(of record: RecordExtent, from position: Int) throws(WireError) {
        let fits =
            switch tail {
            case .none: position == record.end
            case .octets(let count): record.end - position == count
            case .rest: position <= record.end
            }
        guard fits else { throw .dataLength(offset: record.dataStart) }
    }

    /// Walks all names of `record` and checks that the fields fill its data.
    package func check(_ record: RecordExtent, in message: Span<UInt8>) throws(WireError) {
        var position = try firstName(of: record, in: message)
        for _ in 0..<names {
            guard position < record.end else { throw .dataLength(offset: record.dataStart) }
            position = try walkName(in: message, at: position).end
        }
        try checkTail(of: record, from: position)
    }
}

/// The exact data length that a type without names must have, in octets; nil if it may vary.
package func fixedDataLength(type: Int, recordClass: Int) -> Int? {
    guard recordClass == RecordClass.internet else { return nil }
    return switch type {
    case RecordType.a: 4  // RFC 1035 section 3.4.1
    case RecordType.aaaa: 16  // RFC 3596 section 2.2
    default: nil
    }
}
