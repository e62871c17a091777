/// Compares a reply to a client with the cluster's answer: record by record, what the mapping must give.
///
/// It shares no code with the mapping itself.
package struct MappingChecker: Sendable {
    /// The cluster's own domain.
    package let inner: PlainName
    /// The client's name for it.
    package let outer: PlainName
    /// The client's whole query.
    package let query: [UInt8]
    /// The most octets that the reply may take.
    package let limit: Int
    /// What becomes of addresses.
    package var addresses = PlainAddressMap()
    /// False if the reply has room for all records.
    package var mayCut = true
    /// False if the inner suffix's octets may stand inside of a label or of opaque data.
    package var looksAtBareOctets = true

    /// Creates a mapping checker.
    package init(inner: PlainName, outer: PlainName, query: [UInt8], limit: Int) {
        self.inner = inner
        self.outer = outer
        self.query = query
        self.limit = limit
    }

    /// Types that belong to one hop (OPT, TSIG), or are invalid once names are changed (RRSIG, NSEC, NSEC3).
    private var leftOut: Set<Int> { changesNothing ? [41, 250] : [41, 250, 46, 47, 50] }

    private var changesNothing: Bool { inner == outer && addresses.isEmpty }

    /// The errors of `reply`, which was made of `upstream`; empty if there are none.
    package func objections(to reply: [UInt8], madeFrom upstream: [UInt8]) -> [String] {
        do throws(PlainDecodingError) {
            let asked = try PlainMessage(decoding: query)
            let given = try PlainMessage(decoding: upstream)
            let got = try PlainMessage(decoding: reply)
            return headerObjections(got, asked, given: given) + questionObjections(reply, got)
                + recordObjections(got, given) + ednsObjections(got, asked) + suffixObjections(reply, got)
                + (reply.count > limit ? ["\(reply.count) octets, \(limit) are allowed"] : [])
        } catch {
            return ["not readable: \(error)"]
        }
    }

    /// Errors of the header.
    private func headerObjections(
        _ got: PlainMessage, _ asked: PlainMessage, given: PlainMessage
    ) -> [String] {
        var objections: [String] = []
        if got.id != asked.id { objections.append("ID \(got.id), asked with \(asked.id)") }
        if got.flags & 0x7910 != asked.flags & 0x7910 {
            objections.append("opcode, RD or CD is not the query's")
        }
        if got.flags & 0x8080 != 0x8080 { objections.append("QR or RA is missing") }
        if got.flags & 0x0440 != 0 { objections.append("AA or Z is set") }
        if !changesNothing, got.flags & 0x0020 != 0 {
            objections.append("AD is set on names that were changed")
        }
        if given.isTruncated, !got.isTruncated { objections.append("TC of the cluster is gone") }
        if got.rcode != given.rcode {
            objections.append("rcode \(got.rcode), the cluster gave \(given.rcode)")
        }
        return objections
    }

    /// Errors of the question.
    private func questionObjections(_ reply: [UInt8], _ got: PlainMessage) -> [String] {
        guard got.questions.count == 1 else { return ["\(got.questions.count) questions"] }
        let question = got.questions[0].wire
        guard query.count >= 12 + question.count, reply.count >= 12 + question.count,
            Array(query[12..<12 + question.count]) == question,
            Array(reply[12..<12 + question.count]) == question
        else { return ["the question is not the client's, octet by octet"] }
        return []
    }

    /// What each section must hold, without OPT.
    package func expectedSections(of given: PlainMessage) -> [[PlainRecord]] {
        given.sections.map { section in
            section.filter { !leftOut.contains($0.type) }.map { record in
                var record = record
                record.owner = record.owner.replacing(inner, with: outer)
                if record.ttl > 0x7FFF_FFFF { record.ttl = 0 }
                record.data = record.data.map {
                    if case .name(let name) = $0 { .name(name.replacing(inner, with: outer)) } else { $0 }
                }
                record.data = addresses.outer(ofData: record.data, type: record.type)
                return record
            }
        }
    }

    /// Errors of the records.
    private func recordObjections(_ got: PlainMessage, _ given: PlainMessage) -> [String] {
        var objections: [String] = []
        var isCut = false
        let expected = expectedSections(of: given)
        for (index, title) in ["answer", "authority", "additional"].enumerated() {
            let found = got.sections[index].filter { $0.type != 41 }
            let due = expected[index]
            if found.count > due.count || isCut && !found.isEmpty {
                objections.append(
                    "\(title): \(found.count) records, \(due.count) are due, cut before: \(isCut)")
                continue
            }
            for (number, record) in found.enumerated() where !isSame(record, due[number]) {
                objections.append("\(title) \(number): got \(record), due is \(due[number])")
            }
            if found.count < due.count {
                let wasWhole = !isCut
                isCut = true
                if !mayCut { objections.append("\(title): \(due.count - found.count) records are missing") }
                if index < 2, !got.isTruncated { objections.append("\(title) is cut without TC") }
                if index == 2, wasWhole, got.isTruncated, !given.isTruncated {
                    objections.append("TC although only additional records are missing")
                }
                if index == 2, let last = found.last, isSameSet(last, due[found.count]) {
                    objections.append("a part of an additional RRset without TC")
                }
            }
        }
        if got.isTruncated, !isCut, !given.isTruncated { objections.append("TC although nothing is missing") }
        return objections
    }

    /// True for two records of one RRset.
    private func isSameSet(_ one: PlainRecord, _ other: PlainRecord) -> Bool {
        one.type == other.type && one.owner.isSame(as: other.owner)
    }

    /// Equal, except that the suffix may be spelled as in the configuration or as in the question, and a
    /// whole owner as in the question.
    private func isSame(_ got: PlainRecord, _ due: PlainRecord) -> Bool {
        guard got.type == due.type, got.recordClass == due.recordClass, got.ttl == due.ttl,
            got.data.count == due.data.count, got.owner.isSame(as: due.owner)
        else { return false }
        return zip(got.data, due.data).allSatisfy { pair in
            switch pair {
            case (.octets(let one), .octets(let other)): one == other
            case (.name(let one), .name(let other)): isSame(one, other)
            default: false
            }
        }
    }

    /// True for names that are equal, or equal but for the suffix's case.
    private func isSame(_ got: PlainName, _ due: PlainName) -> Bool {
        guard due.ends(with: outer) else { return got == due }
        return got.ends(with: outer)
            && got.labels.dropLast(outer.labels.count) == due.labels.dropLast(outer.labels.count)
    }

    /// Errors of OPT.
    private func ednsObjections(_ got: PlainMessage, _ asked: PlainMessage) -> [String] {
        let found = got.sections.joined().filter { $0.type == 41 }.count
        guard let asking = asked.opt else { return found == 0 ? [] : ["OPT although the client sent none"] }
        guard found == 1, let opt = got.opt else { return ["\(found) OPT records"] }
        var objections: [String] = []
        if !opt.owner.labels.isEmpty { objections.append("OPT below \(opt.owner)") }
        if opt.recordClass < 512 { objections.append("payload size \(opt.recordClass)") }
        if opt.ttl & 0xFFFF_7FFF != 0 { objections.append("extended rcode, EDNS version or Z is set") }
        if opt.ttl & 0x8000 != asking.ttl & 0x8000 { objections.append("DO is not the client's") }
        return objections
    }

    /// No name of the cluster's own domain may be left, neither as a name of the message nor as bare octets.
    private func suffixObjections(_ reply: [UInt8], _ got: PlainMessage) -> [String] {
        guard inner != outer else { return [] }
        let names = got.questions.map(\.name) + got.sections.joined().flatMap(\.names)
        let left = names.filter { $0.ends(with: inner) && !$0.ends(with: outer) }
        var objections = left.map { "\($0) is left under \(inner)" }
        guard looksAtBareOctets else { return objections }
        // The inner suffix may only stand as the end of the outer one.
        let needle = inner.lowercased.wire
        let lead = outer.ends(with: inner) ? outer.lowercased.wire.dropLast(needle.count) : []
        let plain = PlainName(labels: [reply]).lowercased.labels[0]
        for offset in plain.indices.dropLast(needle.count - 1)
        where plain[offset..<offset + needle.count].elementsEqual(needle) {
            let isOuter =
                !lead.isEmpty && offset >= lead.count
                && plain[offset - lead.count..<offset].elementsEqual(lead)
            if !isOuter { objections.append("the octets of \(inner) stand at \(offset)") }
        }
        return objections
    }
}
