/// A table from prefixes to values, asked by address: the longest prefix that holds the address wins.
///
/// Built once, then immutable. The nested prefixes are flattened into disjoint ranges sorted by their first
/// address, so that a look-up is one binary search whatever the number and nesting of prefixes.
package struct IPPrefixTable<Value: Sendable>: Sendable {
    /// `first` of a range: it reaches to the address before the next range's `first`.
    /// Sorted, strictly ascending, beginning at 0 where it is not empty.
    private let v4: [Range]
    private let v6: [Range]

    private struct Range: Sendable {
        let first: UInt128
        let value: Value?
    }

    /// Where a prefix stands twice, the later value wins.
    package init(_ entries: [(prefix: IPPrefix, value: Value)]) {
        v4 = Self.flatten(entries.filter { $0.prefix.family == .v4 })
        v6 = Self.flatten(entries.filter { $0.prefix.family == .v6 })
    }

    /// The value of the longest prefix that holds `address`. O(log n), no allocation.
    package func longestMatch(_ address: IPAddress) -> Value? {
        switch address.family {
        case .v4: Self.search(v4, address.bits)
        case .v6: Self.search(v6, address.bits)
        }
    }

    private static func search(_ ranges: [Range], _ bits: UInt128) -> Value? {
        var low = 0
        var high = ranges.count
        while low < high {  // high - low halves each time
            let middle = (low + high) / 2
            if ranges[middle].first <= bits { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : ranges[low - 1].value
    }

    private static func flatten(_ entries: [(prefix: IPPrefix, value: Value)]) -> [Range] {
        guard !entries.isEmpty else { return [] }
        // Every border at which the answer can change: the first address of a prefix, and the one after its
        // last.
        var borders: Set<UInt128> = [0]
        for entry in entries {
            borders.insert(entry.prefix.address.bits)
            let last = entry.prefix.lastAddress.bits
            if last < (entry.prefix.family == .v4 ? 0xFFFF_FFFF : UInt128.max) { borders.insert(last + 1) }
        }
        let family = entries[0].prefix.family
        return borders.sorted().map { border in
            let address = IPAddress(family: family, bits: border)
            var best: (length: Int, value: Value)?
            for entry in entries
            where entry.prefix.contains(address) && entry.prefix.length >= best?.length ?? 0 {
                best = (entry.prefix.length, entry.value)
            }
            return Range(first: border, value: best?.value)
        }
    }
}
