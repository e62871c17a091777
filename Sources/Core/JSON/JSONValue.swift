/// One value of a JSON text (RFC 8259).
package indirect enum JSONValue: Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case boolean(Bool)
    /// A number without fraction and exponent that fits in 64 bits.
    case integer(Int)
    /// Any other number, as it is written.
    case number(String)
    /// A string.
    case string(String)
    /// An array.
    case array([JSONValue])
    /// Members in the order of reading or writing; if a key occurs twice, the later one counts.
    case object([(key: String, value: JSONValue)])

    /// An object whose members are written in the order of their keys.
    package static func object(_ members: [String: JSONValue]) -> JSONValue {
        .object(members.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }

    /// A string, or null.
    package static func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }

    /// A whole number, or null.
    package static func optional(_ number: Int?) -> JSONValue { number.map { .integer($0) } ?? .null }
}

// MARK: - Looking inside

extension JSONValue {
    /// The member `key` of an object; nil if it is missing or where this is no object.
    package subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        // By place: a search with a closure copies every member that it passes.
        for index in members.indices.reversed() where members[index].key == key {
            return members[index].value
        }
        return nil
    }

    /// The string; nil for another kind of value.
    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The whole number; nil for another kind of value.
    package var integer: Int? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    /// The boolean; nil for another kind of value.
    package var boolean: Bool? {
        guard case .boolean(let value) = self else { return nil }
        return value
    }

    /// The elements of an array; nil if this is none.
    package var elements: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The members of an object; nil if this is none.
    package var members: [(key: String, value: JSONValue)]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// The only member of an object of one member; nil if this is none.
    package var onlyMember: (key: String, value: JSONValue)? {
        guard case .object(let members) = self, members.count == 1 else { return nil }
        return members.first
    }
}

// MARK: - Comparing

extension JSONValue: Hashable {
    /// Objects are equal if they have equal members, in any order.
    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.boolean(let left), .boolean(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.number(let left), .number(let right)), (.string(let left), .string(let right)): left == right
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): effective(left) == effective(right)
        default: false
        }
    }

    /// Feeds what equality compares.
    package func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .boolean(let value): hasher.combine(value)
        case .integer(let value): hasher.combine(value)
        case .number(let text), .string(let text): hasher.combine(text)
        case .array(let elements): hasher.combine(elements)
        case .object(let members): hasher.combine(Self.effective(members))
        }
    }

    /// The members that count.
    private static func effective(_ members: [(key: String, value: JSONValue)]) -> [String: JSONValue] {
        Dictionary(members.lazy.map { ($0.key, $0.value) }) { _, later in later }
    }
}

// MARK: - Writing

extension JSONValue: CustomStringConvertible {
    /// Compact, members sorted by key: equal values have equal texts.
    package var description: String {
        switch self {
        case .null: "null"
        case .boolean(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let text): text
        case .string(let text): Self.quote(text)
        case .array(let elements): "[" + elements.map(\.description).joined(separator: ",") + "]"
        case .object(let members):
            "{"
                + Self.sorted(members)
                .map { Self.quote($0.key) + ":" + $0.value.description }.joined(separator: ",") + "}"
        }
    }

    /// The members that count, by their keys; most objects have them so already.
    private static func sorted(
        _ members: [(key: String, value: JSONValue)]
    ) -> [(key: String, value: JSONValue)] {
        if members.indices.dropFirst().allSatisfy({ members[$0 - 1].key < members[$0].key }) {
            return members
        }
        return effective(members).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// For people: members in their order, indented by two spaces for each level.
    ///
    /// - Parameter indent: The text before each line but the first.
    package func text(indent: String = "") -> String {
        let inner = indent + "  "
        switch self {
        case .array(let values) where !values.isEmpty:
            return Self.block("[", values.map { inner + $0.text(indent: inner) }, indent + "]")
        case .object(let members) where !members.isEmpty:
            let lines = members.map { "\(inner)\(Self.quote($0.key)): \($0.value.text(indent: inner))" }
            return Self.block("{", lines, indent + "}")
        default: return description
        }
    }

    /// Lines of members or elements between brackets, indented.
    private static func block(_ open: String, _ lines: [String], _ close: String) -> String {
        "\(open)\n\(lines.joined(separator: ",\n"))\n\(close)"
    }

    /// `text` between quotation marks, escaped (RFC 8259 section 7).
    package static func quote(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy {
            $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        if isPlain { return "\"" + text + "\"" }
        var quoted: [UInt8] = [UInt8(ascii: "\"")]
        quoted.reserveCapacity(text.utf8.count + text.utf8.count / 16 + 16)
        func escape(_ character: Unicode.Scalar) {
            quoted.append(UInt8(ascii: "\\"))
            quoted.append(UInt8(ascii: character))
        }
        // A large text, such as a whole file, has lines of ASCII: its octets are looked at faster.
        let isASCII = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F || $0 == 0x0A }
        if isASCII {
            for octet in text.utf8 {
                switch octet {
                case 0x0A: escape("n")
                case UInt8(ascii: "\""), UInt8(ascii: "\\"): escape(Unicode.Scalar(octet))
                default: quoted.append(octet)
                }
            }
            quoted.append(UInt8(ascii: "\""))
            return String(decoding: quoted, as: UTF8.self)
        }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": escape(scalar)
            case "\n": escape("n")
            case "\r": escape("r")
            case "\t": escape("t")
            // Nearly all of a large text is such; only others are looked up in Unicode's tables.
            case " "..."~": quoted.append(UInt8(ascii: scalar))
            case _ where isControl(scalar):
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    quoted += Array(("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
                }
            default: quoted += Array(String(scalar).utf8)
            }
        }
        quoted.append(UInt8(ascii: "\""))
        return String(decoding: quoted, as: UTF8.self)
    }

    /// True for characters that act on a terminal. Beyond C0 JSON needs no escape for them, but a
    /// terminal does.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
