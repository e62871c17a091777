import DomainNames

/// Decides which records of an answer are believed (RFC 5452 section 6, RFC 2181 section 5.4.1).
///
/// A cluster speaks for the names below its domain, and about what was asked:
/// ```
/// answer      owned by the name asked, or by the target of the alias before; a DNAME above it
/// authority   owned by a name of the domain; SOA and NS of zones above a name outside it that was asked
///             (reverse names) or that an alias led to
/// additional  owned by a name of the domain
/// ```
/// A resolver speaks for all names: its answers are held to class and number of aliases alone.
struct AnswerBounds {
    /// True where a cluster answers: its domain is not the root.
    private let hasDomain: Bool
    /// The name that records of the answer section belong to now: the one asked, or the last alias' target.
    private var current: FlatName
    /// The owner of the last alias, for its signatures; the name asked before there was one.
    private var previous: FlatName
    private var aliases = 0
    private let recordClass: Int

    /// Aliases that an answer may chain: beyond what any resolver follows.
    static let mostAliases = 16

    /// Records of an answer: as many as an answer of 65,535 octets can have with an address each.
    static let mostRecords = 4096

    /// - Parameter question: The question in `answer`.
    init(
        _ answer: Span<UInt8>, _ header: MessageHeader, _ question: Question, _ mapping: NameMapping
    ) throws(WireError) {
        let count = header.answerCount + header.authorityCount + header.additionalCount
        guard count <= Self.mostRecords else { throw .tooManyRecords(count) }
        hasDomain = mapping.foldedInner.count > 1
        recordClass = question.recordClass
        var end = 0
        current = try FlatName(in: answer, at: Question.nameStart, end: &end)
        previous = current
    }

    /// True where `record` is to be kept.
    mutating func admits(
        _ record: RecordExtent, in section: RecordMark.Section, of answer: Span<UInt8>,
        _ mapping: NameMapping
    ) throws(WireError) -> Bool {
        guard record.recordClass == recordClass else { return false }
        let isAlias = section == .answer && record.type == RecordType.cname
        if isAlias {
            aliases += 1
            guard aliases <= Self.mostAliases else { throw .tooManyAliases }
        }
        guard hasDomain else { return true }
        var end = 0
        let owner = try FlatName(in: answer, at: record.start, end: &end)
        let isInDomain = owner.start(ofFoldedSuffix: mapping.foldedInner.span) != nil
        switch section {
        case .answer:
            guard isAlias else { return isAnswer(record, owner, isInDomain) }
            guard owner.isSame(as: current) else { return false }
            previous = current
            current = try FlatName(in: answer, at: record.dataStart, end: &end)
            return true
        case .authority:
            if isInDomain { return true }
            guard record.type == RecordType.soa || record.type == RecordType.ns else { return false }
            return current.start(ofFoldedSuffix: mapping.foldedInner.span) == nil
                && current.isAtOrBelow(owner)
        case .additional:
            return isInDomain
        }
    }

    /// True where a record that is no alias belongs into the answer section.
    private func isAnswer(_ record: RecordExtent, _ owner: FlatName, _ isInDomain: Bool) -> Bool {
        if owner.isSame(as: current) || owner.isSame(as: previous) { return true }
        switch record.type {
        case RecordType.dname: return current.isAtOrBelow(owner) || previous.isAtOrBelow(owner)
        // CoreDNS answers SOA for any name of its zone with that of the apex, in the answer section.
        case RecordType.soa: return isInDomain && current.isAtOrBelow(owner)
        default: return false
        }
    }
}
