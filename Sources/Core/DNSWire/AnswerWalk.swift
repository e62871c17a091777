/// Walks the records of an answer, checks each, and takes the OPT record out.
struct AnswerWalk {
    /// The question in the answer.
    private let question: Question
    /// The records of each section, by the header.
    private let counts: (answer: Int, authority: Int, additional: Int)
    /// The low four bits of the response code.
    private let rcode: Int
    /// The order in which the answer section is read; nil: as it is in the message.
    private let order: AliasOrder?
    /// Records read so far.
    private var index = 0
    /// Offset of the next record.
    private var position: Int
    /// True once an OPT record was found.
    private var hasOPT = false
    /// True while all records so far were copied unchanged, so that pointers in later ones are still right.
    private var isAligned: Bool

    /// The section of the record that `next` returned last.
    private(set) var section = RecordMark.Section.answer

    init(header: MessageHeader, question: Question, order: AliasOrder? = nil) {
        self.question = question
        counts = (header.answerCount, header.authorityCount, header.additionalCount)
        rcode = header.rcode
        self.order = order
        position = question.end
        isAligned = order == nil
    }

    /// The next record to copy; nil after the last one.
    mutating func next(
        in answer: Span<UInt8>, _ prepared: inout PreparedAnswer
    ) throws(MappingError) -> RecordExtent? {
        while index < counts.answer + counts.authority + counts.additional {  // `index` grows each turn
            if let order, index <= counts.answer {
                position = index < counts.answer ? order.starts[index] : order.end
            }
            section =
                index < counts.answer
                ? .answer : index < counts.answer + counts.authority ? .authority : .additional
            index += 1
            do throws(WireError) {
                let record = try RecordExtent(
                    in: answer, at: position, questionNameLength: question.nameLength)
                position = record.end
                if record.type == RecordType.opt {
                    try takeOPT(record, in: answer, &prepared)
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

    /// Reads an OPT record, whose extended response code is an error here.
    private mutating func takeOPT(
        _ record: RecordExtent, in answer: Span<UInt8>, _ prepared: inout PreparedAnswer
    ) throws(WireError) {
        guard !hasOPT, section == .additional, record.ownerLength == 1,
            record.dataStart - record.start == 11
        else { throw .misplacedOPT(offset: record.start) }
        hasOPT = true
        let edns = try EDNS(in: answer, at: record.start)
        guard edns.extendedRcode == 0 else { throw .extendedRcode(edns.extendedRcode << 4 | rcode) }
        prepared.extendedError = edns.extendedError(in: answer)
        isAligned = false
    }

    /// What became of a record that was to be copied.
    enum Copying {
        /// It was appended.
        case copied
        /// It was not: its names must be written anew.
        case unsuitable
    }

    /// Copies `record` octet by octet if everything before it was copied too, so that its pointers
    /// stay right.
    ///
    /// `unsuitable` if it must be written anew. That includes a record whose owner is not compressed: the
    /// owner may be the question's name, whose letter case each client chooses. It includes SRV records:
    /// those of a set are rotated from reply to reply, so no name may point into them.
    mutating func copy(
        _ record: RecordExtent, of answer: Span<UInt8>, into prepared: inout PreparedAnswer
    ) throws(MappingError) -> Copying {
        let ownerStart = answer[record.start]
        guard isAligned, prepared.octets.count == record.start, record.type != RecordType.srv,
            ownerStart == 0 || ownerStart >= 0xC0
        else {
            isAligned = false
            return .unsuitable
        }
        do throws(WireError) {
            try RecordDataLayout(type: record.type)?.check(record, in: answer)
        } catch {
            throw .wire(error)
        }
        prepared.octets.append(answer, record.start..<record.end)
        if record.ttl > 0x7FFF_FFFF { prepared.octets.set32(0, at: record.ownerEnd + 4) }
        prepared.count(record, in: section, ttlOffset: record.ownerEnd + 4)
        return .copied
    }
}
