/// Two ranges of one family and length: `inner` inside a network, `outer` where others see it.
/// Host bits stay.
package struct PrefixPair: Hashable, Sendable {
    package let inner: IPPrefix
    package let outer: IPPrefix

    /// Nil if the two differ in family or length.
    package init?(inner: IPPrefix, outer: IPPrefix) {
        guard inner.family == outer.family, inner.length == outer.length else { return nil }
        self.inner = inner
        self.outer = outer
    }
}

/// Maps outer addresses to inner ones: each outer prefix to the inner prefix of the same length.
///
/// A pure function of the file, so that all forwarders and relays agree without sharing state. The inner
/// prefixes are apart from each other, and so are the outer ones, in a checked inventory; else the answers
/// are unspecified, but the same each time.
package struct PrefixMap: Hashable, Sendable {
    /// In the order of the file.
    package let pairs: [PrefixPair]

    /// Sorted by `inner`.
    private let byInner: [PrefixPair]
    /// Sorted by `outer`.
    private let byOuter: [PrefixPair]

    package init(_ pairs: [PrefixPair] = []) {
        self.pairs = pairs
        byInner = pairs.sorted { $0.inner < $1.inner }
        byOuter = pairs.sorted { $0.outer < $1.outer }
    }

    package var isEmpty: Bool { pairs.isEmpty }

    /// The address that others see for `inner`; nil if it is in no inner prefix. O(log n), no allocation.
    package func outer(of inner: IPAddress) -> IPAddress? {
        guard let pair = Self.last(byInner, beginningUpTo: inner, \.inner), pair.inner.contains(inner) else {
            return nil
        }
        return pair.outer.address(withHostBitsOf: inner)
    }

    /// The inner address of `outer`; nil if it is in no outer prefix. O(log n), no allocation.
    package func inner(of outer: IPAddress) -> IPAddress? {
        guard let pair = Self.last(byOuter, beginningUpTo: outer, \.outer), pair.outer.contains(outer) else {
            return nil
        }
        return pair.inner.address(withHostBitsOf: outer)
    }

    /// What others see of `inner`: one prefix if the whole of it is mapped by one pair, else those of the
    /// pairs inside it; empty if none of it is mapped.
    package func outer(of inner: IPPrefix) -> [IPPrefix] {
        pairs.compactMap { Self.image(of: inner, from: $0.inner, to: $0.outer) }
    }

    /// The inner part of `outer`, as above.
    package func inner(of outer: IPPrefix) -> [IPPrefix] {
        pairs.compactMap { Self.image(of: outer, from: $0.outer, to: $0.inner) }
    }

    /// Nil if `prefix` and `source` are apart.
    private static func image(of prefix: IPPrefix, from source: IPPrefix, to target: IPPrefix) -> IPPrefix? {
        if prefix.contains(source) { return target }
        guard source.contains(prefix) else { return nil }
        return IPPrefix(
            around: target.address(withHostBitsOf: prefix.address), length: prefix.length)
    }

    /// The last pair whose prefix begins at or before `address`; `sorted` is in the order of `side`.
    private static func last(
        _ sorted: [PrefixPair], beginningUpTo address: IPAddress, _ side: KeyPath<PrefixPair, IPPrefix>
    ) -> PrefixPair? {
        var low = 0
        var high = sorted.count
        while low < high {  // high - low halves each time
            let middle = (low + high) / 2
            if sorted[middle][keyPath: side].address <= address { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : sorted[low - 1]
    }
}

extension IPPrefix {
    /// The address of this prefix with the bits of `address` past the prefix's length.
    package func address(withHostBitsOf address: IPAddress) -> IPAddress {
        IPAddress(family: family, bits: self.address.bits | address.bits & hostMask)
    }
}
