package import IPAddressing

/// A set of addresses as the fewest prefixes, so that equal sets are equal values.
package struct PrefixSet: Hashable, Sendable {
    /// Sorted and disjoint, and no two of them are the halves of one.
    package let prefixes: [IPPrefix]

    /// Creates a prefix set.
    package init(_ prefixes: [IPPrefix]) {
        var merged: [IPPrefix] = []
        for prefix in prefixes.sorted() {
            if let last = merged.last, last.contains(prefix) { continue }
            merged.append(prefix)
            // Each turn removes one prefix: the loop ends.
            while merged.count >= 2,
                let union = Self.union(merged[merged.count - 2], merged[merged.count - 1])
            {
                merged.removeLast(2)
                merged.append(union)
            }
        }
        self.prefixes = merged
    }

    /// True if it has no address.
    package var isEmpty: Bool { prefixes.isEmpty }

    /// The family of all its prefixes; nil if it is empty or mixed.
    package var family: AddressFamily? {
        guard let first = prefixes.first, prefixes.last?.family == first.family else { return nil }
        return first.family
    }

    /// True for an address of the set.
    package func contains(_ address: IPAddress) -> Bool {
        near(IPPrefix(only: address))?.contains(address) == true
    }

    /// True if every address of `other` is in this set.
    package func contains(_ other: PrefixSet) -> Bool {
        other.prefixes.allSatisfy { near($0)?.contains($0) == true }
    }

    /// True if an address is in both sets.
    package func overlaps(_ other: PrefixSet) -> Bool { other.prefixes.contains(where: overlaps) }

    /// True if an address of the set is in `prefix`.
    package func overlaps(_ prefix: IPPrefix) -> Bool { near(prefix)?.overlaps(prefix) == true }

    /// The first prefix of the set that ends in or after `prefix`: if any overlaps it, this one does; nil if
    /// there is none. O(log n).
    private func near(_ prefix: IPPrefix) -> IPPrefix? {
        let index = prefixes.partitioningIndex { $0.lastAddress >= prefix.address }
        return index < prefixes.count ? prefixes[index] : nil
    }

    /// The fewest prefixes that hold exactly the addresses from `first` to `last`.
    package static func prefixes(from first: IPAddress, through last: IPAddress) -> [IPPrefix] {
        guard first.family == last.family, first.bits <= last.bits else { return [] }
        let width = first.family.bitWidth
        var prefixes: [IPPrefix] = []
        var start = first.bits
        while true {  // `start` grows each turn up to `last`
            var hostBits = min(start.trailingZeroBitCount, width)
            while hostBits > 0, last.bits - start < Self.span(hostBits) { hostBits -= 1 }
            let address = IPAddress(family: first.family, bits: start)
            if let prefix = IPPrefix(around: address, length: width - hostBits) { prefixes.append(prefix) }
            let end = start | Self.span(hostBits)
            if end >= last.bits { return prefixes }
            start = end + 1
        }
    }

    /// The number of addresses in a block of `hostBits` bits, less one.
    private static func span(_ hostBits: Int) -> UInt128 {
        hostBits >= 128 ? .max : (UInt128(1) << UInt128(hostBits)) - 1
    }

    /// The prefix that two adjacent halves form; nil if they do not.
    private static func union(_ low: IPPrefix, _ high: IPPrefix) -> IPPrefix? {
        guard low.length == high.length, low.length > 0, low.family == high.family, low != high,
            let union = IPPrefix(around: low.address, length: low.length - 1), union.contains(high)
        else { return nil }
        return union
    }
}

extension PrefixSet: CustomStringConvertible {
    /// As nft writes it: a single prefix bare, several in braces, a whole address without its length.
    package var description: String {
        let texts = prefixes.map(\.shortDescription)
        return texts.count == 1 ? texts[0] : "{ " + texts.joined(separator: ", ") + " }"
    }
}

extension IPPrefix {
    /// `ADDRESS/LENGTH`, and the bare address where the prefix holds just that.
    package var shortDescription: String {
        length == family.bitWidth ? address.description : description
    }
}

extension PrefixSet {
    /// True if an address is in both.
    package static func overlap(_ left: [IPPrefix], _ right: [IPPrefix]) -> Bool {
        left.contains { one in right.contains { $0.overlaps(one) } }
    }
}
