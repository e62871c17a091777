import DNSWire
import DomainNames

/// The name by which a probe finds loops, also through servers that drop EDNS options, as most resolvers do.
///
/// Its first label contains a number drawn for this probe; the rest is below a name for which only the asked
/// server can send it back.
package enum LoopName {
    /// HINFO, which other clients do not ask for.
    package static let type = 13

    /// The beginning of the label.
    private static let prefix: [UInt8] = Array("namebridge-loop-".utf8)
    /// The digits of numbers.
    private static let digits: [UInt8] = Array("0123456789abcdef".utf8)

    /// The label with `number`: 32 octets.
    package static func label(_ number: UInt64) -> [UInt8] { prefix + hexadecimal(number) }

    /// The data of the HINFO record (RFC 1035 section 3.3.2) that answers with `secret`: 33 octets.
    package static func answer(_ secret: UInt64) -> [UInt8] {
        let name = prefix.dropLast()
        return [UInt8(name.count)] + name + [16] + hexadecimal(secret)
    }

    /// The number in 16 digits.
    private static func hexadecimal(_ number: UInt64) -> [UInt8] {
        stride(from: 60, through: 0, by: -4).map { digits[Int(number >> UInt64($0) & 0xF)] }
    }

    /// The number in the first label of the question's name; nil if it is another name.
    static func number(in message: Span<UInt8>) -> UInt64? {
        let start = Question.nameStart
        guard Int(message[start]) == prefix.count + 16 else { return nil }
        for index in prefix.indices where foldedOctet(message[start + 1 + index]) != prefix[index] {
            return nil
        }
        var number: UInt64 = 0
        for index in 0..<16 {
            let octet = foldedOctet(message[start + 1 + prefix.count + index])
            guard let digit = digits.firstIndex(of: octet) else { return nil }
            number = number << 4 | UInt64(digit)
        }
        return number
    }
}

extension PreparedAnswer {
    /// Appends the answer to a question for a `LoopName`; it is for the probe only, so its TTL is 0.
    mutating func appendLoopAnswer(_ secret: UInt64) {
        let data = LoopName.answer(secret)
        octets.append16(0xC000 | MessageHeader.length)
        octets.append16(LoopName.type)
        octets.append16(RecordClass.internet)
        let ttlOffset = octets.count
        octets.append32(0)
        octets.append16(data.count)
        octets.append(data)
        octets.set16(1, at: 6)
        marks.append(
            RecordMark(ttlOffset: ttlOffset, end: octets.count, type: LoopName.type, section: .answer))
    }
}
