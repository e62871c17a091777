/// The first twelve octets of a message (RFC 1035 section 4.1.1, RFC 4035 section 3 for AD and CD).
///
/// ```
///  0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
/// |QR|   opcode  |AA|TC|RD|RA| Z|AD|CD|   rcode   |
/// ```
package struct MessageHeader: Hashable, Sendable {
    /// The message ID.
    package var id: UInt16
    /// The second 16 bits, as drawn above.
    package var flags: UInt16
    /// QDCOUNT.
    package var questionCount: Int
    /// ANCOUNT.
    package var answerCount: Int
    /// NSCOUNT.
    package var authorityCount: Int
    /// ARCOUNT.
    package var additionalCount: Int

    /// The header's length in octets.
    package static let length = 12

    /// Reads the header of a message.
    package init(reading message: Span<UInt8>) throws(WireError) {
        guard message.count >= Self.length else { throw .truncated(offset: 0, needed: Self.length) }
        id = UInt16(truncatingIfNeeded: try message.number16(at: 0))
        flags = UInt16(truncatingIfNeeded: try message.number16(at: 2))
        questionCount = try message.number16(at: 4)
        answerCount = try message.number16(at: 6)
        authorityCount = try message.number16(at: 8)
        additionalCount = try message.number16(at: 10)
    }

    /// QR.
    package var isResponse: Bool { flags & Flags.response != 0 }
    /// TC.
    package var isTruncated: Bool { flags & Flags.truncated != 0 }
    /// 0...15 (RFC 6895 section 2.2).
    package var opcode: Int { Int(flags >> 11 & 0xF) }
    /// The low four bits of the response code, 0...15.
    package var rcode: Int { Int(flags & 0xF) }

    /// Bits of `flags`.
    package enum Flags {
        /// QR.
        package static let response: UInt16 = 0x8000
        /// AA.
        package static let authoritative: UInt16 = 0x0400
        /// TC.
        package static let truncated: UInt16 = 0x0200
        /// RD.
        package static let recursionDesired: UInt16 = 0x0100
        /// RA.
        package static let recursionAvailable: UInt16 = 0x0080
        /// AD.
        package static let authenticData: UInt16 = 0x0020
        /// CD.
        package static let checkingDisabled: UInt16 = 0x0010
    }
}

/// Response codes (RFC 6895 section 2.3). Those above 15 need EDNS.
package struct ResponseCode: Hashable, Sendable {
    /// 0...4095, with the upper bits of OPT.
    package let rawValue: Int

    /// Creates a response code.
    package init(_ rawValue: Int) { self.rawValue = rawValue }

    /// True for a code above 15, which is sent in part in OPT.
    package var needsEDNS: Bool { rawValue > 15 }

    /// NOERROR.
    package static let noError = ResponseCode(0)
    /// FORMERR.
    package static let formatError = ResponseCode(1)
    /// SERVFAIL.
    package static let serverFailure = ResponseCode(2)
    /// NXDOMAIN.
    package static let nameError = ResponseCode(3)
    /// NOTIMP.
    package static let notImplemented = ResponseCode(4)
    /// REFUSED.
    package static let refused = ResponseCode(5)
    /// NOTAUTH.
    package static let notAuthoritative = ResponseCode(9)
    /// A name that is not in the zone (RFC 2136 section 2.2).
    package static let notZone = ResponseCode(10)
    /// BADVERS (RFC 6891 section 9)
    package static let badVersion = ResponseCode(16)
    /// BADCOOKIE (RFC 7873 section 8)
    package static let badCookie = ResponseCode(23)
}

/// Record and question types that are treated specially (IANA DNS parameters; RFC 6895 section 3.1).
package enum RecordType {
    /// A.
    package static let a = 1
    /// NS.
    package static let ns = 2
    /// CNAME.
    package static let cname = 5
    /// SOA.
    package static let soa = 6
    /// PTR.
    package static let ptr = 12
    /// MX.
    package static let mx = 15
    /// TXT.
    package static let txt = 16
    /// SIG.
    package static let sig = 24
    /// AAAA.
    package static let aaaa = 28
    /// SRV.
    package static let srv = 33
    /// NAPTR.
    package static let naptr = 35
    /// DNAME.
    package static let dname = 39
    /// OPT.
    package static let opt = 41
    /// DS.
    package static let ds = 43
    /// RRSIG.
    package static let rrsig = 46
    /// NSEC.
    package static let nsec = 47
    /// NSEC3.
    package static let nsec3 = 50
    /// SVCB.
    package static let svcb = 64
    /// HTTPS.
    package static let https = 65
    /// TKEY.
    package static let tkey = 249
    /// TSIG.
    package static let tsig = 250
    /// IXFR.
    package static let ixfr = 251
    /// AXFR.
    package static let axfr = 252
    /// MAILB.
    package static let mailb = 253
    /// MAILA.
    package static let maila = 254
    /// ANY.
    package static let any = 255
}

/// Classes (RFC 6895 section 3.2).
package enum RecordClass {
    /// The Internet.
    package static let internet = 1
    /// Chaosnet: questions about the server itself.
    package static let chaos = 3
    /// ANY.
    package static let any = 255
}
