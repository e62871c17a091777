import DomainNames

/// Turns a cluster's answers into prepared answers under the names that were asked.
///
/// Every name at or below the mapping's inner suffix, as an owner or in the data of the types that
/// `RecordDataLayout` lists, gets the outer suffix; all other octets stay as they are. Compression is built
/// anew. Holds only scratch room.
package struct AnswerMapper: ~Copyable {
    private var table = CompressionTable()

    /// Records of the last answer that were left out because they were not believed; see `AnswerBounds`.
    package private(set) var droppedRecords = 0

    package init() {}

    /// Writes `answer`, a checked response to the inner form of `question`, into `prepared`.
    ///
    /// - Parameters:
    ///   - answer: The whole message as it came.
    ///   - answerQuestion: The question in `answer`.
    ///   - question: Name, type and class as the client asked.
    ///   - mapping: Applied to owners and names in data; signatures are dropped unless it is the identity.
    ///   - isBounded: Whether records that `AnswerBounds` does not admit are left out.
    package mutating func map(
        _ answer: Span<UInt8>, _ answerQuestion: Question, to question: Span<UInt8>, mapping: NameMapping,
        isBounded: Bool = false, into prepared: inout PreparedAnswer
    ) throws(MappingError) {
        let header: MessageHeader
        do throws(WireError) { header = try MessageHeader(reading: answer) } catch { throw .wire(error) }
        prepared.begin(question: question)
        var flags = UInt16(header.rcode)
        table.reset()
        if mapping.isIdentity {
            flags |= header.flags & MessageHeader.Flags.authenticData
        } else {
            try rememberQuestion(of: prepared)
        }
        prepared.octets.set16(Int(flags), at: 2)
        droppedRecords = 0
        var bounds: AnswerBounds?
        do throws(WireError) {
            bounds = isBounded ? try AnswerBounds(answer, header, answerQuestion, mapping) : nil
        } catch {
            throw .wire(error)
        }
        var walk = AnswerWalk(header: header, start: answerQuestion.end)
        while let record = try walk.next(in: answer, &prepared) {
            guard try admits(record, in: walk.section, of: answer, mapping, &bounds) else { continue }
            if mapping.isIdentity, try walk.copy(record, of: answer, answerQuestion, into: &prepared) {
                continue
            }
            try append(record, in: walk.section, of: answer, mapping, to: &prepared)
        }
    }

    /// True where `record` is believed; counts it where not.
    private mutating func admits(
        _ record: RecordExtent, in section: RecordMark.Section, of answer: Span<UInt8>,
        _ mapping: NameMapping, _ bounds: inout AnswerBounds?
    ) throws(MappingError) -> Bool {
        do throws(WireError) {
            let isBelieved = try bounds?.admits(record, in: section, of: answer, mapping) ?? true
            if !isBelieved { droppedRecords += 1 }
            return isBelieved
        } catch {
            throw .wire(error)
        }
    }

    /// Lets later names point into the question's name.
    private mutating func rememberQuestion(of prepared: borrowing PreparedAnswer) throws(MappingError) {
        do throws(WireError) {
            var end = 0
            let name = try FlatName(in: prepared.octets.span, at: MessageHeader.length, end: &end)
            table.remember(name, at: MessageHeader.length)
        } catch {
            throw .wire(error)
        }
    }

    private mutating func append(
        _ record: RecordExtent, in section: RecordMark.Section, of answer: Span<UInt8>,
        _ mapping: NameMapping,
        to prepared: inout PreparedAnswer
    ) throws(MappingError) {
        if !mapping.isIdentity, isSignature(record.type) { return }
        // The usual owner, a pointer to the question's name, stays one: the two questions are each other's
        // image.
        if record.ownerEnd - record.start == 2, answer[record.start] == 0xC0,
            answer[record.start + 1] == UInt8(MessageHeader.length)
        {
            prepared.octets.append16(0xC000 | MessageHeader.length)
        } else {
            _ = try appendName(at: record.start, of: answer, mapping, compress: true, to: &prepared)
        }
        prepared.octets.append(answer, record.ownerEnd..<(record.ownerEnd + 4))
        let ttlOffset = prepared.octets.count
        prepared.octets.append32(normalizedTTL(record.ttl))
        let lengthOffset = prepared.octets.count
        prepared.octets.append16(0)
        try appendData(of: record, in: answer, mapping, to: &prepared)
        let end = prepared.octets.count
        guard end <= 0xFFFF else { throw .messageWouldExceedLimit }
        prepared.octets.set16(end - lengthOffset - 2, at: lengthOffset)
        prepared.count(record, in: section, ttlOffset: ttlOffset)
    }

    private mutating func appendData(
        of record: RecordExtent, in answer: Span<UInt8>, _ mapping: NameMapping,
        to prepared: inout PreparedAnswer
    ) throws(MappingError) {
        guard let layout = RecordDataLayout(type: record.type) else {
            prepared.octets.append(answer, record.dataStart..<record.end)
            return
        }
        var position: Int
        do throws(WireError) {
            position = try layout.firstName(of: record, in: answer)
        } catch {
            throw .wire(error)
        }
        prepared.octets.append(answer, record.dataStart..<position)
        for _ in 0..<layout.names {
            guard position < record.end else { throw .wire(.dataLength(offset: record.dataStart)) }
            position = try appendName(
                at: position, of: answer, mapping, compress: layout.mayCompress, to: &prepared)
        }
        do throws(WireError) {
            try layout.checkTail(of: record, from: position)
        } catch {
            throw .wire(error)
        }
        prepared.octets.append(answer, position..<record.end)
    }

    /// Appends the image of the name at `position`; gives the offset behind the name in `answer`.
    private mutating func appendName(
        at position: Int, of answer: Span<UInt8>, _ mapping: NameMapping, compress: Bool,
        to prepared: inout PreparedAnswer
    ) throws(MappingError) -> Int {
        var end = 0
        var name: FlatName
        do throws(WireError) {
            name = try FlatName(in: answer, at: position, end: &end)
        } catch {
            throw .wire(error)
        }
        if !mapping.isIdentity, let start = name.start(ofFoldedSuffix: mapping.foldedInner.span) {
            guard name.replaceSuffix(from: start, with: mapping.outer.wire.span) else {
                throw .nameWouldExceedLimit(name: name.wire)
            }
        }
        if compress {
            table.append(name, to: &prepared.octets, base: 0)
        } else {
            prepared.octets.append(name)
        }
        return end
    }

    /// True for records that no longer hold once a name has been changed (RFC 4034, RFC 5155).
    private func isSignature(_ type: Int) -> Bool {
        type == RecordType.rrsig || type == RecordType.nsec || type == RecordType.nsec3
    }
}

/// A TTL as it is to be used: one with the highest bit set counts as zero (RFC 2181 section 8).
private func normalizedTTL(_ ttl: UInt32) -> UInt32 {
    ttl > 0x7FFF_FFFF ? 0 : ttl
}

extension PreparedAnswer {
    /// Counts a record that was just appended, in its section.
    fileprivate mutating func count(_ record: RecordExtent, in section: RecordMark.Section, ttlOffset: Int) {
        marks.append(
            RecordMark(
                ttlOffset: ttlOffset, end: octets.count, type: record.type, section: section))
        let counter = 6 + 2 * Int(section.rawValue)
        octets.set16(octets.number16(at: counter) + 1, at: counter)
    }
}

/// Goes over the records of an answer, checks each, and takes the OPT record out.
private struct AnswerWalk {
    private let counts: (answer: Int, authority: Int, additional: Int)
    /// The low four bits of the response code.
    private let rcode: Int
    private var index = 0
    private var position: Int
    private var hasOPT = false
    /// True while the records before were copied as they stood, so that pointers in later ones still hit.
    private var isAligned = true

    /// The section of the record that `next` gave last.
    private(set) var section = RecordMark.Section.answer

    init(header: MessageHeader, start: Int) {
        counts = (header.answerCount, header.authorityCount, header.additionalCount)
        rcode = header.rcode
        position = start
    }

    /// The next record that is to be kept; nil behind the last one.
    mutating func next(
        in answer: Span<UInt8>, _ prepared: inout PreparedAnswer
    ) throws(MappingError) -> RecordExtent? {
        while index < counts.answer + counts.authority + counts.additional {  // `index` grows each turn
            section =
                index < counts.answer
                ? .answer : index < counts.answer + counts.authority ? .authority : .additional
            index += 1
            do throws(WireError) {
                let record = try RecordExtent(in: answer, at: position)
                let start = position
                position = record.end
                if record.type == RecordType.opt {
                    guard !hasOPT, section == .additional, record.ownerLength == 1,
                        record.dataStart - start == 11
                    else { throw .misplacedOPT(offset: start) }
                    hasOPT = true
                    let edns = try EDNS(in: answer, at: start)
                    guard edns.extendedRcode == 0 else {
                        throw .extendedRcode(edns.extendedRcode << 4 | rcode)
                    }
                    prepared.extendedError = edns.extendedError(in: answer)
                    isAligned = false
                    continue
                }
                if record.type == RecordType.tsig { continue }  // hop by hop, as OPT (RFC 8945 section 5.5)
                if let length = fixedDataLength(type: record.type, recordClass: record.recordClass),
                    record.end - record.dataStart != length
                {
                    throw .dataLength(offset: record.dataStart)
                }
                return record
            } catch {
                throw .wire(error)
            }
        }
        return nil
    }

    /// Copies `record` octet by octet where everything before it was copied too, so that its pointers stay
    /// true. False where it has to be written anew.
    mutating func copy(
        _ record: RecordExtent, of answer: Span<UInt8>, _ question: Question,
        into prepared: inout PreparedAnswer
    ) throws(MappingError) -> Bool {
        guard isAligned, prepared.octets.count == record.start else {
            isAligned = false
            return false
        }
        do throws(WireError) {
            try RecordDataLayout(type: record.type)?.check(record, in: answer)
        } catch {
            throw .wire(error)
        }
        prepared.octets.append(answer, record.start..<record.end)
        if record.ttl > 0x7FFF_FFFF { prepared.octets.set32(0, at: record.ownerEnd + 4) }
        prepared.count(record, in: section, ttlOffset: record.ownerEnd + 4)
        return true
    }
}
