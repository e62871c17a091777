/// A map from suffixes to values, asked by name: the longest suffix that the name ends with, on label
/// borders, wins.
///
/// Built once, then immutable. Asking hashes the name's endings from the root leftwards, one step a label, so
/// the cost does not depend on the number of suffixes.
package struct SuffixMap<Value: Sendable>: Sendable {
    private struct Entry: Sendable {
        let suffix: DomainName  // folded
        let value: Value
        /// The next entry whose suffix has the same hash.
        let next: Int?
    }

    /// What a look-up found.
    package struct Match: Sendable {
        /// Offset of the suffix inside the name.
        package let suffixStart: Int
        package let value: Value
    }

    private var entries: [Entry] = []
    private var firstEntryByHash: [UInt64: Int] = [:]
    private var mostLabels = 0

    /// The first of the given suffixes wins where two are equal.
    package init(_ suffixes: [(suffix: DomainName, value: Value)]) {
        for (suffix, value) in suffixes {
            let folded = suffix.folded
            guard !entries.contains(where: { $0.suffix == folded }) else { continue }
            let hash = Self.hash(of: folded)
            entries.append(Entry(suffix: folded, value: value, next: firstEntryByHash[hash]))
            firstEntryByHash[hash] = entries.count - 1
            mostLabels = max(mostLabels, folded.labels.count)
        }
    }

    /// The longest suffix of the uncompressed name at `start`, whose form has been checked.
    package func longestMatch(_ octets: Span<UInt8>, at start: Int) -> Match? {
        // A name of 255 octets has at most 127 labels.
        var starts = InlineArray<128, UInt8>(repeating: 0)
        var count = 0
        var position = start
        while octets[position] != 0, count < 127 {
            starts[count] = UInt8(truncatingIfNeeded: position - start)
            count += 1
            position += 1 + Int(octets[position])
        }
        var best: Match?
        if let entry = entry(hash: emptySuffixHash, octets, position) {
            best = Match(suffixStart: position, value: entry.value)
        }
        var hash = emptySuffixHash
        var end = position
        var depth = 1
        while depth <= min(count, mostLabels) {
            let labelStart = start + Int(starts[count - depth])
            hash = extend(hash, octets, labelStart, end)
            if let entry = entry(hash: hash, octets, labelStart) {
                best = Match(suffixStart: labelStart, value: entry.value)
            }
            end = labelStart
            depth += 1
        }
        return best
    }

    /// The longest suffix of `name`.
    package func longestMatch(_ name: DomainName) -> Match? {
        longestMatch(name.wire.span, at: 0)
    }

    /// The entry whose suffix has this hash and equals the name at `start`.
    private func entry(hash: UInt64, _ octets: Span<UInt8>, _ start: Int) -> Entry? {
        var index = firstEntryByHash[hash]
        while let current = index {  // ends: `next` is always a smaller index
            if Self.isEqual(octets, start, entries[current].suffix) { return entries[current] }
            index = entries[current].next
        }
        return nil
    }

    private static func hash(of suffix: DomainName) -> UInt64 {
        let wire = suffix.wire.span
        var starts: [Int] = []
        var position = 0
        while wire[position] != 0 {
            starts.append(position)
            position += 1 + Int(wire[position])
        }
        var hash = emptySuffixHash
        var end = position
        for start in starts.reversed() {
            hash = extend(hash, wire, start, end)
            end = start
        }
        return hash
    }

    private static func isEqual(_ octets: Span<UInt8>, _ start: Int, _ suffix: DomainName) -> Bool {
        guard octets.count - start >= suffix.wire.count else { return false }
        let wire = suffix.wire.span
        for index in wire.indices where foldedOctet(octets[start + index]) != wire[index] { return false }
        return true
    }
}

/// The hash of the root, from which longer endings are built leftwards.
private let emptySuffixHash: UInt64 = 0xCBF2_9CE4_8422_2325

/// The hash of an ending that is one label, `octets[start..<end]` with its length octet, longer (FNV-1a,
/// folded).
private func extend(_ hash: UInt64, _ octets: Span<UInt8>, _ start: Int, _ end: Int) -> UInt64 {
    var hash = hash
    for position in start..<end {
        hash = (hash ^ UInt64(foldedOctet(octets[position]))) &* 0x100_0000_01B3
    }
    return hash
}
