/// Why a text is not JSON; `offset` counts octets from its start.
package enum JSONError: Error, Hashable, Sendable {
    /// The text ends inside of a value.
    case truncated(offset: Int)
    /// An octet that does not continue the text.
    case unexpected(offset: Int, octet: UInt8)
    /// More than `JSONReader.maximumDepth` arrays and objects inside each other.
    case tooDeep(offset: Int)
    /// A string that is not UTF-8, or an escape that names no character.
    case badString(offset: Int)
}

/// Reads one JSON text.
package struct JSONReader {
    /// Deeper than any program's output that we read; keeps a hostile text from exhausting the stack.
    static let maximumDepth = 64

    /// The whole text.
    private let text: [UInt8]
    /// Offset of the next octet.
    private var position = 0

    /// Reads a whole text: one value and nothing but white space around it.
    package static func read(_ text: [UInt8]) throws(JSONError) -> JSONValue {
        var reader = JSONReader(text: text)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        if reader.position < text.count {
            throw .unexpected(offset: reader.position, octet: text[reader.position])
        }
        return value
    }

    private init(text: [UInt8]) { self.text = text }

    /// Reads a value and the white space before it.
    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth < Self.maximumDepth else { throw .tooDeep(offset: position) }
        skipSpace()
        let octet = try peek()
        switch octet {
        case UInt8(ascii: "{"): return .object(try members(depth: depth))
        case UInt8(ascii: "["): return .array(try elements(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw .unexpected(offset: position, octet: octet)
        }
    }

    /// Each turn reads at least two octets, so the loop ends with the text.
    private mutating func members(depth: Int) throws(JSONError) -> [(key: String, value: JSONValue)] {
        position += 1
        var members: [(key: String, value: JSONValue)] = []
        skipSpace()
        if try peek() == UInt8(ascii: "}") {
            position += 1
            return members
        }
        while true {
            skipSpace()
            guard try peek() == UInt8(ascii: "\"") else {
                throw .unexpected(offset: position, octet: text[position])
            }
            let key = try string()
            skipSpace()
            try expect(UInt8(ascii: ":"))
            members.append((key, try value(depth: depth + 1)))
            skipSpace()
            if try peek() == UInt8(ascii: "}") { break }
            try expect(UInt8(ascii: ","))
        }
        position += 1
        return members
    }

    /// Each turn reads at least one octet, so the loop ends with the text.
    private mutating func elements(depth: Int) throws(JSONError) -> [JSONValue] {
        position += 1
        var elements: [JSONValue] = []
        skipSpace()
        if try peek() == UInt8(ascii: "]") {
            position += 1
            return elements
        }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if try peek() == UInt8(ascii: "]") { break }
            try expect(UInt8(ascii: ","))
        }
        position += 1
        return elements
    }

    /// Reads a number.
    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        while position < text.count, Self.isPartOfNumber(text[position]) { position += 1 }
        let digits = String(decoding: text[start..<position], as: UTF8.self)
        if let value = Int(digits) { return .integer(value) }
        guard Double(digits) != nil else { throw .unexpected(offset: start, octet: text[start]) }
        return .number(digits)
    }

    /// True for an octet that a number may contain.
    private static func isPartOfNumber(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    /// Reads one of the three literal names.
    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for octet in Array(word.description.utf8) { try expect(octet) }
        return value
    }

    // MARK: Strings

    /// Reads a string with its quotation marks.
    private mutating func string() throws(JSONError) -> String {
        let start = position
        position += 1
        while position < text.count, Self.isPlain(text[position]) { position += 1 }
        // Up to here nothing is escaped, which in most strings is all of it.
        var octets = text[(start + 1)..<position]
        while true {  // each turn reads an escape, and what follows it
            let octet = try peek()
            position += 1
            if octet == UInt8(ascii: "\"") { break }
            guard octet == UInt8(ascii: "\\") else { throw .badString(offset: position - 1) }
            try escape(into: &octets)
            let run = position
            while position < text.count, Self.isPlain(text[position]) { position += 1 }
            octets += text[run..<position]
        }
        guard let string = String(validating: octets, as: UTF8.self) else { throw .badString(offset: start) }
        return string
    }

    /// True for an octet of a string that is neither its end nor an escape.
    private static func isPlain(_ octet: UInt8) -> Bool {
        octet >= 0x20 && octet != UInt8(ascii: "\"") && octet != UInt8(ascii: "\\")
    }

    /// Reads an escape sequence after its backslash.
    private mutating func escape(into octets: inout ArraySlice<UInt8>) throws(JSONError) {
        let octet = try peek()
        position += 1
        switch octet {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): octets.append(octet)
        case UInt8(ascii: "b"): octets.append(0x08)
        case UInt8(ascii: "f"): octets.append(0x0C)
        case UInt8(ascii: "n"): octets.append(0x0A)
        case UInt8(ascii: "r"): octets.append(0x0D)
        case UInt8(ascii: "t"): octets.append(0x09)
        case UInt8(ascii: "u"):
            let scalar = try unicodeEscape()
            octets += Array(String(Character(scalar)).utf8)
        default: throw .badString(offset: position - 1)
        }
    }

    /// Four hexadecimal digits, or a pair of surrogates.
    private mutating func unicodeEscape() throws(JSONError) -> Unicode.Scalar {
        let start = position
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard (0xD800..<0xDC00).contains(first) else { throw .badString(offset: start) }
        try expect(UInt8(ascii: "\\"))
        try expect(UInt8(ascii: "u"))
        let second = try hexadecimal()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw .badString(offset: start) }
        return scalar
    }

    /// Reads four hexadecimal digits.
    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        guard text.count - position >= 4 else { throw .truncated(offset: text.count) }
        let digits = text[position..<position + 4]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw .badString(offset: position) }
        position += 4
        return value
    }

    // MARK: Octets

    /// The next octet.
    private func peek() throws(JSONError) -> UInt8 {
        guard position < text.count else { throw .truncated(offset: position) }
        return text[position]
    }

    /// Reads one certain octet.
    private mutating func expect(_ octet: UInt8) throws(JSONError) {
        let found = try peek()
        guard found == octet else { throw .unexpected(offset: position, octet: found) }
        position += 1
    }

    /// Skips white space.
    private mutating func skipSpace() {
        while position < text.count, Self.isSpace(text[position]) { position += 1 }
    }

    /// True for white space (RFC 8259 section 2)
    private static func isSpace(_ octet: UInt8) -> Bool {
        octet == 0x20 || octet == 0x0A || octet == 0x09 || octet == 0x0D
    }
}
