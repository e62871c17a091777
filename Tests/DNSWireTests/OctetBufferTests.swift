import DNSWire
import DomainNames
import Testing

/// Octets in place.
struct OctetBufferTests {
    @Test(arguments: 1...40) func `a name of any length changes its letter case, and nothing beside it does`(count: Int) {
        let letterCase = LetterCase(bits: 0x5DEE_CE66_D177_1337)
        var buffer = OctetBuffer(capacity: 64)
        for _ in 0..<(count + 6) { buffer.append(UInt8(ascii: "q")) }
        buffer.setLetterCase(letterCase, ofNameAt: 3, length: count)
        for index in 0..<(count + 6) {
            let isInside = 3..<(3 + count) ~= index
            let expected = isInside ? letterCase.octet(UInt8(ascii: "q"), at: index - 3) : UInt8(ascii: "q")
            #expect(buffer[index] == expected, "octet \(index)")
        }
    }

    @Test func `numbers are in network order at every offset`() {
        var buffer = OctetBuffer(capacity: 64)
        buffer.append(1)
        buffer.append16(0x0203)
        buffer.append32(0x0405_0607)
        buffer.append64(0x0809_0A0B_0C0D_0E0F)
        for index in 0..<15 { #expect(buffer[index] == UInt8(index + 1)) }
        #expect(buffer.number16(at: 1) == 0x0203)
        #expect(buffer.number32(at: 3) == 0x0405_0607)
        buffer.set16(0xFFFE, at: 0)
        buffer.set32(0xFDFC_FBFA, at: 2)
        for index in 0..<6 { #expect(buffer[index] == 0xFF - UInt8(index)) }
        #expect(buffer[6] == 7)
    }
}
