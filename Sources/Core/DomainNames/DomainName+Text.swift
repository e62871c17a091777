// MARK: - Reading

extension DomainName {
    /// Reads presentation form (RFC 1035 section 5.1): labels between dots, `\X` and `\DDD` for any octet.
    /// A final dot is allowed and changes nothing; `.` alone is the root.
    package init(parsing text: some StringProtocol) throws(DomainNameError) {
        let octets = Array(text.utf8)
        guard octets != [UInt8(ascii: ".")] else {
            self = .root
            return
        }
        var labels: [[UInt8]] = [[]]
        var position = 0
        while position < octets.count {  // every branch advances
            switch octets[position] {
            case UInt8(ascii: "."):
                labels.append([])
                position += 1
            case UInt8(ascii: "\\"):
                let escape = try Self.readEscape(octets[(position + 1)...])
                labels[labels.count - 1].append(escape.octet)
                position += 1 + escape.length
            case let octet:
                labels[labels.count - 1].append(octet)
                position += 1
            }
        }
        if labels.count > 1, labels[labels.count - 1].isEmpty { labels.removeLast() }
        try self.init(labels: labels)
    }

    /// Reads what follows a backslash: three digits, or one other character.
    private static func readEscape(
        _ rest: ArraySlice<UInt8>
    ) throws(DomainNameError) -> (octet: UInt8, length: Int) {
        guard let first = rest.first else { throw .badEscape }
        guard isDigit(first) else { return (first, 1) }
        let digits = rest.prefix(3)
        guard digits.count == 3, digits.allSatisfy(isDigit) else { throw .badEscape }
        let value = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        guard let octet = UInt8(exactly: value) else { throw .badEscape }
        return (octet, 3)
    }

    /// True for an ASCII digit.
    private static func isDigit(_ octet: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(octet)
    }
}

// MARK: - Writing

extension DomainName: CustomStringConvertible {
    /// Presentation form without the final dot; `.` for the root. Reading it back gives the same name.
    package var description: String {
        let labels = self.labels
        return labels.isEmpty ? "." : labels.map(Self.present).joined(separator: ".")
    }

    /// One label with its special octets escaped.
    private static func present(_ label: [UInt8]) -> String {
        var text = ""
        for octet in label {
            switch octet {
            case UInt8(ascii: "."), UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: ";"),
                UInt8(ascii: "@"),
                UInt8(ascii: "$"), UInt8(ascii: "("), UInt8(ascii: ")"):
                text += "\\" + String(UnicodeScalar(octet))
            case 0x21...0x7E:
                text += String(UnicodeScalar(octet))
            default:
                let digits = String(octet)
                text += "\\" + String(repeating: "0", count: 3 - digits.count) + digits
            }
        }
        return text
    }
}
