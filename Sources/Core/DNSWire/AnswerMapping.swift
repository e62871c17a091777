import DomainNames
import IPAddressing

/// Turns a cluster's answers into prepared answers under the names that were asked.
///
/// Every name at or below the mapping's inner suffix, as an owner or in the data of the types that
/// `RecordDataLayout` lists, gets the outer suffix; all other octets stay as they are. Names are compressed
/// anew. Between calls it holds only buffers for reuse.
package struct AnswerMapper: ~Copyable {
    /// The names that are written so far, for compression.
    private var table = CompressionTable()
    /// True once names may be compressed into the question's name; false before a record is written anew.
    private var isQuestionRemembered = false

    /// Records of the last answer that were dropped because they were not accepted; see `AnswerBounds`.
    package private(set) var droppedRecords = 0

    package init() {}

    /// Writes `answer`, a checked response to the inner form of `question`, into `prepared`.
    ///
    /// What would exceed 65,535 octets is left out: additional records first, then records of the other
    /// sections, with TC. A TC of `answer` is kept.
    ///
    /// - Parameters:
    ///   - answer: The whole message as it came.
    ///   - answerQuestion: The question in `answer`.
    ///   - question: Name, type and class as the client asked.
    ///   - terms: What changes; signatures are dropped if anything does.
    package mutating func map(
        _ answer: Span<UInt8>, _ answerQuestion: Question, to question: Span<UInt8>, by terms: AnswerTerms,
        into prepared: inout PreparedAnswer
    ) throws(MappingError) {
        let header: MessageHeader
        var bounds: AnswerBounds?
        do throws(WireError) {
            header = try MessageHeader(reading: answer)
            bounds = try AnswerBounds(answer, header, question: answerQuestion, by: terms)
        } catch {
            throw .wire(error)
        }
        begin(header, question, by: terms, in: &prepared)
        var walk = AnswerWalk(header: header, question: answerQuestion)
        try append(&walk, of: answer, terms, &bounds, to: &prepared)
        guard bounds?.isOutOfOrder ?? false else { return finish(terms, &prepared) }
        do throws(WireError) {
            bounds = try AnswerBounds(answer, header, question: answerQuestion, by: terms)
            let order = try AliasOrder(answer, header, answerQuestion)
            walk = AnswerWalk(header: header, question: answerQuestion, order: order)
        } catch {
            throw .wire(error)
        }
        begin(header, question, by: terms, in: &prepared)
        try append(&walk, of: answer, terms, &bounds, to: &prepared)
        finish(terms, &prepared)
    }

    /// Addresses have their place: they are changed there.
    private func finish(_ terms: AnswerTerms, _ prepared: inout PreparedAnswer) {
        guard !terms.addresses.isEmpty else { return }
        prepared.mapAddresses(by: terms.addresses, sparing: terms.zone)
    }

    /// Writes header and question of the prepared answer.
    private mutating func begin(
        _ header: MessageHeader, _ question: Span<UInt8>, by terms: AnswerTerms,
        in prepared: inout PreparedAnswer
    ) {
        prepared.begin(question: question)
        table.reset()
        isQuestionRemembered = false
        droppedRecords = 0
        var flags = UInt16(header.rcode) | header.flags & MessageHeader.Flags.truncated
        if terms.keepsSignatures { flags |= header.flags & MessageHeader.Flags.authenticData }
        prepared.octets.set16(Int(flags), at: 2)
    }

    /// Appends the accepted records of `walk`, as many as there is room for.
    private mutating func append(
        _ walk: inout AnswerWalk, of answer: Span<UInt8>, _ terms: AnswerTerms,
        _ bounds: inout AnswerBounds?, to prepared: inout PreparedAnswer
    ) throws(MappingError) {
        var isFull = false
        while let record = try walk.next(in: answer, &prepared) {
            guard !isFull, try judge(record, in: walk.section, of: answer, &bounds) == .accepted else {
                continue
            }
            if !terms.keepsSignatures, isSignature(record.type) { continue }
            if terms.keepsNames, try walk.copy(record, of: answer, into: &prepared) == .copied { continue }
            let start = prepared.octets.count
            do throws(MappingError) {
                try append(record, in: walk.section, of: answer, terms, to: &prepared)
                if prepared.octets.count <= 0xFFFF { continue }
            } catch {
                // A record of the additional section may fail without failing the rest.
                guard case .nameWouldExceedLimit = error, walk.section == .additional else { throw error }
            }
            isFull = true
            prepared.cut(at: start, type: record.type, walk.section)
        }
    }

    /// Judges a record, and counts one that is dropped.
    private mutating func judge(
        _ record: RecordExtent, in section: RecordMark.Section, of answer: Span<UInt8>,
        _ bounds: inout AnswerBounds?
    ) throws(MappingError) -> AnswerBounds.Verdict {
        do throws(WireError) {
            let verdict = try bounds?.judge(record, in: section, of: answer) ?? .accepted
            if verdict == .dropped { droppedRecords += 1 }
            return verdict
        } catch {
            throw .wire(error)
        }
    }

    /// Lets later names be compressed into the question's name.
    private mutating func rememberQuestion(of prepared: borrowing PreparedAnswer) throws(MappingError) {
        guard !isQuestionRemembered else { return }
        isQuestionRemembered = true
        do throws(WireError) {
            var end = 0
            let name = try FlatName(in: prepared.octets.span, at: MessageHeader.length, end: &end)
            table.remember(name, at: MessageHeader.length)
        } catch {
            throw .wire(error)
        }
    }

    /// Appends `record` with the outer names; beyond 65,535 octets it is not counted.
    private mutating func append(
        _ record: RecordExtent, in section: RecordMark.Section, of answer: Span<UInt8>,
        _ terms: AnswerTerms, to prepared: inout PreparedAnswer
    ) throws(MappingError) {
        // The usual owner, a pointer to the question's name, is copied: both questions have it at the
        // same offset.
        if record.ownerEnd - record.start == 2, answer[record.start] == 0xC0,
            answer[record.start + 1] == UInt8(MessageHeader.length)
        {
            prepared.octets.append16(0xC000 | MessageHeader.length)
        } else {
            _ = try appendName(
                at: record.start, of: answer, terms, foldingBefore: prepared.questionEnd, to: &prepared)
        }
        prepared.octets.append(answer, record.ownerEnd..<(record.ownerEnd + 4))
        let ttlOffset = prepared.octets.count
        prepared.octets.append32(normalizedTTL(record.ttl))
        let lengthOffset = prepared.octets.count
        prepared.octets.append16(0)
        try appendData(of: record, in: answer, terms, to: &prepared)
        let end = prepared.octets.count
        guard end <= 0xFFFF else { return }
        prepared.octets.set16(end - lengthOffset - 2, at: lengthOffset)
        prepared.count(record, in: section, ttlOffset: ttlOffset)
    }

    /// Appends a record's data with the outer names.
    private mutating func appendData(
        of record: RecordExtent, in answer: Span<UInt8>, _ terms: AnswerTerms,
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
                at: position, of: answer, terms, foldingBefore: layout.mayCompress ? 0 : nil,
                to: &prepared)
        }
        do throws(WireError) {
            try layout.checkTail(of: record, from: position)
        } catch {
            throw .wire(error)
        }
        prepared.octets.append(answer, position..<record.end)
    }

    /// Appends the outer form of the name at `position`; gives the offset after the name in `answer`.
    ///
    /// - Parameter limit: See `CompressionTable.append`; nil: it is written whole.
    private mutating func appendName(
        at position: Int, of answer: Span<UInt8>, _ terms: AnswerTerms,
        foldingBefore limit: Int?, to prepared: inout PreparedAnswer
    ) throws(MappingError) -> Int {
        var end = 0
        var name: FlatName
        do throws(WireError) {
            name = try FlatName(in: answer, at: position, end: &end)
        } catch {
            throw .wire(error)
        }
        guard name.becomeOuter(by: terms) == .done else { throw .nameWouldExceedLimit(name: name.wire) }
        if let limit {
            try rememberQuestion(of: prepared)
            table.append(name, to: &prepared.octets, foldingBefore: limit)
        } else {
            prepared.octets.append(name)
        }
        return end
    }

    /// True for records that are not valid once a name has been changed (RFC 4034, RFC 5155).
    private func isSignature(_ type: Int) -> Bool {
        type == RecordType.rrsig || type == RecordType.nsec || type == RecordType.nsec3
    }
}

extension FlatName {
    /// Replaces the inner suffix, if the name has one, by the outer.
    fileprivate mutating func becomeOuter(by terms: AnswerTerms) -> SuffixReplacement {
        if let asked = terms.question, let start = start(ofFoldedSuffix: asked.foldedInner.span) {
            return asked.isIdentity ? .done : replaceSuffix(from: start, with: asked.outer.wire.span)
        }
        guard !terms.names.isIdentity else { return .done }
        let (inner, outer) = (terms.names.foldedInner, terms.names.outer.wire)
        guard let start = start(ofFoldedSuffix: inner.span) else { return .done }
        return replaceSuffix(from: start, with: outer.span)
    }
}

/// A TTL as receivers must read it: one with the highest bit set counts as zero (RFC 2181 section 8).
private func normalizedTTL(_ ttl: UInt32) -> UInt32 {
    ttl > 0x7FFF_FFFF ? 0 : ttl
}

extension PreparedAnswer {
    /// Counts a record that was just appended, in its section.
    mutating func count(_ record: RecordExtent, in section: RecordMark.Section, ttlOffset: Int) {
        marks.append(
            RecordMark(
                ttlOffset: ttlOffset, end: octets.count, type: record.type, section: section))
        let counter = 6 + 2 * Int(section.rawValue)
        octets.set16(octets.number16(at: counter) + 1, at: counter)
    }
}
