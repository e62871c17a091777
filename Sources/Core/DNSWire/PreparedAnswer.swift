/// An answer ready to be sent to any client that asks its question: names and counts final, without OPT, TTLs
/// as received.
///
/// What differs between two clients that ask the same (ID, letter case, flags, EDNS, room, age) is filled in
/// by `OctetBuffer.appendReply`. Names that equal an ending of the question's name are compressed into the
/// question, so that they have each client's letter case.
///
/// ```
/// | header | question | record | record | ... |
///                             ^ marks[0].end  ^ marks[1].end
/// ```
@usableFromInline
package struct PreparedAnswer: ~Copyable, Sendable {
    /// The message without OPT. The header's ID is 0 and its flags hold only rcode, AD and TC.
    @usableFromInline package var octets: OctetBuffer

    /// One for each record, in order.
    package var marks = RecordMarks()

    /// The Extended DNS Error that came with the answer.
    package var extendedError: ExtendedError?

    /// Octets of the question's name.
    @usableFromInline package var questionNameLength = 0

    /// The answer is not copied for calls.
    private let address = AddressOnly()

    package init() {
        octets = OctetBuffer(capacity: 4096)
    }

    /// Offset after the question.
    @inlinable
    package var questionEnd: Int { MessageHeader.length + questionNameLength + 4 }

    /// True if records that were asked for are missing.
    @inlinable
    package var isTruncated: Bool {
        octets.number16(at: 2) & Int(MessageHeader.Flags.truncated) != 0
    }

    /// The response code; 0 for an empty message.
    @inlinable
    package var rcode: Int { octets.count >= MessageHeader.length ? octets.number16(at: 2) & 0xF : 0 }

    /// The number of records in the answer section.
    package var answerCount: Int { octets.number16(at: 6) }

    /// The offset of the record of `marks[index]`.
    package func start(ofRecord index: Int) -> Int {
        index == 0 ? questionEnd : Int(marks[index - 1].end)
    }

    /// Begins a new answer to the question `name`, `type`, `class`; drops the old one.
    package mutating func begin(question: Span<UInt8>) {
        octets.removeAll(keeping: 65_536)
        marks.removeAll()
        extendedError = nil
        questionNameLength = question.count - 4
        for _ in 0..<2 { octets.append32(0) }
        octets.append32(0)
        octets.set16(1, at: 4)
        octets.append(question)
    }
}

// MARK: - RRsets, and answers cut short

extension PreparedAnswer {
    /// True if records `one` and `other` are of one RRset (RFC 2181 section 5), or signatures of one owner.
    func isOneSet(_ one: Int, _ other: Int) -> Bool {
        guard marks[one].type == marks[other].type, marks[one].section == marks[other].section else {
            return false
        }
        // Most owners are the same pointer.
        if ownerLength(one) == 2, ownerLength(other) == 2,
            octets.number16(at: start(ofRecord: one)) == octets.number16(at: start(ofRecord: other))
        {
            return true
        }
        var end = 0
        guard let owner = try? FlatName(in: octets.span, at: start(ofRecord: one), end: &end),
            let name = try? FlatName(in: octets.span, at: start(ofRecord: other), end: &end)
        else { return false }
        return owner.isSame(as: name)
    }

    /// Octets of the owner of record `index` as written: 2 for a pointer.
    func ownerLength(_ index: Int) -> Int {
        // Type and class are between the owner and the TTL.
        Int(marks[index].ttlOffset) - 4 - start(ofRecord: index)
    }

    /// How many records are sent if record `index` does not fit, and whether TC is set.
    ///
    /// Additional records are dropped without TC, so no part of a set may stay (RFC 2181 section 9). Of the
    /// other sections whole sets are dropped; a part of one stays if without it the reply would have no
    /// answer, since some clients use what they get.
    func cut(before index: Int) -> (records: Int, isTruncated: Bool) {
        var first = index
        while first > 0, isOneSet(first - 1, index) { first -= 1 }  // ends: `first` shrinks
        switch marks[index].section {
        case .additional: return (first, false)
        case .authority: return (first, true)
        case .answer: return (holdsAnswer(before: first) ? first : index, true)
        }
    }

    /// True if a record before `index` answers the question: it is more than an alias on the way.
    private func holdsAnswer(before index: Int) -> Bool {
        for place in 0..<index {
            switch Int(marks[place].type) {
            case RecordType.cname, RecordType.dname, RecordType.rrsig: continue
            default: return true
            }
        }
        return false
    }

    /// Drops the record that begins at `start`, the last one, for which there is no room, and the records
    /// that must not be sent without it.
    mutating func cut(at start: Int, type: Int, _ section: RecordMark.Section) {
        // It gets a mark so that it is compared like other records; its data is not read.
        let ownerEnd = (try? walkName(in: octets.span, at: start).end) ?? start
        marks.append(RecordMark(ttlOffset: ownerEnd + 4, end: start, type: type, section: section))
        let (records, isTruncated) = cut(before: marks.count - 1)
        octets.truncate(to: self.start(ofRecord: records))
        marks.truncate(to: records)
        for section in 0..<3 { octets.set16(0, at: 6 + 2 * section) }
        for index in 0..<records {
            let counter = 6 + 2 * Int(marks[index].section.rawValue)
            octets.set16(octets.number16(at: counter) + 1, at: counter)
        }
        if isTruncated { octets.set16(octets.number16(at: 2) | Int(MessageHeader.Flags.truncated), at: 2) }
    }
}

extension PreparedAnswer {
    /// Loads an answer that was cached.
    ///
    /// - Parameters:
    ///   - message: As in `octets`.
    ///   - marks: As in `RecordMarks.octets`.
    package mutating func load(message: Span<UInt8>, marks cached: Span<UInt8>, nameLength: Int) {
        octets.removeAll(keeping: 65_536)
        octets.append(message)
        marks.removeAll()
        marks.append(cached)
        extendedError = nil
        questionNameLength = nameLength
    }
}

/// The marks of a message's records, in order, eight octets each, so that they are stored and copied as
/// one string.
///
/// ```
/// | TTL offset 2 | end 2 | type 2 | section 1 | unused 1 |
/// ```
@usableFromInline
package struct RecordMarks: ~Copyable, Sendable {
    /// All marks, one after the other.
    @usableFromInline package internal(set) var octets = OctetBuffer(capacity: 512)

    /// Octets of one mark.
    @inlinable package static var size: Int { 8 }

    init() {}

    /// The number of marks.
    @inlinable
    package var count: Int { octets.count / Self.size }

    /// The mark of record `index`.
    @inlinable
    package subscript(index: Int) -> RecordMark {
        RecordMark(octets.number64(at: index * Self.size))
    }

    /// Appends a mark.
    package mutating func append(_ mark: RecordMark) {
        octets.append64(mark.bits)
    }

    /// Appends marks as octets.
    mutating func append(_ marks: Span<UInt8>) {
        octets.append(marks)
    }

    /// Drops all marks.
    mutating func removeAll() {
        octets.removeAll(keeping: 65_536)
    }

    /// Drops all marks from `newCount` on.
    mutating func truncate(to newCount: Int) {
        octets.truncate(to: newCount * Self.size)
    }
}

/// What is needed of a record in a prepared answer to patch or drop it.
@usableFromInline
package struct RecordMark: Sendable {
    /// Offset of the four octets of its TTL.
    @usableFromInline package let ttlOffset: UInt16
    /// Offset after its last octet.
    @usableFromInline package let end: UInt16
    /// The record's type.
    @usableFromInline package let type: UInt16
    /// The record's section.
    @usableFromInline package let section: Section

    package init(ttlOffset: Int, end: Int, type: Int, section: Section) {
        self.ttlOffset = UInt16(truncatingIfNeeded: ttlOffset)
        self.end = UInt16(truncatingIfNeeded: end)
        self.type = UInt16(truncatingIfNeeded: type)
        self.section = section
    }

    /// The eight octets of a mark, as `RecordMarks` shows them.
    @inlinable
    init(_ bits: UInt64) {
        ttlOffset = UInt16(truncatingIfNeeded: bits >> 48)
        end = UInt16(truncatingIfNeeded: bits >> 32)
        type = UInt16(truncatingIfNeeded: bits >> 16)
        section = Section(rawValue: UInt8(truncatingIfNeeded: bits >> 8)) ?? .additional
    }

    /// The same octets.
    fileprivate var bits: UInt64 {
        UInt64(ttlOffset) << 48 | UInt64(end) << 32 | UInt64(type) << 16 | UInt64(section.rawValue) << 8
    }

    /// The sections that have records.
    @usableFromInline
    package enum Section: UInt8, Sendable {
        case answer = 0
        case authority = 1
        case additional = 2
    }
}
