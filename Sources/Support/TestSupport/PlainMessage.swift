/// A message with every name written out: what a test expects, or what it got.
///
/// Decoder and encoder are plain and slow, and share no code with the modules under test.
package struct PlainMessage: Hashable, Sendable {
    /// The message ID.
    package var id: UInt16 = 0
    /// The second 16 bits of the header (RFC 1035 section 4.1.1).
    package var flags: UInt16 = 0
    /// The question section.
    package var questions: [PlainQuestion] = []
    /// The answer section.
    package var answers: [PlainRecord] = []
    /// The authority section.
    package var authorities: [PlainRecord] = []
    /// Including OPT, in its place.
    package var additionals: [PlainRecord] = []

    /// Creates a plain message.
    package init() {}

    /// The sections of records in their order.
    package var sections: [[PlainRecord]] { [answers, authorities, additionals] }

    /// The response code.
    package var rcode: Int { Int(flags & 0xF) }
    /// TC.
    package var isTruncated: Bool { flags & 0x0200 != 0 }

    /// The only OPT record of the additional section (RFC 6891).
    package var opt: PlainRecord? { additionals.first { $0.type == 41 } }
}

/// One entry of the question section (RFC 1035 section 4.1.2).
package struct PlainQuestion: Hashable, Sendable {
    /// The name asked.
    package var name: PlainName
    /// The type asked.
    package var type: Int
    /// The class asked.
    package var recordClass: Int

    /// Creates a plain question.
    package init(_ name: PlainName, type: Int, recordClass: Int = 1) {
        self.name = name
        self.type = type
        self.recordClass = recordClass
    }

    /// Name, type and class in wire form.
    package var wire: [UInt8] { name.wire + octets16(type) + octets16(recordClass) }
}

/// One record (RFC 1035 section 4.1.3).
package struct PlainRecord: Hashable, Sendable {
    /// The owner's name.
    package var owner: PlainName
    /// The type.
    package var type: Int
    /// The class.
    package var recordClass: Int
    /// In seconds.
    package var ttl: UInt32
    /// The parts of the data.
    package var data: [PlainField]

    /// Creates a plain record.
    package init(_ owner: PlainName, type: Int, recordClass: Int = 1, ttl: UInt32 = 30, _ data: [PlainField])
    {
        self.owner = owner
        self.type = type
        self.recordClass = recordClass
        self.ttl = ttl
        self.data = data
    }

    /// The owner and all names in the data.
    package var names: [PlainName] {
        [owner]
            + data.compactMap {
                if case .name(let name) = $0 { name } else { nil }
            }
    }
}

/// A part of a record's data.
package enum PlainField: Hashable, Sendable {
    /// A name.
    case name(PlainName)
    /// Octets.
    case octets([UInt8])
}

/// The parts of a type's data, if names are among them.
package enum PlainPiece: Sendable {
    /// A name.
    case name
    /// This many octets.
    case octets(Int)
    /// A string after its length.
    case string
    /// All remaining octets.
    case rest

    /// The pieces of `type`; a type without names is one opaque piece.
    package static func layout(of type: Int) -> [PlainPiece] {
        switch type {
        case 2, 3, 4, 5, 7, 8, 9, 12, 39: [.name]  // NS MD MF CNAME MB MG MR PTR DNAME
        case 6: [.name, .name, .octets(20)]  // SOA
        case 14, 17: [.name, .name]  // MINFO RP
        case 15, 18, 21, 36, 107: [.octets(2), .name]  // MX AFSDB RT KX LP
        case 26: [.octets(2), .name, .name]  // PX
        case 33: [.octets(6), .name]  // SRV
        case 35: [.octets(4), .string, .string, .string, .name]  // NAPTR
        case 64, 65: [.octets(2), .name, .rest]  // SVCB HTTPS
        case 24, 46: [.octets(18), .name, .rest]  // SIG RRSIG
        case 30, 47: [.name, .rest]  // NXT NSEC
        default: [.rest]
        }
    }
}

/// `number`'s low 16 bits in network order.
package func octets16(_ number: Int) -> [UInt8] {
    [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
}

/// `number` in network order.
package func octets32(_ number: UInt32) -> [UInt8] {
    octets16(Int(number >> 16)) + octets16(Int(number & 0xFFFF))
}
