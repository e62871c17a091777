import DNSWire
import Inventory

extension PreparedAnswer {
    /// Writes the answer of `zone` to `question`, of `type` (RFC 6303 section 3).
    ///
    /// - Parameter start: The offset of the zone's name in the question's name; 0 at the apex.
    mutating func write(_ zone: LocalZone, start: Int, question: Span<UInt8>, type: Int) {
        begin(question: question)
        extendedError = zone.reason
        switch zone.names {
        case .denied:
            octets.set16(ResponseCode.nameError.rawValue, at: 2)
            appendSOA(of: start, to: .authority)
        case .empty(let isOnTheWay):
            if start > 0, !isOnTheWay { octets.set16(ResponseCode.nameError.rawValue, at: 2) }
            appendZone(start, type)
        case .withoutData:
            appendZone(start, type)
        case .loopback:
            switch type {
            case RecordType.a, RecordType.any:
                appendRecord(Self.pointer(to: 0), RecordType.a, to: .answer) { $0.append([127, 0, 0, 1]) }
            case RecordType.aaaa:
                appendRecord(Self.pointer(to: 0), type, to: .answer) { octets in
                    octets.append64(0)
                    octets.append64(1)
                }
            default: appendZone(start, type)
            }
        }
    }

    /// A compression pointer into the question's name.
    private static func pointer(to offset: Int) -> Int { 0xC000 | MessageHeader.length + offset }

    /// Appends SOA or NS if they are asked for at the apex, otherwise the SOA of a negative answer.
    private mutating func appendZone(_ start: Int, _ type: Int) {
        let name = Self.pointer(to: start)
        switch (start, type) {
        case (0, RecordType.ns):
            appendRecord(name, RecordType.ns, to: .answer) { octets in octets.append16(name) }
        case (0, RecordType.soa), (0, RecordType.any):
            appendSOA(of: start, to: .answer)
        default:
            appendSOA(of: start, to: .authority)
        }
    }

    /// Appends the zone's SOA record.
    private mutating func appendSOA(of start: Int, to section: RecordMark.Section) {
        let name = Self.pointer(to: start)
        appendRecord(name, RecordType.soa, to: section) { octets in
            octets.append16(name)  // mname: the zone itself, as in the RFC
            octets.append([6] + Array("nobody".utf8) + [7] + Array("invalid".utf8) + [0])
            for number: UInt32 in [1, 3_600, 1_200, 604_800, 10_800] { octets.append32(number) }
        }
    }

    /// Appends the only record of `section`.
    ///
    /// - Parameters:
    ///   - name: A pointer to its owner.
    ///   - appendData: Appends the record's data.
    private mutating func appendRecord(
        _ name: Int, _ type: Int, to section: RecordMark.Section, appendData: (inout OctetBuffer) -> Void
    ) {
        octets.append16(name)
        octets.append16(type)
        octets.append16(RecordClass.internet)
        let ttlOffset = octets.count
        octets.append32(10_800)
        octets.append16(0)
        appendData(&octets)
        octets.set16(octets.count - ttlOffset - 6, at: ttlOffset + 4)
        marks.append(RecordMark(ttlOffset: ttlOffset, end: octets.count, type: type, section: section))
        octets.set16(1, at: 6 + 2 * Int(section.rawValue))
    }
}
