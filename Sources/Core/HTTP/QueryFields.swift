/// The fields of a query as forms send them: `find=web+shop&limit=20`.
package struct QueryFields: Hashable, Sendable {
    /// The values by their keys.
    private let values: [String: String]

    /// - Parameter known: The keys that there may be, each once at most.
    /// - Returns: Nil if the query has another key or one twice, or a value is no UTF-8 text.
    package init?(_ query: String, known: Set<String>) {
        var values: [String: String] = [:]
        for field in query.split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = String(parts[0])
            guard known.contains(key), values[key] == nil,
                let value = Self.decoded(parts.count > 1 ? parts[1] : "")
            else { return nil }
            values[key] = value
        }
        self.values = values
    }

    /// The value of `key`; nil if it is absent.
    package subscript(key: String) -> String? { values[key] }

    /// The text that was encoded for a form: `%2F` is an octet, and `+` a space.
    private static func decoded(_ text: Substring) -> String? {
        var octets: [UInt8] = []
        var rest = text.utf8[...]
        while let first = rest.popFirst() {  // each turn takes one octet at least
            switch first {
            case UInt8(ascii: "+"): octets.append(0x20)
            case UInt8(ascii: "%"):
                let digits = String(decoding: rest.prefix(2), as: UTF8.self)
                guard digits.utf8.count == 2, digits.utf8.first != UInt8(ascii: "+"),
                    let octet = UInt8(digits, radix: 16)
                else { return nil }
                octets.append(octet)
                rest = rest.dropFirst(2)
            default: octets.append(first)
            }
        }
        return String(validating: octets, as: UTF8.self)
    }
}
