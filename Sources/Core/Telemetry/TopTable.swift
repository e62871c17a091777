/// The most frequent keys, in bounded memory: the space-saving algorithm (Metwally, Agrawal and
/// El Abbadi, 2005).
///
/// `places[entries[i].key] == i` for each `i`; `entries.count <= capacity`. A key that came more than
/// total / capacity times is in it; a count may be too high by that of the key that had to make room.
package struct TopTable<Key: Hashable & Sendable>: Sendable {
    /// The most keys in the table.
    package let capacity: Int
    /// The keys and their counts, in no order.
    private var entries: [(key: Key, count: Int)] = []
    /// The index in `entries` of each key.
    private var places: [Key: Int] = [:]

    /// - Parameter capacity: 1 or more.
    package init(capacity: Int) {
        precondition(capacity > 0, "a table of the most frequent keys has room for one")
        self.capacity = capacity
    }

    /// Counts `key`; takes time proportional to the capacity where it is new.
    package mutating func add(_ key: Key) {
        if let place = places[key] {
            entries[place].count += 1
            return
        }
        guard entries.count >= capacity else {
            places[key] = entries.count
            entries.append((key, 1))
            return
        }
        var least = 0
        for index in entries.indices where entries[index].count < entries[least].count { least = index }
        places[entries[least].key] = nil
        places[key] = least
        entries[least] = (key, entries[least].count + 1)
    }

    /// The most frequent keys, at most `limit`, the most frequent first.
    package func top(_ limit: Int) -> [(key: Key, count: Int)] {
        Array(entries.sorted { $0.count > $1.count }.prefix(limit))
    }
}
