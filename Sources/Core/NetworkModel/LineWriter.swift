package import IPAddressing
package import Inventory
import JSON

/// Builds text octet by octet, without a string for each part: a mesh of a thousand nodes has millions
/// of lines.
package struct LineWriter: Sendable {
    /// The text so far, UTF-8.
    package private(set) var octets: [UInt8] = []

    /// Creates a line writer.
    package init() {}

    /// The text so far.
    package var text: String { String(decoding: octets, as: UTF8.self) }

    /// Clears the text and keeps its memory.
    package mutating func clear() { octets.removeAll(keepingCapacity: true) }

    /// Appends a text.
    package mutating func write(_ text: String) { octets.append(contentsOf: text.utf8) }

    /// A space.
    mutating func writeSpace() { octets.append(UInt8(ascii: " ")) }

    /// Appends a text of the program itself.
    package mutating func write(literal: StaticString) {
        // Sound: the octets of a literal are there as long as the program runs.
        unsafe octets.append(
            contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Decimal digits.
    package mutating func write(_ number: Int) {
        guard let small = UInt8(exactly: number) else { return write(String(number)) }
        octets.append(addingCapacity: 3) { $0.append(decimal: small) }
    }

    /// The same text as the address's description.
    package mutating func write(_ address: IPAddress) {
        guard address.family == .v4 else { return write(address.description) }
        octets.append(addingCapacity: 15) { $0.append(dotted: address) }
    }

    /// The same text as the prefix's description.
    package mutating func write(_ prefix: IPPrefix) {
        guard prefix.family == .v4 else { return write(prefix.description) }
        octets.append(addingCapacity: 18) { room in
            room.append(dotted: prefix.address)
            room.append(UInt8(ascii: "/"))
            room.append(decimal: UInt8(truncatingIfNeeded: prefix.length))
        }
    }

    /// The same text as the address's description.
    package mutating func write(_ mac: MACAddress) {
        octets.append(addingCapacity: 17) { room in
            for shift in stride(from: 44 as UInt64, through: 0, by: -4) {
                let nibble = UInt8(truncatingIfNeeded: mac.bits >> shift) & 15
                room.append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
                if shift > 0, shift % 8 == 0 { room.append(UInt8(ascii: ":")) }
            }
        }
    }

    /// A word, in quotation marks if it needs them.
    mutating func writeWord(_ word: String) {
        let start = octets.count
        write(word)
        guard needsQuotes(from: start) else { return }
        octets.removeSubrange(start...)
        write(JSONValue.quote(word))
    }

    /// True if the text from `start` on is no plain word; quicker here than in a string.
    private func needsQuotes(from start: Int) -> Bool {
        let text = octets.span
        for index in start..<text.count {
            let octet = text[index]
            if octet == UInt8(ascii: " ") || octet == UInt8(ascii: "\"") || octet == UInt8(ascii: "\\") {
                return true
            }
        }
        return start == text.count
    }
}

extension OutputSpan<UInt8> {
    /// The four octets of an IPv4 address in decimal digits: at most 15 characters.
    fileprivate mutating func append(dotted address: IPAddress) {
        let bits = UInt32(truncatingIfNeeded: address.bits)
        append(decimal: UInt8(truncatingIfNeeded: bits >> 24))
        append(UInt8(ascii: "."))
        append(decimal: UInt8(truncatingIfNeeded: bits >> 16))
        append(UInt8(ascii: "."))
        append(decimal: UInt8(truncatingIfNeeded: bits >> 8))
        append(UInt8(ascii: "."))
        append(decimal: UInt8(truncatingIfNeeded: bits))
    }

    /// 0...255 in decimal digits.
    fileprivate mutating func append(decimal number: UInt8) {
        if number >= 100 { append(UInt8(ascii: "0") + number / 100) }
        if number >= 10 { append(UInt8(ascii: "0") + number / 10 % 10) }
        append(UInt8(ascii: "0") + number % 10)
    }
}
