/// A table from prefixes to values, searched by address: the longest prefix that contains the address wins.
///
/// Built once, then immutable. The nested prefixes are flattened into disjoint ranges sorted by their first
/// address, so that a look-up is one binary search whatever the number and nesting of prefixes.
@usableFromInline
package struct IPPrefixTable<Value: Sendable>: Sendable {
    /// The ranges of IPv4.
    @usableFromInline let v4: AddressRanges
    /// The ranges of IPv6.
    @usableFromInline let v6: AddressRanges
    /// As the ranges of `v4`; nil between the prefixes.
    @usableFromInline let v4Values: [Value?]
    @usableFromInline let v6Values: [Value?]

    /// If a prefix occurs twice, the later value wins. Takes O(n log n) time.
    package init(_ entries: [(prefix: IPPrefix, value: Value)]) {
        (v4, v4Values) = Self.flatten(entries.filter { $0.prefix.family == .v4 })
        (v6, v6Values) = Self.flatten(entries.filter { $0.prefix.family == .v6 })
    }

    /// The value of the longest prefix that holds `address`. O(log n), no allocation.
    @inlinable
    package func longestMatch(_ address: IPAddress) -> Value? { value(at: address) }

    /// The value of the range that holds `address`.
    @inlinable
    func value(at address: IPAddress) -> Value? {
        let isV4 = address.family == .v4
        guard let place = (isV4 ? v4 : v6).find(address.bits) else { return nil }
        return isV4 ? v4Values[place] : v6Values[place]
    }

    /// The disjoint ranges of nested prefixes of one family.
    private static func flatten(
        _ entries: [(prefix: IPPrefix, value: Value)]
    ) -> (ranges: AddressRanges, values: [Value?]) {
        guard !entries.isEmpty else { return (AddressRanges(first: []), []) }
        let most = entries[0].prefix.family == .v4 ? 0xFFFF_FFFF : UInt128.max
        // By first address, a prefix before those inside it, equal ones in their order.
        let sorted = entries.enumerated().sorted { one, other in
            let (first, second) = (one.element.prefix, other.element.prefix)
            return (first.address.bits, first.length, one.offset)
                < (second.address.bits, second.length, other.offset)
        }
        var sweep = PrefixSweep<Value>()
        for (_, entry) in sorted {
            sweep.leave(before: entry.prefix.address.bits)
            sweep.enter(entry.prefix.address.bits, entry.prefix.lastAddress.bits, entry.value)
        }
        sweep.leave(before: most)
        return (AddressRanges(first: sweep.first), sweep.values)
    }
}

extension IPPrefixTable where Value == Bool {
    /// True if a prefix holds `address`. Not generic: a set of prefixes is asked for every question.
    package func contains(_ address: IPAddress) -> Bool { value(at: address) != nil }
}

extension IPPrefixTable where Value == Int {
    /// The same for numbers. Not generic: a client's view is looked up for every question, and other modules
    /// would make the metadata of the generic one each time.
    package func longestMatch(_ address: IPAddress) -> Int? { value(at: address) }
}

/// Goes through the addresses upwards, in and out of prefixes.
private struct PrefixSweep<Value> {
    /// As in `AddressRanges`.
    private(set) var first: [UInt128] = [0]
    /// As `first`.
    private(set) var values: [Value?] = [nil]
    /// The prefixes that hold the current address, each inside the one before.
    private var open: [(last: UInt128, value: Value)] = []

    /// Enters a prefix, whose addresses end with `last`.
    mutating func enter(_ address: UInt128, _ last: UInt128, _ value: Value) {
        begin(at: address, value)
        open.append((last, value))
    }

    /// Leaves all prefixes that end below `address`.
    mutating func leave(before address: UInt128) {
        while let inner = open.last, inner.last < address {  // each turn leaves one
            open.removeLast()
            begin(at: inner.last + 1, open.last?.value)
        }
    }

    /// Of ranges that begin at the same address the last one counts.
    private mutating func begin(at address: UInt128, _ value: Value?) {
        if first.last == address {
            values[values.count - 1] = value
        } else {
            first.append(address)
            values.append(value)
        }
    }
}

/// The part of a prefix table that does not depend on its values, so that it need not be specialised.
@usableFromInline
struct AddressRanges: Sendable {
    /// The first address of each range, which reaches to the one before the next range's. Strictly ascending,
    /// from 0 on; or empty.
    let first: [UInt128]

    /// The range that holds an address; nil if there are none.
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
