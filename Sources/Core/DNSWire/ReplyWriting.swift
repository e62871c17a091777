/// What a client's message says about the reply that it accepts.
@usableFromInline
package struct ReplyTerms: Sendable {
    /// The ID of the question.
    package var id: UInt16
    /// The opcode and RD and CD bits of the question, which are copied (RFC 1035 section 4.1.1, RFC 4035
    /// section 3.2.2).
    package var copiedFlags: UInt16
    /// True if the question had an OPT record.
    package var hasEDNS: Bool
    /// DO of the question.
    package var wantsDNSSEC: Bool
    /// True if the client uses AD (RFC 6840 section 5.7).
    package var wantsAuthenticData: Bool
    /// The most octets that the reply may take: 512...65535, or `noReply`.
    package var limit: Int
    /// Octets of the client's message.
    package var askedOctets = 0
    /// The cookie that is returned in EDNS (RFC 7873 section 5.2).
    @usableFromInline package var cookie: ClientCookie?
    /// How long the client may leave its connection idle, in units of 100 ms (RFC 7828 section 3.1); nil: not
    /// asked for, or no connection.
    package var keepalive: UInt16?

    /// True if a cookie of ours validates the client's address.
    @inlinable
    package var isAddressValidated: Bool { cookie?.isProof ?? false }

    /// Octets of OPT without an Extended DNS Error; 0 without EDNS.
    fileprivate var reservedOctets: Int {
        guard hasEDNS else { return 0 }
        return EDNS.emptyRecordLength + (cookie?.reply == nil ? 0 : ClientCookie.replyOptionLength)
            + (keepalive == nil ? 0 : EDNS.keepaliveOptionLength)
    }

    /// - Parameter limit: What the transport and, over UDP, the client's payload size and ours allow.
    package init(header: MessageHeader, edns: EDNS?, limit: Int) {
        id = header.id
        copiedFlags =
            header.flags
            & (0x7800 | MessageHeader.Flags.recursionDesired | MessageHeader.Flags.checkingDisabled)
        hasEDNS = edns != nil
        wantsDNSSEC = edns?.wantsDNSSEC ?? false
        wantsAuthenticData = wantsDNSSEC || header.flags & MessageHeader.Flags.authenticData != 0
        self.limit = limit
    }

    /// A limit that says that no reply is wanted: the question refreshes the cache.
    @inlinable package static var noReply: Int { 0 }

    /// The room for a UDP reply: 512 octets without EDNS (RFC 1035 section 4.2.1), else the client's payload
    /// size, at most ours.
    @inlinable
    package static func datagramLimit(edns: EDNS?, ours: Int) -> Int {
        edns.map { min($0.payloadSize, ours) } ?? 512
    }

    /// The reply's header bits that come from the question.
    fileprivate var flags: UInt16 {
        MessageHeader.Flags.response | MessageHeader.Flags.recursionAvailable | copiedFlags
    }
}

/// How the TTLs of an answer are changed in a reply.
package enum AnswerFreshness: Hashable, Sendable {
    /// Each is lowered by the answer's age in seconds.
    case age(UInt32)
    /// All are set to this number of seconds: the answer has expired and no newer one is available (RFC 8767
    /// section 4).
    case stale(UInt32)
}

extension PreparedAnswer {
    /// Octets of the address in record `index` of the answer section; 0 if it holds none.
    fileprivate func addressLength(_ index: Int) -> Int {
        let mark = marks[index]
        guard mark.section == .answer else { return 0 }
        let length =
            switch Int(mark.type) {
            case RecordType.a: 4
            case RecordType.aaaa: 16
            default: 0
            }
        // In a class other than IN the same type may hold anything, so the octets after TTL and length
        // are counted.
        return Int(mark.end) - Int(mark.ttlOffset) == 6 + length ? length : 0
    }

    /// True if records `first` and `other` may be rotated: addresses or services of the same name.
    fileprivate func trade(_ first: Int, _ other: Int) -> Bool {
        let length = addressLength(first)
        guard length > 0 ? addressLength(other) == length : isService(first) && isService(other) else {
            return false
        }
        // Owner, type and class are the octets before the TTL.
        let (one, two) = (Int(marks[first].ttlOffset), Int(marks[other].ttlOffset))
        let ownerSize = ownerLength(first)
        guard ownerSize == ownerLength(other) else { return false }
        for index in 1...(4 + ownerSize) where octets[one - index] != octets[two - index] { return false }
        return true
    }

    /// True if record `index` is a service whose octets may be moved: no pointer leads into its owner, which
    /// is a pointer itself, or into its data, see `AnswerWalk.copy`.
    private func isService(_ index: Int) -> Bool {
        let mark = marks[index]
        return mark.section == .answer && Int(mark.type) == RecordType.srv && ownerLength(index) == 2
    }
}

/// How one reply differs from others that give the same answer.
package struct ReplyVariant: Sendable {
    /// How the TTLs are changed.
    package var freshness: AnswerFreshness
    /// Addresses and services of one name are rotated by this number, so that clients spread over them.
    package var rotation: UInt32
    /// Sent with EDNS, in place of the answer's own, if there is room for it.
    package var error: ExtendedError?

    package init(
        freshness: AnswerFreshness = .age(0), rotation: UInt32 = 0, error: ExtendedError? = nil
    ) {
        self.freshness = freshness
        self.rotation = rotation
        self.error = error
    }
}

extension OctetBuffer {
    /// Appends the reply that gives `answer` to one client.
    ///
    /// If it does not fit, whole records are dropped from the end; TC is set if one of the answer or
    /// authority section is dropped (RFC 2181 section 9).
    ///
    /// - Parameter question: Name, type and class as this client asked, of the same length as in `answer`.
    package mutating func appendReply(
        _ answer: borrowing PreparedAnswer, to question: Span<UInt8>, _ terms: ReplyTerms,
        _ variant: ReplyVariant = ReplyVariant()
    ) {
        let base = count
        let reserved = terms.reservedOctets
        let size = answer.octets.count
        if size + reserved <= terms.limit {
            append(answer.octets.span)
        } else {
            appendCut(answer, limit: terms.limit - reserved)
        }
        replace(at: base + MessageHeader.length, with: question)
        let kept = Int(number16(at: base + 2))
        var flags = terms.flags | UInt16(truncatingIfNeeded: kept & 0x020F)  // TC and rcode
        if terms.wantsAuthenticData {
            flags |= UInt16(truncatingIfNeeded: kept) & MessageHeader.Flags.authenticData
        }
        set16(Int(terms.id), at: base)
        set16(Int(flags), at: base + 2)
        switch variant.freshness {
        case .age(0): break
        case .age(let age): setTTLs(of: answer, base: base) { ttl in ttl > age ? ttl - age : 0 }
        case .stale(let seconds): setTTLs(of: answer, base: base) { _ in seconds }
        }
        if variant.rotation > 0, answer.marks.count > 1 {
            rotateSets(of: answer, base: base, by: Int(variant.rotation))
        }
        if terms.hasEDNS { appendOPT(base: base, terms, variant.error ?? answer.extendedError) }
    }

    /// Appends as many whole records of `answer` as fit in `limit` octets, and sets the counts.
    private mutating func appendCut(_ answer: borrowing PreparedAnswer, limit: Int) {
        let base = count
        var index = 0
        while index < answer.marks.count, Int(answer.marks[index].end) <= limit { index += 1 }
        var isTruncated = false
        if index < answer.marks.count { (index, isTruncated) = answer.cut(before: index) }
        append(answer.octets.span, 0..<answer.start(ofRecord: index))
        var counts = InlineArray<3, Int>(repeating: 0)
        for record in 0..<index { counts[Int(answer.marks[record].section.rawValue)] += 1 }
        for section in 0..<3 { set16(counts[section], at: base + 6 + 2 * section) }
        if isTruncated { set16(number16(at: base + 2) | Int(MessageHeader.Flags.truncated), at: base + 2) }
    }

    /// Sets or lowers the TTLs of the records before `end`.
    private mutating func setTTLs(
        of answer: borrowing PreparedAnswer, base: Int, _ change: (UInt32) -> UInt32
    ) {
        for index in 0..<answer.marks.count {
            let mark = answer.marks[index]
            let offset = base + Int(mark.ttlOffset)
            // Records after the end did not fit.
            guard count - offset >= 4 else { return }
            set32(change(number32(at: offset)), at: offset)
        }
    }

    /// Rotates the addresses and services of each RRset of the answer section by `steps` places.
    ///
    /// Only adjacent records with the same owner octets and type form a set.
    private mutating func rotateSets(of answer: borrowing PreparedAnswer, base: Int, by steps: Int) {
        var first = 0
        while first < answer.marks.count {  // `first` grows each turn
            var end = first + 1
            while end < answer.marks.count, answer.trade(first, end) { end += 1 }
            if end - first > 1 {
                if answer.addressLength(first) > 0 {
                    rotateAddresses(first..<end, of: answer, base: base, by: steps)
                } else {
                    rotateRecords(first..<end, of: answer, base: base, by: steps)
                }
            }
            first = end
        }
    }

    /// Rotates addresses, also of records that have no room here.
    private mutating func rotateAddresses(
        _ run: Range<Int>, of answer: borrowing PreparedAnswer, base: Int, by steps: Int
    ) {
        let length = answer.addressLength(run.lowerBound)
        for index in 0..<run.count {
            let target = base + Int(answer.marks[run.lowerBound + index].end) - length
            guard target + length <= count else { return }
            let source = Int(answer.marks[run.lowerBound + (index + steps) % run.count].end) - length
            replace(at: target, with: answer.octets.span.extracting(source..<(source + length)))
        }
    }

    /// Rotates whole records of any length: those that have room here.
    private mutating func rotateRecords(
        _ run: Range<Int>, of answer: borrowing PreparedAnswer, base: Int, by steps: Int
    ) {
        var end = run.lowerBound
        while end < run.upperBound, base + Int(answer.marks[end].end) <= count { end += 1 }
        guard end - run.lowerBound > 1 else { return }
        let place = run.lowerBound + steps % (end - run.lowerBound)
        let start = answer.start(ofRecord: run.lowerBound)
        rotate(
            base + start..<base + Int(answer.marks[end - 1].end), by: answer.start(ofRecord: place) - start)
    }

    /// Appends OPT and counts it; the error's text, then the error, is left out if it would not fit.
    private mutating func appendOPT(
        base: Int, rcode: ResponseCode = .noError, _ terms: ReplyTerms, _ error: ExtendedError?
    ) {
        let room = terms.limit - (count - base) - terms.reservedOctets
        var sent = error
        if let error, error.optionLength > room {
            sent = room >= 6 ? ExtendedError(code: error.code, text: []) : nil
        }
        var opt = OPTRecord(wantsDNSSEC: terms.wantsDNSSEC)
        opt.rcode = rcode
        opt.cookie = terms.cookie
        opt.keepalive = terms.keepalive
        opt.error = sent
        append(opt)
        set16(number16(at: base + 10) + 1, at: base + 10)
    }

    /// Appends a reply without records: an error, or a NODATA that is made here.
    ///
    /// - Parameter question: Name, type and class as asked; empty if the question could not be read.
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

    /// Turns the reply from `base` to the end into one without records that is no longer than its question:
    /// with TC, so that the client comes by TCP; with BADCOOKIE and a good cookie if the client supports
    /// cookies (RFC 7873 section 5.2.3).
    package mutating func reduceReply(from base: Int, nameLength: Int, _ terms: ReplyTerms) {
        truncate(to: base + MessageHeader.length + nameLength + 4)
        let rcode: ResponseCode = terms.cookie == nil ? .noError : .badCookie
        let truncation = terms.cookie == nil ? MessageHeader.Flags.truncated : 0
        set16(Int(terms.flags | truncation) | rcode.rawValue & 0xF, at: base + 2)
        for offset in [6, 8, 10] { set16(0, at: base + offset) }
        if terms.hasEDNS { appendOPT(base: base, rcode: rcode, terms, nil) }
    }
}
