/// What a client's message says about the reply that it can take.
package struct ReplyTerms: Sendable {
    package var id: UInt16
    /// The opcode and RD and CD bits of the question, which are copied (RFC 1035 section 4.1.1, RFC 4035 section 3.2.2).
    package var copiedFlags: UInt16
    package var hasEDNS: Bool
    package var wantsDNSSEC: Bool
    /// True where the client would look at AD (RFC 6840 section 5.7).
    package var wantsAuthenticData: Bool
    /// The most octets that the reply may take: 512...65535.
    package var limit: Int

    /// - Parameter limit: What the transport and, over UDP, the client's payload size and ours allow.
    package init(header: MessageHeader, edns: EDNS?, limit: Int) {
        id = header.id
        copiedFlags = header.flags & (0x7800 | MessageHeader.Flags.recursionDesired | MessageHeader.Flags.checkingDisabled)
        hasEDNS = edns != nil
        wantsDNSSEC = edns?.wantsDNSSEC ?? false
        wantsAuthenticData = wantsDNSSEC || header.flags & MessageHeader.Flags.authenticData != 0
        self.limit = limit
    }

    /// The room for a UDP reply: 512 octets without EDNS (RFC 1035 section 4.2.1), else the client's payload size.
    package static func datagramLimit(edns: EDNS?, ours: Int) -> Int {
        edns.map { min($0.payloadSize, ours) } ?? 512
    }

    fileprivate var flags: UInt16 {
        MessageHeader.Flags.response | MessageHeader.Flags.recursionAvailable | copiedFlags
    }
}

extension OctetBuffer {
    /// Appends the reply that gives `answer` to one client.
    ///
    /// Where it does not fit, whole records are left out from the end; TC is set once one of the answer or authority
    /// section is missing (RFC 2181 section 9).
    ///
    /// - Parameters:
    ///   - question: Name, type and class as this client asked, of the same length as in `answer`.
    ///   - age: Seconds that the answer has been held: every TTL is lowered by it.
    ///   - error: Goes out with EDNS where there is room for it.
    package mutating func appendReply(
        _ answer: borrowing PreparedAnswer, to question: Span<UInt8>, _ terms: ReplyTerms, age: UInt32 = 0,
        error: ExtendedError? = nil
    ) {
        let base = count
        let reserved = terms.hasEDNS ? EDNS.emptyRecordLength : 0
        let size = answer.octets.count
        if size + reserved <= terms.limit {
            append(answer.octets.span)
        } else {
            appendCut(answer, limit: terms.limit - reserved)
        }
        replace(at: base + MessageHeader.length, with: question)
        let kept = Int(number16(at: base + 2))
        var flags = terms.flags | UInt16(truncatingIfNeeded: kept & 0x020F)  // TC and rcode
        if terms.wantsAuthenticData { flags |= UInt16(truncatingIfNeeded: kept) & MessageHeader.Flags.authenticData }
        set16(Int(terms.id), at: base)
        set16(Int(flags), at: base + 2)
        if age > 0 { lowerTTLs(of: answer, base: base, age: age) }
        if terms.hasEDNS { appendOPT(base: base, terms, error ?? answer.extendedError) }
    }

    /// Appends as many whole records of `answer` as fit in `limit` octets, with the counts of what is there.
    private mutating func appendCut(_ answer: borrowing PreparedAnswer, limit: Int) {
        let base = count
        var end = answer.questionEnd
        var counts = InlineArray<3, Int>(repeating: 0)
        var index = 0
        while index < answer.marks.count, Int(answer.marks[index].end) <= limit {
            end = Int(answer.marks[index].end)
            counts[Int(answer.marks[index].section.rawValue)] += 1
            index += 1
        }
        append(answer.octets.span, 0..<end)
        for section in 0..<3 { set16(counts[section], at: base + 6 + 2 * section) }
        if index < answer.marks.count, answer.marks[index].section != .additional {
            set16(number16(at: base + 2) | Int(MessageHeader.Flags.truncated), at: base + 2)
        }
    }

    private mutating func lowerTTLs(of answer: borrowing PreparedAnswer, base: Int, age: UInt32) {
        for index in 0..<answer.marks.count {
            let mark = answer.marks[index]
            guard base + Int(mark.end) <= count else { return }
            let offset = base + Int(mark.ttlOffset)
            let ttl = UInt32(number16(at: offset)) << 16 | UInt32(number16(at: offset + 2))
            set32(ttl > age ? ttl - age : 0, at: offset)
        }
    }

    /// Appends OPT and counts it; the error's text, then the error, is dropped where it would not fit.
    private mutating func appendOPT(base: Int, rcode: ResponseCode = .noError, _ terms: ReplyTerms, _ error: ExtendedError?) {
        let room = terms.limit - (count - base) - EDNS.emptyRecordLength
        var sent = error
        if let error, error.optionLength > room {
            sent = room >= 6 ? ExtendedError(code: error.code, text: []) : nil
        }
        appendOPT(rcode: rcode, wantsDNSSEC: terms.wantsDNSSEC, error: sent)
        set16(number16(at: base + 10) + 1, at: base + 10)
    }

    /// Appends a reply without records: an error, or a NODATA that nobody but us gives.
    ///
    /// - Parameter question: Name, type and class as asked; empty where the question could not be read.
    package mutating func appendEmptyReply(
        _ rcode: ResponseCode, to question: Span<UInt8>, _ terms: ReplyTerms, error: ExtendedError? = nil
    ) {
        let base = count
        append16(Int(terms.id))
        append16(Int(terms.flags) | rcode.rawValue & 0xF)
        append16(question.isEmpty ? 0 : 1)
        append16(0)
        append32(0)
        append(question)
        if terms.hasEDNS { appendOPT(base: base, rcode: rcode, terms, error) }
    }
}
