/// The only question of a message: the place of its name, type and class (RFC 1035 section 4.1.2).
@usableFromInline
package struct Question: Hashable, Sendable {
    /// The name begins after the header and is never compressed.
    @inlinable package static var nameStart: Int { MessageHeader.length }

    /// Octets of the name in wire form, 1...255.
    @usableFromInline package let nameLength: Int
    /// The type asked.
    @usableFromInline package let type: Int
    /// The class asked.
    @usableFromInline package let recordClass: Int

    /// Offset after the question.
    @inlinable
    package var end: Int { Self.nameStart + nameLength + 4 }

    /// The range of name, type and class inside the message.
    @inlinable
    package var range: Range<Int> { Self.nameStart..<end }

    /// A question of which this is known.
    @inlinable
    package init(nameLength: Int, type: Int, recordClass: Int) {
        self.nameLength = nameLength
        self.type = type
        self.recordClass = recordClass
    }

    /// Reads the question after the header of `message`.
    package init(reading message: Span<UInt8>) throws(WireError) {
        // Only the header precedes it, so every pointer would lead into the header or forwards.
        let extent = try walkName(in: message, at: Self.nameStart)
        guard extent.end - Self.nameStart == extent.length else {
            throw .forwardPointer(offset: Self.nameStart, target: 0)
        }
        nameLength = extent.length
        type = try message.number16(at: extent.end)
        recordClass = try message.number16(at: extent.end + 2)
    }
}

/// A client's question, checked; its octets stay in the message.
@usableFromInline
package struct ClientQuery: Sendable {
    /// The message's header.
    @usableFromInline package let header: MessageHeader
    /// The only question.
    package let question: Question
    /// The OPT record; nil without EDNS.
    @usableFromInline package let edns: EDNS?
    /// True if a TSIG record signs the message (RFC 8945 section 5.1). A SIG(0) is ignored, as a server that
    /// does not know it must (RFC 2931 section 3.2).
    package let isSigned: Bool
    /// True if the client asks how long its connection may be idle (RFC 7828).
    package let wantsKeepalive: Bool
    /// Octets of the whole message.
    package let octets: Int
    /// The client's cookie (RFC 7873).
    @usableFromInline package var cookie: ClientCookie?

    /// True if a cookie of ours shows that the sender's address is not forged.
    @inlinable
    package var isAddressValidated: Bool { cookie?.isProof ?? false }

    /// RD.
    package var recursionDesired: Bool { header.flags & MessageHeader.Flags.recursionDesired != 0 }
    /// CD.
    @inlinable
    package var checkingDisabled: Bool { header.flags & MessageHeader.Flags.checkingDisabled != 0 }
    /// AD.
    package var authenticDataAsked: Bool { header.flags & MessageHeader.Flags.authenticData != 0 }
    /// DO.
    @inlinable
    package var wantsDNSSEC: Bool { edns?.wantsDNSSEC ?? false }
}

/// What to do with a datagram or TCP message that a client sent.
package enum ClientMessage: Sendable {
    /// A question to answer.
    case query(ClientQuery)

    /// Not a question, or too short to answer: no reply (a reply to a response could loop).
    case ignore

    /// A message that gets an error: the header's ID and opcode are copied, and the question if it could
    /// be read.
    case reject(ResponseCode, question: Question?, edns: EDNS?)

    /// No question but a cookie: the client asks for a server cookie (RFC 7873 section 5.4).
    case cookieRequest(MessageHeader, EDNS, ClientCookie)

    /// Reads `message`; every octet string is one of the four cases.
    package init(reading message: Span<UInt8>) {
        guard let header = try? MessageHeader(reading: message), !header.isResponse else {
            self = .ignore
            return
        }
        guard header.opcode == 0 else {  // RFC 8906 section 7
            self = .reject(.notImplemented, question: nil, edns: QueryTail.edns(of: message, header))
            return
        }
        if header.questionCount == 0, let edns = QueryTail.edns(of: message, header), edns.version == 0,
            let cookie = try? edns.cookie(in: message)
        {
            self = .cookieRequest(header, edns, cookie)
            return
        }
        guard header.questionCount == 1, let question = try? Question(reading: message) else {
            // RFC 9619 section 4 for more than one; without any there is nothing to answer.
            self = .reject(.formatError, question: nil, edns: QueryTail.edns(of: message, header))
            return
        }
        var tail = QueryTail()
        do throws(WireError) {
            try tail.read(message, header, from: question.end)
        } catch {
            self = .reject(.formatError, question: question, edns: tail.edns)
            return
        }
        if let edns = tail.edns, edns.version != 0 {
            self = .reject(.badVersion, question: question, edns: edns)  // RFC 6891 section 6.1.3
            return
        }
        let cookie: ClientCookie?
        do throws(WireError) {
            cookie = try tail.edns?.cookie(in: message)
        } catch {
            self = .reject(.formatError, question: question, edns: tail.edns)  // RFC 7873 section 5.2.2
            return
        }
        self = .query(
            ClientQuery(
                header: header, question: question, edns: tail.edns, isSigned: tail.isSigned,
                wantsKeepalive: tail.edns?.wantsKeepalive(in: message) ?? false, octets: message.count,
                cookie: cookie))
    }
}

/// The sections after a query's question.
private struct QueryTail {
    /// The OPT record, if one was found.
    var edns: EDNS?
    /// True if a TSIG record was found.
    var isSigned = false

    /// The most questions and records that are read: a query has OPT and TSIG at most, and one that asks for
    /// changes a SOA (RFC 1995 section 3). A message with more is rejected.
    private static let mostEntries = 32

    /// The OPT record of a message that is answered with an error (RFC 6891 section 7); nil if there is none,
    /// or if what precedes it can't be read.
    static func edns(of message: Span<UInt8>, _ header: MessageHeader) -> EDNS? {
        guard header.additionalCount > 0, header.questionCount <= Self.mostEntries else { return nil }
        var position = MessageHeader.length
        for _ in 0..<header.questionCount {  // each takes at least five octets of the message
            guard let name = try? walkName(in: message, at: position), message.count - name.end >= 4 else {
                return nil
            }
            position = name.end + 4
        }
        var tail = QueryTail()
        // Errors after an OPT that was found do not matter.
        try? tail.read(message, header, from: position)
        return tail.edns
    }

    /// Reads the records from `start` to the end of the message.
    mutating func read(_ message: Span<UInt8>, _ header: MessageHeader, from start: Int) throws(WireError) {
        var position = start
        let before = header.answerCount + header.authorityCount
        let all = before + header.additionalCount
        var index = 0
        while index < all {  // ends: so many records at most
            guard index < Self.mostEntries else { throw .tooManyRecords(all) }
            let record = try RecordExtent(in: message, at: position)
            if record.type == RecordType.opt {
                guard edns == nil, index >= before, record.ownerLength == 1, record.dataStart - position == 11
                else {
                    throw .misplacedOPT(offset: position)
                }
                let found = try EDNS(fixedPartIn: message, at: position)
                // Malformed options still get an OPT back (RFC 6891 section 7); the options of another
                // version are not read.
                edns = found.withoutOptions
                if found.version == 0 {
                    try found.checkOptions(in: message)
                    edns = found
                }
            } else if record.type == RecordType.tsig {
                isSigned = true
            }
            position = record.end
            index += 1
        }
        guard position == message.count else { throw .dataLength(offset: position) }
    }
}
