import IPAddressing
import NetworkModel
import TestSupport
import Testing

/// Translations of prefixes, joined where that changes nothing.
@Suite struct PrefixTranslationTests {
    @Test func `halves in the same order are joined, others are not`() throws {
        let pairs = try [
            // Four quarters: one translation.
            ("10.64.0.0/24", "10.128.0.0/24"), ("10.64.1.0/24", "10.128.1.0/24"), ("10.64.2.0/24", "10.128.2.0/24"),
            ("10.64.3.0/24", "10.128.3.0/24"),
            // Halves that change places, and neighbours that are no halves of one prefix.
            ("10.70.0.0/24", "10.130.1.0/24"), ("10.70.1.0/24", "10.130.0.0/24"), ("10.71.1.0/24", "10.131.1.0/24"),
            ("10.71.2.0/24", "10.131.2.0/24"),
        ].map(translation)
        #expect(
            joined(pairs.reversed()).map { "\($0.from) \($0.to)" } == [
                "10.64.0.0/22 10.128.0.0/22", "10.70.0.0/24 10.130.1.0/24", "10.70.1.0/24 10.130.0.0/24",
                "10.71.1.0/24 10.131.1.0/24", "10.71.2.0/24 10.131.2.0/24",
            ])
    }

    @Test(arguments: 0..<20) func `each address has the same image as before`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        // Disjoint prefixes of 10.0.0.0/24, mostly shifted as a whole.
        var pairs: [PrefixTranslation] = []
        var start = 0
        while start < 256 {  // ends: the start grows
            let bits = min(Int.random(in: 0...4, using: &random), start == 0 ? 8 : start.trailingZeroBitCount)
            let target = Bool.random(using: &random) ? start : Int.random(in: 0..<(256 >> bits), using: &random) << bits
            if Int.random(in: 0..<8, using: &random) > 0 {
                pairs.append(try translation("10.0.0.\(start)/\(32 - bits)", "10.9.0.\(target)/\(32 - bits)"))
            }
            start += 1 << bits
        }
        let fewest = joined(pairs)
        #expect(fewest.count <= pairs.count)
        for host in UInt128(0)..<256 {
            let address = IPAddress(family: .v4, bits: 0x0A00_0000 + host)
            try #require(image(of: address, pairs) == image(of: address, fewest), "\(address), seed \(seed)")
        }
    }

    private func image(of address: IPAddress, _ pairs: [PrefixTranslation]) -> [IPAddress] {
        pairs.filter { $0.from.contains(address) }.map { pair in
            let host = address.bits - pair.from.address.bits
            return IPAddress(family: .v4, bits: pair.to.address.bits + host)
        }
    }

    private func translation(_ from: String, _ to: String) throws -> PrefixTranslation {
        try #require(PrefixTranslation(from: IPPrefix(parsing: from), to: IPPrefix(parsing: to)))
    }
}
