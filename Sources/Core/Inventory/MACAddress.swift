/// An Ethernet address of 48 bits, as in `c2:6a:9b:e5:39:8d`.
package struct MACAddress: Hashable, Sendable {
    /// The low 48 bits hold the address, the first octet highest; the others are zero.
    package let bits: UInt64

    /// Takes the low 48 bits.
    package init(bits: UInt64) {
        self.bits = bits & 0xFFFF_FFFF_FFFF
    }

    /// Reads six pairs of hexadecimal digits between colons.
    package init?(_ text: some StringProtocol) {
        let pairs = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard pairs.count == 6 else { return nil }
        var bits: UInt64 = 0
        for pair in pairs {
            guard pair.count == 2 else { return nil }
            for digit in pair {
                guard let value = Self.value(ofHexDigit: digit) else { return nil }
                bits = bits << 4 | value
            }
        }
        self.bits = bits
    }

    /// The six octets in the order of transmission.
    package var octets: [UInt8] {
        stride(from: 40, through: 0, by: -8).map { UInt8(truncatingIfNeeded: bits >> UInt64($0)) }
    }

    /// True if the first octet's lowest bit is set; no interface has such an address (IEEE 802).
    package var isMulticast: Bool { bits >> 40 & 1 == 1 }

    /// The value of one hexadecimal digit.
    private static func value(ofHexDigit digit: UInt8) -> UInt64? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(digit - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(digit - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(digit - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}

extension MACAddress: CustomStringConvertible {
    /// Lower case, as `ip link` prints it.
    package var description: String {
        octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}
