/// Sets of records at the name that was asked, taken out of answers and joined.
extension PreparedAnswer {
    /// The compression pointer to the question's name.
    private static let pointerToName = 0xC000 | MessageHeader.length

    /// The data and the lowest TTL of the records of `type` that are all there is in the answer section,
    /// owned by the name that was asked; nil if the answer is another one.
    ///
    /// Only for types whose data is written whole, without compression: addresses and SRV.
    package func wholeSet(type: Int) -> (ttl: UInt32, data: [[UInt8]])? {
        guard rcode == ResponseCode.noError.rawValue, answerCount > 0, answerCount <= marks.count else {
            return nil
        }
        var ttl = UInt32.max
        var data: [[UInt8]] = []
        for index in 0..<answerCount {
            let start = start(ofRecord: index)
            guard Int(marks[index].type) == type, octets.number16(at: start) == Self.pointerToName else {
                return nil
            }
            let offset = Int(marks[index].ttlOffset)
            ttl = min(
                ttl, UInt32(octets.number16(at: offset)) << 16 | UInt32(octets.number16(at: offset + 2)))
            let content = octets.span.extracting((offset + 6)..<Int(marks[index].end))
            data.append(content.indices.map { content[$0] })
        }
        return (ttl, data)
    }

    /// Begins the answer to `question` that is a set of records at its name. Those for which a message has no
    /// room are left out, with TC.
    package mutating func begin(question: Span<UInt8>, type: Int, ttl: UInt32, data: [[UInt8]]) {
        begin(question: question)
        for content in data {
            let start = octets.count
            guard start + 12 + content.count <= 0xFFFF else {
                cut(at: start, type: type, .answer)
                return
            }
            octets.append16(Self.pointerToName)
            octets.append16(type)
            octets.append16(RecordClass.internet)
            octets.append32(ttl)
            octets.append16(content.count)
            octets.append(content)
            marks.append(
                RecordMark(ttlOffset: start + 6, end: octets.count, type: type, section: .answer))
            octets.set16(octets.number16(at: 6) + 1, at: 6)
        }
    }

    /// Leaves the additional section out: what it has can be asked for.
    package mutating func removeAdditional() {
        var kept = 0
        while kept < marks.count, marks[kept].section != .additional { kept += 1 }
        octets.truncate(to: start(ofRecord: kept))
        marks.truncate(to: kept)
        octets.set16(0, at: 10)
    }

    /// True if it says that there is no such name, and has no alias that leads to the missing one.
    package var isNameError: Bool { rcode == ResponseCode.nameError.rawValue && answerCount == 0 }

    /// True if its authority section has the SOA of a zone.
    package var hasSOA: Bool {
        (0..<marks.count).contains {
            marks[$0].section == .authority && Int(marks[$0].type) == RecordType.soa
        }
    }

    /// Makes the answer, which says that there is no such name, one that says that it has no such data.
    package mutating func becomeNoData() {
        octets.set16(ResponseCode.noError.rawValue, at: 2)
    }
}
