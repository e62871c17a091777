import DomainNames

/// The records of an answer section in the order in which its aliases are followed (RFC 1034 section 3.6.2),
/// for answers that do not have this order themselves. Records that no alias leads to come last.
struct AliasOrder {
    /// Where the records begin.
    private(set) var starts: [Int] = []
    /// Offset after the section.
    let end: Int

    /// The records in the order of the message.
    private let records: [RecordExtent]
    /// Hashes of the records' owners: most are distinguished by them.
    private let hashes: [UInt64]
    /// True for the records that are in `starts` already.
    private var isTaken: [Bool]

    /// - Parameter header: Of a message with `AnswerBounds.mostRecords` records at most.
    init(_ answer: Span<UInt8>, _ header: MessageHeader, _ question: Question) throws(WireError) {
        var records: [RecordExtent] = []
        var hashes: [UInt64] = []
        var position = question.end
        for _ in 0..<header.answerCount {
            let record = try RecordExtent(in: answer, at: position)
            var behind = 0
            hashes.append(Self.hash(try FlatName(in: answer, at: record.start, end: &behind)))
            records.append(record)
            position = record.end
        }
        self.records = records
        self.hashes = hashes
        end = position
        isTaken = Array(repeating: false, count: records.count)
        var behind = 0
        var current: FlatName? = try FlatName(in: answer, at: Question.nameStart, end: &behind)
        var aliases = 0
        while let name = current, aliases <= AnswerBounds.mostAliases {  // ends: so many aliases at most
            current = try take(ownedBy: name, in: answer)
            aliases += 1
        }
        for index in records.indices where !isTaken[index] { starts.append(records[index].start) }
    }

    /// Takes the records that `name` owns, after the DNAMEs above it.
    ///
    /// - Returns: The name that its alias leads to.
    private mutating func take(
        ownedBy name: FlatName, in answer: Span<UInt8>
    ) throws(WireError) -> FlatName? {
        var behind = 0
        for index in records.indices where !isTaken[index] && records[index].type == RecordType.dname {
            let owner = try FlatName(in: answer, at: records[index].start, end: &behind)
            if name.isAtOrBelow(owner) { take(index) }
        }
        var target: FlatName?
        let hash = Self.hash(name)
        for index in records.indices where !isTaken[index] && hashes[index] == hash {
            let record = records[index]
            guard name.isSame(as: try FlatName(in: answer, at: record.start, end: &behind)) else { continue }
            if record.type == RecordType.cname {
                guard target == nil else { continue }
                target = try FlatName(in: answer, at: record.dataStart, end: &behind)
            }
            take(index)
        }
        return target
    }

    /// Takes one record.
    private mutating func take(_ index: Int) {
        isTaken[index] = true
        starts.append(records[index].start)
    }

    /// The hash of a name, ASCII case ignored.
    private static func hash(_ name: borrowing FlatName) -> UInt64 {
        var hash = NameHash(key: 0)
        hash.combine(name.octets.span, from: 0, count: name.length)
        return hash.value
    }
}
