import JSON

extension ServerStatus {
    /// A suffix besides those of single clusters: merged, or a private zone.
    package struct Suffix: Hashable, Sendable {
        /// The suffix.
        package var name: String
        /// `merge first`, `merge union` or `private zone`.
        package var kind: String
        /// The clusters that are asked, in order.
        package var clusters: [String]

        /// The kind of a zone that one cluster resolves.
        static let privateZone = "private zone"

        /// Creates a suffix.
        package init(name: String, kind: String, clusters: [String]) {
            self.name = name
            self.kind = kind
            self.clusters = clusters
        }

        /// Such as `merge first: prod, staging`.
        package var words: String { "\(kind): \(clusters.joined(separator: ", "))" }

        /// The suffix as JSON.
        var json: JSONValue {
            .object([
                ("name", .string(name)), ("kind", .string(kind)),
                ("clusters", .array(clusters.map { .string($0) })),
            ])
        }

        /// Parses what `json` wrote.
        init(json: JSONValue) {
            name = json["name"]?.string ?? ""
            kind = json["kind"]?.string ?? ""
            clusters = JSONValue.strings(json["clusters"])
        }
    }
}
