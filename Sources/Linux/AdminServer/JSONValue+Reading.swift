/// Reading what `text()` writes: whole numbers alone, and nesting to a depth that nobody's stack minds.
extension JSONValue {
    /// The value that `octets` are; nil where they are not one.
    package init?(reading octets: [UInt8]) {
        var reader = JSONReader(octets: octets)
        guard let value = reader.value(depth: 0), reader.isAtEnd() else { return nil }
        self = value
    }

    /// The member `name` of an object; nil where there is none.
    package subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.0 == name }?.1
    }

    package var string: String? {
        guard case .string(let string) = self else { return nil }
        return string
    }

    package var number: Int? {
        guard case .number(let number) = self else { return nil }
        return number
    }

    package var array: [JSONValue]? {
        guard case .array(let values) = self else { return nil }
        return values
    }
}

/// Walks over a JSON text (RFC 8259). Every method moves on or gives nil, and nil ends the reading.
private struct JSONReader {
    let octets: [UInt8]
    private var position = 0

    /// Deeper than anything that is sent here.
    private static let deepest = 32

    init(octets: [UInt8]) {
        self.octets = octets
    }

    mutating func isAtEnd() -> Bool {
        skipSpace()
        return position == octets.count
    }

    mutating func value(depth: Int) -> JSONValue? {
        guard depth < Self.deepest else { return nil }
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"): return object(depth: depth)
        case UInt8(ascii: "["): return array(depth: depth)
        case UInt8(ascii: "\""): return string().map { .string($0) }
        case UInt8(ascii: "t"): return take("true") ? .flag(true) : nil
        case UInt8(ascii: "f"): return take("false") ? .flag(false) : nil
        case UInt8(ascii: "n"): return take("null") ? .null : nil
        default: return number()
        }
    }

    private var peek: UInt8? { position < octets.count ? octets[position] : nil }

    private mutating func skipSpace() {
        while let octet = peek, [0x20, 0x0A, 0x0D, 0x09].contains(octet) { position += 1 }
    }

    private mutating func take(_ word: String) -> Bool {
        guard octets[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    private mutating func object(depth: Int) -> JSONValue? {
        position += 1
        var members: [(String, JSONValue)] = []
        skipSpace()
        if take("}") { return .object(members) }
        while true {  // ends: each turn takes a member
            skipSpace()
            guard peek == UInt8(ascii: "\""), let name = string() else { return nil }
            skipSpace()
            guard take(":"), let value = value(depth: depth + 1) else { return nil }
            members.append((name, value))
            skipSpace()
            if take("}") { return .object(members) }
            guard take(",") else { return nil }
        }
    }

    private mutating func array(depth: Int) -> JSONValue? {
        position += 1
        var values: [JSONValue] = []
        skipSpace()
        if take("]") { return .array(values) }
        while true {  // ends: each turn takes a value
            guard let value = value(depth: depth + 1) else { return nil }
            values.append(value)
            skipSpace()
            if take("]") { return .array(values) }
            guard take(",") else { return nil }
        }
    }

    /// Larger ones are not read the same by everybody (RFC 8259 section 6), and a thousand times this one is
    /// still a number here: what is summed and scaled does not overflow.
    private static let largest = 1 << 53

    private mutating func number() -> JSONValue? {
        let start = position
        if peek == UInt8(ascii: "-") { position += 1 }
        while let octet = peek, (0x30...0x39).contains(octet) { position += 1 }
        let digits = String(decoding: octets[start..<position], as: UTF8.self)
        guard let number = Int(digits), number.magnitude <= Self.largest.magnitude else { return nil }
        return .number(number)
    }

    private mutating func string() -> String? {
        position += 1
        var text: [UInt8] = []
        while let octet = peek {  // ends: each turn takes an octet
            position += 1
            switch octet {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let scalar = escape() else { return nil }
                text += Array(String(scalar).utf8)
            case 0..<0x20: return nil
            default: text.append(octet)
            }
        }
        return nil
    }

    /// What follows a backslash; surrogates are not written here, and not read.
    private mutating func escape() -> Unicode.Scalar? {
        guard let octet = peek else { return nil }
        position += 1
        switch octet {
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(octet)
        case UInt8(ascii: "u"):
            guard octets.count - position >= 4 else { return nil }
            let digits = String(decoding: octets[position..<(position + 4)], as: UTF8.self)
            position += 4
            return UInt32(digits, radix: 16).flatMap { Unicode.Scalar($0) }
        default: return nil
        }
    }
}
