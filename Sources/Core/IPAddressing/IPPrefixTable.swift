/// A table from prefixes to values, asked by address: the longest prefix that holds the address wins.
///
/// Built once, then immutable. The nested prefixes are flattened into disjoint ranges sorted by their first
/// address, so that a look-up is one binary search whatever the number and nesting of prefixes.
package struct IPPrefixTable<Value: Sendable>: Sendable {
    @usableFromInline let v4: AddressRanges
    @usableFromInline let v6: AddressRanges
    /// As the ranges of `v4`; nil between the prefixes.
    @usableFromInline let v4Values: [Value?]
    @usableFromInline let v6Values: [Value?]

    /// Where a prefix stands twice, the later value wins.
    package init(_ entries: [(prefix: IPPrefix, value: Value)]) {
        (v4, v4Values) = Self.flatten(entries.filter { $0.prefix.family == .v4 })
        (v6, v6Values) = Self.flatten(entries.filter { $0.prefix.family == .v6 })
    }

    /// The value of the longest prefix that holds `address`. O(log n), no allocation.
    @inlinable
    package func longestMatch(_ address: IPAddress) -> Value? {
        switch address.family {
        case .v4: v4.find(address.bits).flatMap { v4Values[$0] }
        case .v6: v6.find(address.bits).flatMap { v6Values[$0] }
        }
    }

    private static func flatten(
        _ entries: [(prefix: IPPrefix, value: Value)]
    ) -> (ranges: AddressRanges, values: [Value?]) {
        guard !entries.isEmpty else { return (AddressRanges(first: []), []) }
        // Every border at which the answer can change: the first address of a prefix, and the one after its
        // last.
        var borders: Set<UInt128> = [0]
        for entry in entries {
            borders.insert(entry.prefix.address.bits)
            let last = entry.prefix.lastAddress.bits
            if last < (entry.prefix.family == .v4 ? 0xFFFF_FFFF : UInt128.max) { borders.insert(last + 1) }
        }
        let family = entries[0].prefix.family
        let sorted = borders.sorted()
        let values = sorted.map { border in
            let address = IPAddress(family: family, bits: border)
            var best: (length: Int, value: Value)?
            for entry in entries
            where entry.prefix.contains(address) && entry.prefix.length >= best?.length ?? 0 {
                best = (entry.prefix.length, entry.value)
            }
            return best?.value
        }
        return (AddressRanges(first: sorted), values)
    }
}

/// The part of a prefix table that does not depend on its values, so that it need not be specialised.
@usableFromInline
struct AddressRanges: Sendable {
    /// The first address of each range, which reaches to the one before the next range's. Strictly ascending,
    /// from 0 on; or empty.
    let first: [UInt128]

    /// The range that holds an address; nil where there are none.
    @usableFromInline
    func find(_ bits: UInt128) -> Int? {
        var low = 0
        var high = first.count
        while low < high {  // high - low halves each time
            let middle = (low + high) / 2
            if first[middle] <= bits { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : low - 1
    }
}
