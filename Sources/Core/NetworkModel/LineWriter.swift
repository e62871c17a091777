package import IPAddressing
package import Inventory

/// Builds text octet by octet, without a string for each part: a mesh of a thousand nodes has millions
/// of lines.
package struct LineWriter: Sendable {
    /// The text so far, UTF-8.
    package private(set) var octets: [UInt8] = []

    package init() {}

    /// The text so far.
    package var text: String { String(decoding: octets, as: UTF8.self) }

    /// Clears the text and keeps its memory.
    package mutating func clear() { octets.removeAll(keepingCapacity: true) }

    /// Appends a text.
    package mutating func write(_ text: String) { octets.append(contentsOf: text.utf8) }

    /// Decimal digits.
    package mutating func write(_ number: Int) {
        guard (0..<10).contains(number) else { return write(String(number)) }
        octets.append(UInt8(ascii: "0") + UInt8(number))
    }

    /// The same text as the address's description.
    package mutating func write(_ address: IPAddress) {
        guard address.family == .v4 else { return write(address.description) }
        for shift in [24, 16, 8, 0] {
            writeOctet(UInt8(truncatingIfNeeded: address.bits >> UInt128(shift)))
            if shift > 0 { octets.append(UInt8(ascii: ".")) }
        }
    }

    /// The same text as the prefix's description.
    package mutating func write(_ prefix: IPPrefix) {
        write(prefix.address)
        octets.append(UInt8(ascii: "/"))
        writeOctet(UInt8(truncatingIfNeeded: prefix.length))
    }

    /// The same text as the address's description.
    package mutating func write(_ mac: MACAddress) {
        for shift in stride(from: 44, through: 0, by: -4) {
            let nibble = UInt8(truncatingIfNeeded: mac.bits >> UInt64(shift)) & 15
            octets.append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
            if shift > 0, shift % 8 == 0 { octets.append(UInt8(ascii: ":")) }
        }
    }

    /// 0...255 in decimal digits.
    private mutating func writeOctet(_ number: UInt8) {
        if number >= 100 { octets.append(UInt8(ascii: "0") + number / 100) }
        if number >= 10 { octets.append(UInt8(ascii: "0") + number / 10 % 10) }
        octets.append(UInt8(ascii: "0") + number % 10)
    }
}
