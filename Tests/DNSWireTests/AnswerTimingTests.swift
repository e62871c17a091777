import DNSWire
import TestSupport
import Testing

/// TTLs inside of an RRset (RFC 2181 section 5.2).
@Suite struct AnswerTimingTests {
    /// Records of the answer and what becomes of their TTLs.
    private struct Row: Sendable, CustomTestStringConvertible {
        let reason: String
        let records: [PlainRecord]
        let ttls: [UInt32]

        var testDescription: String { reason }
    }

    private static func record(_ owner: String, _ type: Int, ttl: UInt32) -> PlainRecord {
        let name = PlainName("\(owner).test.svc.example.com")
        let data: [PlainField] =
            type == 46
            ? [.octets([UInt8](repeating: 1, count: 18)), .name(PlainName("example.com")), .octets([7])]
            : [.octets([10, 0, 0, UInt8(truncatingIfNeeded: ttl)])]
        return PlainRecord(name, type: type, recordClass: 1, ttl: ttl, data)
    }

    private static let rows = [
        Row(reason: "nothing", records: [], ttls: []),
        Row(reason: "one record", records: [record("a", 1, ttl: 9)], ttls: [9]),
        Row(reason: "a set gets its lowest", records: [9, 5, 7].map { record("a", 1, ttl: $0) }, ttls: [5, 5, 5]),
        Row(
            reason: "letter case makes no other set", records: [record("a", 1, ttl: 9), record("A", 1, ttl: 5)],
            ttls: [5, 5]),
        Row(
            reason: "another owner does", records: [record("a", 1, ttl: 9), record("b", 1, ttl: 5)], ttls: [9, 5]),
        Row(
            reason: "another type does", records: [record("a", 1, ttl: 9), record("a", 4660, ttl: 5)], ttls: [9, 5]),
        Row(
            reason: "each signature has the TTL of what it covers (RFC 4034 section 3)",
            records: [record("a", 46, ttl: 9), record("a", 46, ttl: 5)], ttls: [9, 5]),
    ]

    @Test("the records of a set get one TTL", arguments: rows)
    private func equalized(row: Row) throws {
        var asking = MappingCase()
        asking.inner = "example.com"
        asking.outer = "example.com"
        asking.name = "a.test.svc.example.com"
        asking.answers = row.records
        var prepared = PreparedAnswer()
        try asking.prepare(asking.upstream(), into: &prepared)
        prepared.equalizeTTLs()
        let ttls = (0..<prepared.marks.count).map { index in
            let offset = Int(prepared.marks[index].ttlOffset)
            return UInt32(prepared.octets.number16(at: offset)) << 16 | UInt32(prepared.octets.number16(at: offset + 2))
        }
        #expect(ttls == row.ttls)
    }
}
