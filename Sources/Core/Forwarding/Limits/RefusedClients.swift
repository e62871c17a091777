import DNSWire
package import IPAddressing
package import Time

/// The networks whose clients were recently refused, because no prefix of `dns.clients` contains them.
package struct RefusedClients: Hashable, Sendable {
    /// A network that was refused.
    package struct Entry: Hashable, Sendable {
        /// A /24 or a /64.
        package let network: IPPrefix
        /// Questions.
        package var count: Int
        /// The time of its last question.
        package var last: MonotonicTime
    }

    /// The most networks; a further one replaces the one that asked longest ago.
    package static let capacity = 16

    /// The networks.
    package private(set) var entries: [Entry] = []

    /// An empty table.
    package init() {}

    /// Counts a question of `client`.
    package mutating func note(_ client: IPAddress, at now: MonotonicTime) {
        let length = client.family == .v4 ? 24 : 64
        let network = IPPrefix(around: client, length: length) ?? IPPrefix(only: client)
        note(Entry(network: network, count: 1, last: now))
    }

    /// Adds the questions of `entry`.
    private mutating func note(_ entry: Entry) {
        if let place = entries.firstIndex(where: { $0.network == entry.network }) {
            entries[place].count += entry.count
            entries[place].last = max(entries[place].last, entry.last)
            return
        }
        if entries.count >= Self.capacity,
            let oldest = entries.indices.min(by: { entries[$0].last < entries[$1].last })
        {
            entries.remove(at: oldest)
        }
        entries.append(entry)
    }

    /// Takes over the entries of another engine.
    mutating func add(_ other: RefusedClients) {
        for entry in other.entries { note(entry) }
    }

    /// The entries of several workers, the last one first.
    package static func merged(_ tables: [RefusedClients]) -> [Entry] {
        var all = RefusedClients()
        for table in tables { all.add(table) }
        return all.entries.sorted { $1.last < $0.last }
    }
}
