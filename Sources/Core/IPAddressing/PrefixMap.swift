/// Two ranges of one family and length: `inner` inside a network, `outer` where others see it.
/// Host bits stay.
package struct PrefixPair: Hashable, Sendable {
    /// The prefix inside of the cluster.
    package let inner: IPPrefix
    /// The prefix that clients use.
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

    /// Sorted by `from`.
    private let outward: [Step]
    private let inward: [Step]

    /// One direction of a pair.
    private struct Step: Hashable, Sendable {
        let from: IPPrefix
        let to: IPPrefix
    }

    /// Creates a prefix map.
    package init(_ pairs: [PrefixPair] = []) {
        self.pairs = pairs
        outward = pairs.map { Step(from: $0.inner, to: $0.outer) }.sorted { $0.from < $1.from }
        inward = pairs.map { Step(from: $0.outer, to: $0.inner) }.sorted { $0.from < $1.from }
    }

    /// True if nothing is mapped.
    package var isEmpty: Bool { pairs.isEmpty }

    /// The address that others see for `inner`; nil if it is in no inner prefix. O(log n), no allocation.
    package func outer(of inner: IPAddress) -> IPAddress? { Self.image(of: inner, outward) }

    /// The address that `outer` stands for; nil if it is in no outer prefix. O(log n), no allocation.
    package func inner(of outer: IPAddress) -> IPAddress? { Self.image(of: outer, inward) }

    /// What others see of `inner`: one prefix if the whole of it is mapped by one pair, else those of the
    /// pairs inside it; empty if none of it is mapped. O(log n) and the number of these.
    package func outer(of inner: IPPrefix) -> [IPPrefix] { Self.images(of: inner, outward) }

    /// What `outer` stands for, as above.
    package func inner(of outer: IPPrefix) -> [IPPrefix] { Self.images(of: outer, inward) }

    private static func image(of address: IPAddress, _ steps: [Step]) -> IPAddress? {
        let next = steps.partitioningIndex { $0.from.address > address }
        guard next > 0, steps[next - 1].from.contains(address) else { return nil }
        return steps[next - 1].to.address(withHostBitsOf: address)
    }

    private static func images(of prefix: IPPrefix, _ steps: [Step]) -> [IPPrefix] {
        // What overlaps is in one row: the steps are apart from each other.
        let first = steps.partitioningIndex { $0.from.lastAddress >= prefix.address }
        let last = prefix.lastAddress
        var images: [IPPrefix] = []
        for step in steps[first...] {
            guard step.from.address <= last else { break }
            if prefix.contains(step.from) {
                images.append(step.to)
            } else if step.from.contains(prefix),
                let image = IPPrefix(
                    around: step.to.address(withHostBitsOf: prefix.address), length: prefix.length)
            {
                images.append(image)
            }
        }
        return images
    }
}

extension Array {
    /// The position of the first element for which `isBehind` is true, given that it is true for all after
    /// it; the number of elements if there is none.
    package func partitioningIndex(where isBehind: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {  // high - low halves each time
            let middle = (low + high) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension IPPrefix {
    /// The address of this prefix with the bits of `address` past the prefix's length.
    package func address(withHostBitsOf address: IPAddress) -> IPAddress {
        IPAddress(family: family, bits: self.address.bits | address.bits & hostMask)
    }
}
