/// The content of an OPT record (RFC 6891 section 6.1.3).
@usableFromInline
package struct EDNS: Hashable, Sendable {
    /// The sender's UDP payload size, in octets, 512...65535: values below 512 are read as 512
    /// (section 6.2.3).
    @usableFromInline package var payloadSize: Int
    /// The upper eight bits of the response code.
    package var extendedRcode: Int
    /// The EDNS version; only 0 is defined.
    package var version: Int
    /// DO: the sender wants DNSSEC records (RFC 3225).
    @usableFromInline package var wantsDNSSEC: Bool
    /// Offset and length of the options inside the message.
    package var optionsStart: Int
    /// Length of the options, in octets.
    package var optionsLength: Int

    /// Reads the OPT record whose owner, the root, is at `start`.
    ///
    /// - Throws: If options exceed the record, or the OPT is cut off.
    init(in message: Span<UInt8>, at start: Int) throws(WireError) {
        try self.init(fixedPartIn: message, at: start)
        try checkOptions(in: message)
    }

    /// Reads what precedes the options; `option` may be used only after `checkOptions`.
    init(fixedPartIn message: Span<UInt8>, at start: Int) throws(WireError) {
        payloadSize = max(512, try message.number16(at: start + 3))
        let flags = try message.number32(at: start + 5)
        extendedRcode = Int(flags >> 24)
        version = Int(flags >> 16 & 0xFF)
        wantsDNSSEC = flags & 0x8000 != 0
        optionsStart = start + 11
        optionsLength = try message.number16(at: start + 9)
        guard message.count - optionsStart >= optionsLength else {
            throw .truncated(offset: optionsStart, needed: optionsLength)
        }
    }

    /// This record without its options.
    var withoutOptions: EDNS {
        var edns = self
        edns.optionsLength = 0
        return edns
    }

    /// Checks that the options fill the record's data (RFC 6891 section 6.1.2).
    func checkOptions(in message: Span<UInt8>) throws(WireError) {
        var position = optionsStart
        let end = optionsStart + optionsLength
        while position < end {  // advances by at least four octets
            guard end - position >= 4 else { throw .dataLength(offset: position) }
            let length = try message.number16(at: position + 2)
            guard end - position - 4 >= length else { throw .dataLength(offset: position) }
            position += 4 + length
        }
    }

    /// The range of the data of the first option with this code; requires `checkOptions`.
    package func option(_ code: Int, in message: Span<UInt8>) -> Range<Int>? {
        var position = optionsStart
        let end = optionsStart + optionsLength
        while end - position >= 4 {
            guard let found = try? message.number16(at: position),
                let length = try? message.number16(at: position + 2)
            else { return nil }
            let data = (position + 4)..<(position + 4 + length)
            if found == code { return data }
            position = data.upperBound
        }
        return nil
    }

    /// The Extended DNS Error in the message, if any (RFC 8914 section 2).
    package func extendedError(in message: Span<UInt8>) -> ExtendedError? {
        guard let data = option(OptionCode.extendedError, in: message), data.count >= 2,
            let code = try? message.number16(at: data.lowerBound)
        else { return nil }
        return ExtendedError(code: code, text: (data.lowerBound + 2..<data.upperBound).map { message[$0] })
    }

    /// True if the sender asks how long an idle connection may stay open: the option without a time, as
    /// clients send it (RFC 7828 section 3.2.1).
    func wantsKeepalive(in message: Span<UInt8>) -> Bool {
        optionsLength > 0 && option(OptionCode.keepalive, in: message)?.isEmpty == true
    }

    /// Option codes (RFC 6891 section 9, IANA registry).
    package enum OptionCode {
        /// A cookie (RFC 7873).
        package static let cookie = 10
        /// The idle time of a connection (RFC 7828)
        package static let keepalive = 11
        /// The reason of a failure (RFC 8914).
        package static let extendedError = 15
    }

    /// The length of an OPT record without options, in octets.
    package static let emptyRecordLength = 11

    /// Octets of the keepalive option in a reply, code and length included.
    static let keepaliveOptionLength = 4 + 2

    /// The UDP payload size that we advertise to clients and servers, in octets: passes every path without
    /// fragmentation (RFC 9715 section 3).
    package static let advertisedPayloadSize = 1232
}

/// An OPT record of ours (RFC 6891 section 6.1.2).
@usableFromInline
package struct OPTRecord: Sendable {
    /// The response code, whose upper bits are here.
    var rcode = ResponseCode.noError
    /// The largest UDP message that we accept, in octets.
    package var payloadSize = EDNS.advertisedPayloadSize
    /// The DO bit.
    package var wantsDNSSEC: Bool
    /// The cookie of a reply; nil for none.
    var cookie: ClientCookie?
    /// See `ReplyTerms.keepalive`.
    var keepalive: UInt16?
    /// Why an answer is missing, or how it was obtained (RFC 8914); nil for none.
    var error: ExtendedError?

    /// Creates an OPT record.
    package init(wantsDNSSEC: Bool) {
        self.wantsDNSSEC = wantsDNSSEC
    }
}

extension OctetBuffer {
    /// Appends an OPT record.
    package mutating func append(_ opt: OPTRecord) {
        let (cookie, keepalive, error) = (opt.cookie, opt.keepalive, opt.error)
        append(0)
        append16(RecordType.opt)
        append16(opt.payloadSize)
        append16((opt.rcode.rawValue >> 4) << 8)  // extended rcode, version 0
        append16(opt.wantsDNSSEC ? 0x8000 : 0)
        let cookieLength = cookie?.reply == nil ? 0 : ClientCookie.replyOptionLength
        let keepaliveLength = keepalive == nil ? 0 : EDNS.keepaliveOptionLength
        append16(cookieLength + keepaliveLength + (error?.optionLength ?? 0))
        if let cookie, let server = cookie.reply {
            append16(EDNS.OptionCode.cookie)
            append16(ClientCookie.replyOptionLength - 4)
            append64(cookie.client)
            append64(server.head)
            append64(server.hash)
        }
        if let keepalive {
            append16(EDNS.OptionCode.keepalive)
            append16(EDNS.keepaliveOptionLength - 4)
            append16(Int(keepalive))
        }
        guard let error else { return }
        append16(EDNS.OptionCode.extendedError)
        append16(2 + error.text.count)
        append16(error.code)
        append(error.text)
    }
}
