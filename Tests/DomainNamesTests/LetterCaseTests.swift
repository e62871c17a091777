import Testing

@testable import DomainNames

/// Names in a letter case that is drawn at random.
struct LetterCaseTests {
    private static let names = ["a", "web.shop.svc.cluster.local", "1234567.89", "_x-[\\]^`{|}~@.zZaA.example"]

    @Test(arguments: names, [0, .max, 0x0123_4567_89AB_CDEF, 0xF0F0_0F0F_AAAA_5555] as [UInt64])
    func `letters alone change and eight octets at a time change as each does alone`(
        name: String, bits: UInt64
    )
        throws
    {
        let wire = try DomainName(parsing: name).wire
        let letterCase = LetterCase(bits: bits)
        let changed = wire.enumerated().map { letterCase.octet($0.element, at: $0.offset) }
        #expect(changed.map(foldedOctet) == wire.map(foldedOctet))
        for position in stride(from: 0, through: wire.count - 8, by: 8) {
            let octets = (0..<8).map { changed[position + $0] }
            let asked = letterCase.word(word(wire.span, at: position), at: position)
            let expected = word(octets.span, at: 0)
            #expect(asked == expected, "at \(position)")
        }
        let isRepeated = letterCase.isRepeated(
            in: changed.span, at: 0, of: wire.span, at: 0, count: wire.count)
        #expect(isRepeated)
    }

    @Test func `a name in another letter case is no repetition whichever letter differs`() throws {
        let wire = try DomainName(parsing: "web.shop.svc.cluster.local").wire
        let letterCase = LetterCase(bits: 0x5DEE_CE66_D177_1337)
        let changed = wire.enumerated().map { letterCase.octet($0.element, at: $0.offset) }
        for index in wire.indices where (wire[index] | 0x20) &- 0x61 < 26 {
            var other = changed
            other[index] ^= 0x20
            let isRepeated = letterCase.isRepeated(
                in: other.span, at: 0, of: wire.span, at: 0, count: wire.count)
            #expect(!isRepeated)
        }
    }

    @Test func `names of every length are compared to their last octet`() {
        let letterCase = LetterCase(bits: 0x5DEE_CE66_D177_1337)
        // Neither what stands before a name nor what follows counts.
        for count in 1...40 {
            let asked = [UInt8](repeating: UInt8(ascii: "q"), count: 3 + count + 2)
            var answer = asked
            for index in 0..<count { answer[3 + index] = letterCase.octet(asked[3 + index], at: index) }
            answer[2] ^= 0x20
            answer[3 + count] ^= 0x20
            let isRepeated = letterCase.isRepeated(
                in: answer.span, at: 3, of: asked.span, at: 3, count: count)
            #expect(isRepeated, "\(count)")
            answer[2 + count] ^= 0x20
            let isStillRepeated = letterCase.isRepeated(
                in: answer.span, at: 3, of: asked.span, at: 3, count: count)
            #expect(!isStillRepeated, "\(count)")
        }
    }

    @Test func `each of the first 64 octets of a name takes a bit of its own`() throws {
        let wire = try DomainName(parsing: String(repeating: "a", count: 63)).wire
        let changed = (0..<64).map { bit in
            let letterCase = LetterCase(bits: 1 << UInt64(bit))
            return wire.indices.filter { letterCase.octet(wire[$0], at: $0) == UInt8(ascii: "a") }
        }
        // The first bit is that of the label's length octet.
        #expect(changed.allSatisfy { $0.count <= 1 })
        #expect(Set(changed.joined()) == Set(1..<64))
    }
}
