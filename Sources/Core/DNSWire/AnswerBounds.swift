import DomainNames

/// Decides which records of an answer are accepted (RFC 5452 section 6, RFC 2181 section 5.4.1).
///
/// A cluster is authoritative for its part of the names, see `Bailiwick`, and for what was asked:
/// ```
/// answer      owned by the name asked, or by the target of the alias before, unless that is another
///             cluster's; outside the domain only of the type that was asked
///             a DNAME of its own above the name, unless it covers names of others
/// authority   its own; NS only unless they cover names of others
///             SOA of the zone of a name outside the domain that was asked (reverse names) or aliased
/// additional  its own
/// ```
/// A resolver may answer about all names: only class and number of aliases are checked.
///
/// Noncopyable, so that no copy costs reference counts.
struct AnswerBounds: ~Copyable {
    /// The question in the answer.
    private let question: Question
    /// The mapping of the cluster's names, and a zone beside its domain that the question is in.
    private let terms: AnswerTerms
    /// The name that records of the answer section must have now: the one asked, or the last alias' target.
    private var current = OwnerName.asked
    /// The owner of the last alias, for its signatures; the name asked before there was one.
    private var previous = OwnerName.asked
    /// Aliases followed so far.
    private var aliases = 0
    /// True once a record was dropped that a later alias may have led to.
    private var hasStray = false

    /// True if an alias came after a dropped record: then the answer must be read in the order of
    /// its aliases.
    private(set) var isOutOfOrder = false

    /// The longest chain of aliases in an answer: longer than any resolver follows.
    static let mostAliases = 16

    /// Records of an answer: as many as an answer of 65,535 octets can have with an address each.
    static let mostRecords = 4096

    /// A name that the answer is about. It is read anew where it is compared: most records point at it.
    private struct OwnerName {
        /// Where it stands in the answer.
        let start: Int
        /// The cluster that the name belongs to.
        let standing: ClusterBailiwick.Standing

        static let asked = OwnerName(start: Question.nameStart, standing: .own)
    }

    /// - Parameter question: The question in `answer`.
    /// - Returns: Nil if everything is accepted.
    init?(
        _ answer: Span<UInt8>, _ header: MessageHeader, question: Question, by terms: AnswerTerms
    ) throws(WireError) {
        if case .unchecked = terms.bailiwick { return nil }
        let count = header.answerCount + header.authorityCount + header.additionalCount
        guard count <= Self.mostRecords else { throw .tooManyRecords(count) }
        self.question = question
        self.terms = terms
    }

    /// What becomes of a record.
    enum Verdict {
        /// It is accepted.
        case accepted
        /// It is left out.
        case dropped

        /// Accepted if `isBelieved`.
        init(_ isBelieved: Bool) { self = isBelieved ? .accepted : .dropped }
    }

    /// Judges the next record: aliases lead on to the name that later records must have.
    mutating func judge(
        _ record: RecordExtent, in section: RecordMark.Section, of answer: Span<UInt8>
    ) throws(WireError) -> Verdict {
        guard record.recordClass == question.recordClass else { return .dropped }
        let isAlias = section == .answer && record.type == RecordType.cname
        if isAlias {
            aliases += 1
            guard aliases <= Self.mostAliases else { throw .tooManyAliases }
        }
        guard case .cluster(let cluster) = terms.bailiwick else { return .accepted }
        switch section {
        case .answer:
            if isAlias { return try follow(record, in: answer, cluster) }
            return try judgeAnswer(record, in: answer, cluster)
        case .authority:
            let owner = try name(at: record.start, in: answer)
            guard isInDomain(owner) else {
                return Verdict(try isZone(record, above: owner, in: answer, cluster))
            }
            return Verdict(
                isOwn(owner, cluster) && (record.type != RecordType.ns || redirects(owner, cluster)))
        case .additional:
            let owner = try name(at: record.start, in: answer)
            return Verdict(isInDomain(owner) && isOwn(owner, cluster))
        }
    }

    /// Reads the name at `start`.
    private func name(at start: Int, in answer: Span<UInt8>) throws(WireError) -> FlatName {
        var end = 0
        return try FlatName(in: answer, at: start, end: &end)
    }

    /// True for a name at or below the inner suffix of the mapping, or the zone that was asked.
    private func isInDomain(_ name: borrowing FlatName) -> Bool {
        if let zone = terms.zone, name.start(ofFoldedSuffix: zone.foldedInner.span) != nil { return true }
        let inner = terms.names.foldedInner
        return name.start(ofFoldedSuffix: inner.span) != nil
    }

    // MARK: - The answer section

    /// True if `name` owns `record`.
    private func owns(
        _ name: OwnerName, _ record: RecordExtent, in answer: Span<UInt8>
    ) throws(WireError) -> Bool {
        if record.ownerEnd - record.start == 2,
            name.start <= 0x3FFF, try answer.number16(at: record.start) == 0xC000 | name.start
        {
            return true
        }
        return try self.name(at: record.start, in: answer).isSame(as: self.name(at: name.start, in: answer))
    }

    /// Accepts an alias that leads on from the current name, and follows it.
    private mutating func follow(
        _ record: RecordExtent, in answer: Span<UInt8>, _ cluster: ClusterBailiwick
    ) throws(WireError) -> Verdict {
        guard current.standing != .foreign, try owns(current, record, in: answer) else {
            hasStray = true
            return .dropped
        }
        if hasStray { isOutOfOrder = true }
        let target = try name(at: record.dataStart, in: answer)
        previous = current
        current = OwnerName(
            start: record.dataStart, standing: try standing(of: target, in: answer, cluster))
        return .accepted
    }

    /// Judges a record of the answer section that is not an alias.
    private mutating func judgeAnswer(
        _ record: RecordExtent, in answer: Span<UInt8>, _ cluster: ClusterBailiwick
    ) throws(WireError) -> Verdict {
        switch record.type {
        case RecordType.dname:
            let owner = try name(at: record.start, in: answer)
            let isAbove = try name(at: current.start, in: answer).isAtOrBelow(owner)
            let wasAbove = try name(at: previous.start, in: answer).isAtOrBelow(owner)
            return Verdict((isAbove || wasAbove) && isInDomain(owner) && redirects(owner, cluster))
        // CoreDNS answers SOA for any name of its zone with that of the apex, in the answer section.
        case RecordType.soa:
            let owner = try name(at: record.start, in: answer)
            guard isInDomain(owner) else { break }
            let isAbove = try name(at: current.start, in: answer).isAtOrBelow(owner)
            return Verdict(isAbove && isOwn(owner, cluster))
        default: break
        }
        if try owns(current, record, in: answer) { return Verdict(mayHave(record, current)) }
        if try owns(previous, record, in: answer) { return Verdict(mayHave(record, previous)) }
        hasStray = true
        return .dropped
    }

    /// True if the cluster is authoritative for such a record of `owner`.
    private func mayHave(_ record: RecordExtent, _ owner: OwnerName) -> Bool {
        switch owner.standing {
        case .own: true
        case .foreign: false
        case .outside:
            // An alias may lead outside to answer the question; that gives no authority over the
            // target's zone.
            switch record.type {
            case RecordType.ns, RecordType.soa: false
            case RecordType.rrsig, RecordType.sig: true
            default: record.type == question.type || question.type == RecordType.any
            }
        }
    }

    // MARK: - Whose a name is

    /// True if `record` is the SOA of a negative answer about a name outside the domain (RFC 2308 section 3).
    ///
    /// CoreDNS answers for `in-addr.arpa` as a whole.
    private func isZone(
        _ record: RecordExtent, above owner: FlatName, in answer: Span<UInt8>, _ cluster: ClusterBailiwick
    ) throws(WireError) -> Bool {
        guard record.type == RecordType.soa else { return false }
        let current = try name(at: current.start, in: answer)
        guard !isInDomain(current), current.isAtOrBelow(owner) else { return false }
        return switch self.current.standing {
        case .own: true
        case .outside: cluster.standing(of: owner) == .outside
        case .foreign: false
        }
    }

    private func standing(
        of name: FlatName, in answer: Span<UInt8>, _ cluster: ClusterBailiwick
    ) throws(WireError) -> ClusterBailiwick.Standing {
        if isInDomain(name) {
            return cluster.holdsOthers ? cluster.standing(of: outer(name)) : .own
        }
        // A reverse name may lead to its like: `9.0-63.17.172.in-addr.arpa` (RFC 2317 section 4).
        let asked = try self.name(at: OwnerName.asked.start, in: answer)
        if !isInDomain(asked), asked.labelCount > 1,
            name.isAtOrBelow(asked, from: Int(asked.starts[1]))
        {
            return .own
        }
        return cluster.standing(of: name)
    }

    /// True if `owner`, a name of the domain, belongs to the suffix that was asked.
    private func isOwn(_ owner: FlatName, _ cluster: ClusterBailiwick) -> Bool {
        !cluster.holdsOthers || cluster.standing(of: outer(owner)) == .own
    }

    /// True if DNAME and NS records of the cluster are accepted at `owner`.
    private func redirects(_ owner: FlatName, _ cluster: ClusterBailiwick) -> Bool {
        cluster.mayRedirect(outer(owner))
    }

    /// `name` as clients call it; unchanged if it has no room for that, which fails the answer later.
    private func outer(_ name: FlatName) -> FlatName {
        var name = name
        guard !terms.names.isIdentity else { return name }
        let (inner, outer) = (terms.names.foldedInner, terms.names.outer.wire)
        if let start = name.start(ofFoldedSuffix: inner.span) {
            _ = name.replaceSuffix(from: start, with: outer.span)
        }
        return name
    }
}
