/// The first twelve octets of a message (RFC 1035 section 4.1.1, RFC 4035 section 3 for AD and CD).
///
/// ```
///  0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
/// |QR|   opcode  |AA|TC|RD|RA| Z|AD|CD|   rcode   |
/// ```
@usableFromInline
package struct MessageHeader: Hashable, Sendable {
    /// The message ID.
    package var id: UInt16
    /// The second 16 bits, as drawn above.
    @usableFromInline package var flags: UInt16
    /// QDCOUNT.
    package var questionCount: Int
    /// ANCOUNT.
    package var answerCount: Int
    /// NSCOUNT.
    package var authorityCount: Int
    /// ARCOUNT.
    package var additionalCount: Int

    /// The header's length in octets.
    @inlinable package static var length: Int { 12 }

    /// Reads the header of a message.
    package init(reading message: Span<UInt8>) throws(WireError) {
        guard message.count >= Self.length else { throw .truncated(offset: 0, needed: Self.length) }
        let (first, last) = (message.word(at: 0), message.word(at: 4))
        id = UInt16(truncatingIfNeeded: first >> 48)
        flags = UInt16(truncatingIfNeeded: first >> 32)
        questionCount = Int(last >> 48)
        answerCount = Int(last >> 32 & 0xFFFF)
        authorityCount = Int(last >> 16 & 0xFFFF)
        additionalCount = Int(last & 0xFFFF)
    }

    /// QR.
    @inlinable
    package var isResponse: Bool { flags & Flags.response != 0 }
    /// TC.
    @inlinable
    package var isTruncated: Bool { flags & Flags.truncated != 0 }
    /// 0...15 (RFC 6895 section 2.2).
    @inlinable
    package var opcode: Int { Int(flags >> 11 & 0xF) }
    /// The low four bits of the response code, 0...15.
    @inlinable
    package var rcode: Int { Int(flags & 0xF) }

    /// Bits of `flags`.
    @usableFromInline
    package enum Flags {
        /// QR.
        @inlinable package static var response: UInt16 { 0x8000 }
        /// AA.
        @inlinable package static var authoritative: UInt16 { 0x0400 }
        /// TC.
        @inlinable package static var truncated: UInt16 { 0x0200 }
        /// RD.
        @inlinable package static var recursionDesired: UInt16 { 0x0100 }
        /// RA.
        @inlinable package static var recursionAvailable: UInt16 { 0x0080 }
        /// AD.
        @inlinable package static var authenticData: UInt16 { 0x0020 }
        /// CD.
        @inlinable package static var checkingDisabled: UInt16 { 0x0010 }
    }
}

/// Response codes (RFC 6895 section 2.3). Those above 15 need EDNS.
@usableFromInline
package struct ResponseCode: Hashable, Sendable {
    /// 0...4095, with the upper bits of OPT.
    @usableFromInline package let rawValue: Int

    /// Creates a response code.
    @inlinable
    package init(_ rawValue: Int) { self.rawValue = rawValue }

    /// True for a code above 15, which is sent in part in OPT.
    @inlinable
    package var needsEDNS: Bool { rawValue > 15 }

    /// True for the same code.
    @inlinable
    package static func == (left: ResponseCode, right: ResponseCode) -> Bool {
        left.rawValue == right.rawValue
    }

    /// NOERROR.
    @inlinable package static var noError: ResponseCode { ResponseCode(0) }
    /// FORMERR.
    @inlinable package static var formatError: ResponseCode { ResponseCode(1) }
    /// SERVFAIL.
    @inlinable package static var serverFailure: ResponseCode { ResponseCode(2) }
    /// NXDOMAIN.
    @inlinable package static var nameError: ResponseCode { ResponseCode(3) }
    /// NOTIMP.
    @inlinable package static var notImplemented: ResponseCode { ResponseCode(4) }
    /// REFUSED.
    @inlinable package static var refused: ResponseCode { ResponseCode(5) }
    /// NOTAUTH.
    @inlinable package static var notAuthoritative: ResponseCode { ResponseCode(9) }
    /// A name that is not in the zone (RFC 2136 section 2.2).
    @inlinable package static var notZone: ResponseCode { ResponseCode(10) }
    /// BADVERS (RFC 6891 section 9)
    @inlinable package static var badVersion: ResponseCode { ResponseCode(16) }
    /// BADCOOKIE (RFC 7873 section 8)
    @inlinable package static var badCookie: ResponseCode { ResponseCode(23) }
}

/// Record and question types that are treated specially (IANA DNS parameters; RFC 6895 section 3.1).
@usableFromInline
package enum RecordType {
    /// A.
    @inlinable package static var a: Int { 1 }
    /// NS.
    @inlinable package static var ns: Int { 2 }
    /// CNAME.
    @inlinable package static var cname: Int { 5 }
    /// SOA.
    @inlinable package static var soa: Int { 6 }
    /// PTR.
    @inlinable package static var ptr: Int { 12 }
    /// MX.
    @inlinable package static var mx: Int { 15 }
    /// TXT.
    @inlinable package static var txt: Int { 16 }
    /// SIG.
    @inlinable package static var sig: Int { 24 }
    /// AAAA.
    @inlinable package static var aaaa: Int { 28 }
    /// SRV.
    @inlinable package static var srv: Int { 33 }
    /// NAPTR.
    @inlinable package static var naptr: Int { 35 }
    /// DNAME.
    @inlinable package static var dname: Int { 39 }
    /// OPT.
    @inlinable package static var opt: Int { 41 }
    /// DS.
    @inlinable package static var ds: Int { 43 }
    /// RRSIG.
    @inlinable package static var rrsig: Int { 46 }
    /// NSEC.
    @inlinable package static var nsec: Int { 47 }
    /// NSEC3.
    @inlinable package static var nsec3: Int { 50 }
    /// SVCB.
    @inlinable package static var svcb: Int { 64 }
    /// HTTPS.
    @inlinable package static var https: Int { 65 }
    /// TKEY.
    @inlinable package static var tkey: Int { 249 }
    /// TSIG.
    @inlinable package static var tsig: Int { 250 }
    /// IXFR.
    @inlinable package static var ixfr: Int { 251 }
    /// AXFR.
    @inlinable package static var axfr: Int { 252 }
    /// MAILB.
    @inlinable package static var mailb: Int { 253 }
    /// MAILA.
    @inlinable package static var maila: Int { 254 }
    /// ANY.
    @inlinable package static var any: Int { 255 }
}

/// Classes (RFC 6895 section 3.2).
@usableFromInline
package enum RecordClass {
    /// The Internet.
    @inlinable package static var internet: Int { 1 }
    /// Chaosnet: questions about the server itself.
    @inlinable package static var chaos: Int { 3 }
    /// ANY.
    @inlinable package static var any: Int { 255 }
}
