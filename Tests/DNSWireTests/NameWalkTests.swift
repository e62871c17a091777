import DNSWire
import DomainNames
import TestSupport
import Testing

@Suite("Names in messages") struct NameWalkTests {
    private static let header = [UInt8](repeating: 1, count: 12)

    @Test("a name is walked to its end, or refused with the reason", arguments: rows)
    fileprivate func walk(row: Row) {
        let message = Self.header + row.octets
        do throws(WireError) {
            let extent = try walkName(in: message.span, at: row.start)
            #expect(row.outcome == .success(Extent(end: extent.end, length: extent.length)))
        } catch {
            #expect(row.outcome == .failure(error))
        }
    }

    @Test("copying a name agrees with walking it", arguments: rows)
    fileprivate func copy(row: Row) {
        let message = Self.header + row.octets
        var end = 0
        do throws(WireError) {
            let name = try FlatName(in: message.span, at: row.start, end: &end)
            #expect(row.outcome == .success(Extent(end: end, length: name.length)))
            #expect((try? DomainName(wire: name.wire))?.labels.count == name.labelCount)
        } catch {
            // Where a label is cut off, copying says where the label begins, walking where it should have ended.
            switch (error, row.outcome) {
            case (.truncated, .failure(.truncated)): break
            default: #expect(row.outcome == .failure(error))
            }
        }
    }

    @Test(
        "a suffix is found on label borders, whatever its case",
        arguments: [
            ("a.Cluster.LOCAL", 2 as Int?, "letter case does not count (RFC 4343)"),
            ("cluster.local", 0, "the suffix itself"),
            ("acluster.local", nil, "the middle of a label"),
            ("local", nil, "shorter than the suffix"),
            ("cluster.local.x", nil, "not at the end"),
            ("a.cluster.loca1", nil, "another label"),
            ("b.xluster.local", nil, "as long, but other octets"),
        ])
    func suffix(text: String, start: Int?, reason: String) throws {
        let suffix = PlainName("cluster.local").wire
        let message = Self.header + PlainName(text).wire
        var end = 0
        let name = try FlatName(in: message.span, at: 12, end: &end)
        let found = name.start(ofFoldedSuffix: suffix.span)
        #expect(found == start, "\(reason)")
    }

    @Test func `the octets of a suffix inside one label are not the suffix`() throws {
        let suffix = PlainName("cluster.local").wire
        let message = Self.header + PlainName(labels: [[0x61] + suffix.dropLast()]).wire
        var end = 0
        let name = try FlatName(in: message.span, at: 12, end: &end)
        let found = name.start(ofFoldedSuffix: suffix.span)
        #expect(found == nil)
        let root: [UInt8] = [0]
        let foundRoot = name.start(ofFoldedSuffix: root.span)
        #expect(foundRoot == name.length - 1, "every name is below the root")
    }

    @Test func `a suffix is replaced while 255 octets suffice`() throws {
        let message = Self.header + labels(63, 63, 63, 50) + PlainName("in").wire
        var end = 0
        var name = try FlatName(in: message.span, at: 12, end: &end)
        let before = name.wire
        let start = name.length - 4
        #expect(name.length == 247)
        let long = PlainName("abcdefghijk").wire
        let longFits = name.replaceSuffix(from: start, with: long.span)
        #expect(longFits == .noRoom)
        #expect(name.wire == before, "nothing changes where it does not fit")
        let short = PlainName("abc.defghi").wire
        let shortFits = name.replaceSuffix(from: start, with: short.span)
        #expect(shortFits == .done)
        #expect(name.length == 255)
        #expect(try DomainName(wire: name.wire).labels.map(\.count) == [63, 63, 63, 50, 3, 6])
        #expect(name.labelCount == 6)
    }
}

/// The offset after a name, and its length without compression.
private struct Extent: Equatable, Sendable {
    let end: Int
    let length: Int
}

/// Octets from offset 12 on, the offset of the name to be read, and the expected result.
private struct Row: Sendable, CustomTestStringConvertible {
    let reason: String
    /// Behind a header of twelve octets, all 1: so that a name read from there would be seen.
    let octets: [UInt8]
    /// Offset in the message.
    let start: Int
    let outcome: Result<Extent, WireError>

    init(_ reason: String, _ octets: [UInt8], at start: Int = 12, _ outcome: Result<(end: Int, length: Int), WireError>) {
        self.reason = reason
        self.octets = octets
        self.start = start
        self.outcome = outcome.map { Extent(end: $0.end, length: $0.length) }
    }

    var testDescription: String { reason }
}

private func labels(_ sizes: Int...) -> [UInt8] {
    sizes.flatMap { [UInt8($0)] + [UInt8](repeating: 0x78, count: $0) }
}

/// Two root labels, followed by pointers that each point at the previous one.
private func chain(pointers: Int) -> [UInt8] {
    [0, 0]
        + (0..<pointers).flatMap { index in
            let target = index == 0 ? 12 : 14 + (index - 1) * 2
            return [0xC0 | UInt8(target >> 8), UInt8(target & 0xFF)]
        }
}

private let rows = [
    Row("the root", [0], .success((13, 1))),
    Row("a name", [1, 0x61, 2, 0x62, 0x63, 0], .success((18, 6))),
    Row("any octet may stand in a label", [3, 0, 0xC0, 0xFF, 0], .success((17, 5))),
    Row("a name behind another, ending in a pointer to it", [1, 0x61, 0, 1, 0x62, 0xC0, 12], at: 15, .success((19, 5))),
    Row("a pointer alone", [1, 0x61, 0, 0xC0, 12], at: 15, .success((17, 3))),
    Row("a pointer into the middle of a name", [1, 0x61, 1, 0x62, 0, 0xC0, 14], at: 17, .success((19, 3))),
    Row("a pointer to a pointer", [1, 0x61, 0, 0xC0, 12, 1, 0x62, 0xC0, 15], at: 17, .success((21, 5))),
    Row("127 pointers", chain(pointers: 127), at: 12 + 2 + 126 * 2, .success((12 + 2 + 127 * 2, 1))),
    Row("128 pointers", chain(pointers: 128), at: 12 + 2 + 127 * 2, .failure(.tooManyPointers(offset: 12 + 2 + 127 * 2))),
    Row("255 octets", labels(63, 63, 63, 61) + [0], .success((267, 255))),
    Row("256 octets", labels(63, 63, 63, 62) + [0], .failure(.nameTooLong(offset: 12))),
    Row("255 octets and no end", labels(63, 63, 63, 62), .failure(.truncated(offset: 267, needed: 1))),
    Row("127 labels", (0..<127).flatMap { _ in [1, 0x61] } + [0], .success((267, 255))),
    Row("128 labels", (0..<128).flatMap { _ in [1, 0x61] } + [0], .failure(.nameTooLong(offset: 12))),
    Row(
        "256 octets by way of a pointer", labels(63, 63, 63) + [0] + labels(62) + [0xC0, 12], at: 205,
        .failure(.nameTooLong(offset: 205))),
    Row("255 octets by way of a pointer", labels(63, 63, 63) + [0] + labels(61) + [0xC0, 12], at: 205, .success((269, 255))),
    Row("nothing", [], .failure(.truncated(offset: 12, needed: 1))),
    Row("a label that is cut off", [5, 0x61], .failure(.truncated(offset: 18, needed: 1))),
    Row("no root label", [1, 0x61], .failure(.truncated(offset: 14, needed: 1))),
    Row("half a pointer", [0, 0xC0], at: 13, .failure(.truncated(offset: 13, needed: 2))),
    Row("a pointer to itself", [0, 0xC0, 13], at: 13, .failure(.forwardPointer(offset: 13, target: 13))),
    Row("a pointer to the name's own start", [1, 0x61, 0xC0, 12], .failure(.forwardPointer(offset: 14, target: 12))),
    Row("a pointer forwards", [0xC0, 14, 0], .failure(.forwardPointer(offset: 12, target: 14))),
    Row("a pointer past the end", [0xFF, 0xFF], .failure(.forwardPointer(offset: 12, target: 0x3FFF))),
    Row("two pointers at each other", [0xC0, 14, 0xC0, 12], at: 14, .failure(.forwardPointer(offset: 12, target: 14))),
    Row(
        "a pointer that leads back to where the walk came from", [1, 0x61, 0xC0, 12, 0xC0, 12], at: 16,
        .failure(.forwardPointer(offset: 14, target: 12))),
    Row("a pointer to the header's start", [0xC0, 0], .failure(.headerPointer(offset: 12, target: 0))),
    Row("a pointer to the header's last octet", [0, 0xC0, 11], at: 13, .failure(.headerPointer(offset: 13, target: 11))),
    Row("a label type of RFC 6891 section 5", [0x41, 0], .failure(.reservedLabelType(offset: 12, octet: 0x41))),
    Row("the label type that was never given", [1, 0x61, 0x80], .failure(.reservedLabelType(offset: 14, octet: 0x80))),
]
