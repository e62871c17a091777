import DNSWire
import Testing

@Suite struct SipHashTests {
    /// The key 00 01 ... 0f of the paper's vectors.
    private let key = SipHash.Key(octets: (0..<16).map { UInt8($0) })

    /// The first octets of the message 00 01 02 ... and their hashes, from the authors' `vectors.h`.
    @Test(
        arguments: [
            (0, 0x310E_0EDD_47DB_6F72), (7, 0x37D1_018B_F500_02AB), (8, 0x6224_939A_79F5_F593),
            (15, 0xE545_BE49_61CA_29A1),
        ] as [(Int, UInt64)])
    func `the vectors of its authors`(count: Int, hash: UInt64) throws {
        var sip = SipHash(try #require(key))
        var number: UInt64 = 0
        for octet in 0..<count {
            number = number << 8 | UInt64(octet)
            if octet % 8 == 7 {
                sip.combine(octetsOf: number)
                number = 0
            }
        }
        #expect(sip.finish(octets: count % 8, of: number) == hash)
    }

    @Test func `a key has sixteen octets`() {
        #expect(SipHash.Key(octets: Array(repeating: 0, count: 15)) == nil)
        #expect(SipHash.Key(octets: Array(repeating: 0, count: 17)) == nil)
    }
}
