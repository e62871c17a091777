/// A name as a list of its labels: slow and plain, without code of the modules under test.
///
/// Two names are equal if their octets are, letter case included.
package struct PlainName: Hashable, Sendable {
    /// From left to right, without the root's empty label.
    package var labels: [[UInt8]]

    /// Creates a plain name.
    package init(labels: [[UInt8]]) {
        self.labels = labels
    }

    /// The name that `text` spells with dots between its labels; no escapes.
    package init(_ text: String) {
        labels = text.split(separator: ".").map { Array($0.utf8) }
    }

    /// Octets in wire form without compression.
    package var length: Int { labels.reduce(1) { $0 + 1 + $1.count } }

    /// Wire form without compression.
    package var wire: [UInt8] {
        labels.flatMap { [UInt8(truncatingIfNeeded: $0.count)] + $0 } + [0]
    }

    /// The name with ASCII capitals turned into small letters.
    package var lowercased: PlainName {
        PlainName(labels: labels.map { $0.map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 } })
    }

    /// True if both are the same name, ASCII case ignored (RFC 4343 section 3).
    package func isSame(as other: PlainName) -> Bool {
        lowercased == other.lowercased
    }

    /// True if the last labels are those of `suffix`, ASCII case ignored.
    package func ends(with suffix: PlainName) -> Bool {
        labels.count >= suffix.labels.count
            && PlainName(labels: labels.suffix(suffix.labels.count)).isSame(as: suffix)
    }

    /// The name with its ending `old` replaced by `new`; unchanged if it does not end with `old`.
    package func replacing(_ old: PlainName, with new: PlainName) -> PlainName {
        guard ends(with: old) else { return self }
        return PlainName(labels: labels.dropLast(old.labels.count) + new.labels)
    }
}

extension PlainName: CustomStringConvertible {
    /// As it is shown to people.
    package var description: String {
        guard !labels.isEmpty else { return "." }
        return labels.map { label in
            label.map { octet in
                (0x21...0x7E).contains(octet) && octet != 0x2E ? String(UnicodeScalar(octet)) : "\\\(octet)"
            }.joined()
        }.joined(separator: ".")
    }
}
