package import Time

/// The last failures, one for each cluster and cause.
package struct FailureTable: Hashable, Sendable {
    /// Questions of one cluster that failed for one reason.
    package struct Entry: Hashable, Sendable {
        /// The cluster's key, or `upstream`.
        package let cluster: String
        /// The reason as shown to clients.
        package let reason: [UInt8]
        /// The last question: its name in wire form, and its type.
        package var name: [UInt8]
        /// The type of the last question.
        package var type: Int
        /// How often it occurred.
        package var count: Int
        /// The last time.
        package var last: MonotonicTime

        /// Creates an entry.
        package init(
            cluster: String, reason: [UInt8], name: [UInt8], type: Int, count: Int, last: MonotonicTime
        ) {
            self.cluster = cluster
            self.reason = reason
            self.name = name
            self.type = type
            self.count = count
            self.last = last
        }

        /// True if it is the same failure again.
        fileprivate func isLike(_ other: Entry) -> Bool {
            cluster == other.cluster && reason == other.reason
        }
    }

    /// The most entries; a further one replaces the oldest.
    package static let capacity = 16

    /// The entries.
    package private(set) var entries: [Entry] = []

    /// An empty table.
    package init() {}

    /// Counts a failure, or several.
    package mutating func note(_ failure: Entry) {
        if let place = entries.firstIndex(where: { $0.isLike(failure) }) {
            entries[place].count += failure.count
            guard entries[place].last <= failure.last else { return }
            entries[place].name = failure.name
            entries[place].type = failure.type
            entries[place].last = failure.last
            return
        }
        if entries.count >= Self.capacity,
            let oldest = entries.indices.min(by: { entries[$0].last < entries[$1].last })
        {
            entries.remove(at: oldest)
        }
        entries.append(failure)
    }

    /// The entries of several workers, the last one first.
    package static func merged(_ tables: [FailureTable]) -> [Entry] {
        var all = FailureTable()
        for table in tables { for entry in table.entries { all.note(entry) } }
        return all.entries.sorted { $1.last < $0.last }
    }
}
