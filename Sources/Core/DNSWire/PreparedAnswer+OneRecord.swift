/// Answers of one record that repeats the question's name and type, in class IN: most of all answers. They
/// are cached without what the question already says.
///
/// ```
/// | name | TTL 4 | data |
/// ```
extension PreparedAnswer {
    /// Octets between the question and the record's TTL: a pointer to the question's name, type and class.
    private static let recordHeadLength = 6
    /// The compression pointer to the question's name.
    private static let pointerToName = 0xC000 | MessageHeader.length

    /// True if the message has just this record, and no rcode.
    ///
    /// - Parameter type: The question's.
    package func isOneRecord(type: Int) -> Bool {
        let start = questionEnd
        guard marks.count == 1, octets.count >= start + 12 else { return false }
        let mark = marks[0]
        return mark.section == .answer && Int(mark.ttlOffset) == start + Self.recordHeadLength
            && Int(mark.end) == octets.count
            && octets.number16(at: 2) & ~Int(MessageHeader.Flags.authenticData) == 0
            && octets.number16(at: start) == Self.pointerToName
            && octets.number16(at: start + 2) == type
            && octets.number16(at: start + 4) == RecordClass.internet
            && octets.number16(at: start - 2) == RecordClass.internet
    }

    /// Octets of the form above. Only for an answer of one record, as are the next four members.
    package var oneRecordLength: Int { questionNameLength + 4 + octets.count - questionEnd - 12 }

    /// AD of the answer.
    package var isAuthenticData: Bool {
        octets.number16(at: 2) & Int(MessageHeader.Flags.authenticData) != 0
    }

    /// The question's name.
    package var oneRecordName: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            octets.span.extracting(MessageHeader.length..<(MessageHeader.length + questionNameLength))
        }
    }

    /// The record's TTL.
    package var oneRecordTTL: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            octets.span.extracting((questionEnd + Self.recordHeadLength)..<(questionEnd + 10))
        }
    }

    /// The record's data.
    package var oneRecordData: Span<UInt8> {
        @_lifetime(borrow self)
        get { octets.span.extracting((questionEnd + 12)..<octets.count) }
    }

    /// Loads an answer of one record that was cached in the form above.
    package mutating func load(
        oneRecord cached: Span<UInt8>, nameLength: Int, type: Int, isAuthenticData: Bool
    ) {
        octets.removeAll(keeping: 65_536)
        marks.removeAll()
        extendedError = nil
        questionNameLength = nameLength
        let flags = isAuthenticData ? UInt64(MessageHeader.Flags.authenticData) : 0
        let typeAndClass = UInt32(truncatingIfNeeded: type << 16 | RecordClass.internet)
        let dataStart = nameLength + 4
        octets.append64(flags << 32 | 0x1_0001)  // one question, one answer
        octets.append32(0)
        octets.append(cached, 0..<nameLength)
        octets.append32(typeAndClass)
        octets.append16(Self.pointerToName)
        octets.append32(typeAndClass)
        octets.append(cached, nameLength..<dataStart)
        octets.append16(cached.count - dataStart)
        octets.append(cached, dataStart..<cached.count)
        marks.append(
            RecordMark(
                ttlOffset: questionEnd + Self.recordHeadLength, end: octets.count, type: type,
                section: .answer))
    }
}
