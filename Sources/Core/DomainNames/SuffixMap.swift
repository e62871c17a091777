/// A map from suffixes to values, asked by name: the longest suffix that the name ends with, on label
/// borders, wins.
///
/// Built once, then immutable. Asking hashes the name's endings from the root leftwards, one step a label, so
/// the cost does not depend on the number of suffixes.
@usableFromInline
package struct SuffixMap<Value: Sendable>: Sendable {
    /// The suffixes, by hash.
    @usableFromInline let index: SuffixIndex
    /// As the suffixes of `index`.
    @usableFromInline let values: [Value]

    /// What a look-up found.
    @usableFromInline
    package struct Match: Sendable {
        /// Offset of the suffix inside the name.
        package let suffixStart: Int
        /// The suffix's value.
        package let value: Value

        @usableFromInline
        init(suffixStart: Int, value: Value) {
            self.suffixStart = suffixStart
            self.value = value
        }
    }

    /// The first of the given suffixes wins where two are equal.
    package init(_ suffixes: [(suffix: DomainName, value: Value)]) {
        index = SuffixIndex(suffixes.map(\.suffix))
        values = suffixes.map(\.value)
    }

    /// The longest suffix of the uncompressed name at `start`, whose form has been checked.
    @inlinable
    package func longestMatch(_ octets: Span<UInt8>, at start: Int) -> Match? {
        guard let place = index.longestMatch(octets, at: start) else { return nil }
        return Match(suffixStart: place.start, value: values[place.suffix])
    }

    /// The longest suffix of `name`.
    package func longestMatch(_ name: DomainName) -> Match? {
        longestMatch(name.wire.span, at: 0)
    }
}

/// The part of a suffix map that does not depend on its values, so that it need not be specialised.
@usableFromInline
struct SuffixIndex: Sendable {
    private let suffixes: [DomainName]  // folded
    /// Open addressing, a power of two of places at most half full: a suffix's number plus one; 0: free.
    private var places: [Int]
    /// One bit for the hash of each suffix, and of each ending of one. An ending of a name without its bit is
    /// no suffix, and no longer ending is. Two hashes may share a bit, which costs a look-up.
    private var endings: [UInt64]

    init(_ names: [DomainName]) {
        suffixes = names.map(\.folded)
        var count = 4
        while count < suffixes.count * 2 { count *= 2 }
        places = Array(repeating: 0, count: count)
        // A power of two of words: 32 bits or more for each suffix.
        endings = Array(repeating: 0, count: max(count / 4, 16))
        for (number, suffix) in suffixes.enumerated() {
            let hash = noteEndings(of: suffix)
            guard find(hash, suffix.wire.span, 0) == nil else { continue }
            var place = Self.spread(hash) & (count - 1)
            while places[place] != 0 { place = (place + 1) & (count - 1) }  // half of the places are free
            places[place] = number + 1
        }
    }

    /// The longest suffix of the uncompressed name at `start`, whose form has been checked: where it begins,
    /// and its number.
    @usableFromInline
    func longestMatch(_ octets: Span<UInt8>, at start: Int) -> (start: Int, suffix: Int)? {
        // A name of 255 octets has at most 127 labels.
        var starts = InlineArray<128, UInt8>(repeating: 0)
        var count = 0
        var position = start
        while octets[position] != 0, count < 127 {
            starts[count] = UInt8(truncatingIfNeeded: position - start)
            count += 1
            position += 1 + Int(octets[position])
        }
        var best = find(emptySuffixHash, octets, position).map { (start: position, suffix: $0) }
        var hash = emptySuffixHash
        var end = position
        while count > 0 {  // ends: `count` shrinks each turn
            count -= 1
            let labelStart = start + Int(starts[count])
            hash = extend(hash, by: octets, from: labelStart, to: end)
            guard mayEnd(hash) else { break }
            if let suffix = find(hash, octets, labelStart) { best = (labelStart, suffix) }
            end = labelStart
        }
        return best
    }

    /// The suffix that has this hash and equals the name at `start`.
    private func find(_ hash: UInt64, _ octets: Span<UInt8>, _ start: Int) -> Int? {
        var place = Self.spread(hash) & (places.count - 1)
        while places[place] != 0 {  // ends: half of the places are free
            let suffix = places[place] - 1
            if isEqual(octets, start, suffix) { return suffix }
            place = (place + 1) & (places.count - 1)
        }
        return nil
    }

    /// FNV-1a's best bits lie in the middle.
    private static func spread(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash ^ hash >> 32) }

    /// The place of a hash among `endings`: its word, and its bit there.
    private func ending(_ hash: UInt64) -> (word: Int, bit: UInt64) {
        let spread = UInt64(truncatingIfNeeded: Self.spread(hash))
        return (Int(truncatingIfNeeded: spread >> 6) & (endings.count - 1), 1 << (spread & 63))
    }

    /// False if no suffix is or ends with what has this hash.
    private func mayEnd(_ hash: UInt64) -> Bool {
        let (word, bit) = ending(hash)
        return endings[word] & bit != 0
    }

    /// Notes every ending of a suffix; the hash of the whole.
    private mutating func noteEndings(of suffix: DomainName) -> UInt64 {
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
            hash = extend(hash, by: wire, from: start, to: end)
            let (word, bit) = ending(hash)
            endings[word] |= bit
            end = start
        }
        return hash
    }

    /// True if the ending at `start` is the suffix of that number, ASCII case ignored.
    private func isEqual(_ octets: Span<UInt8>, _ start: Int, _ suffix: Int) -> Bool {
        let wire = suffixes[suffix].wire
        guard octets.count - start >= wire.count else { return false }
        return isEqualFolded(octets, at: start, wire.span, at: 0, count: wire.count)
    }
}

/// The hash of the root, from which longer endings are built leftwards.
private let emptySuffixHash: UInt64 = 0xCBF2_9CE4_8422_2325

/// The hash of an ending that is one label, `octets[start..<end]` with its length octet, longer
/// (FNV-1a, folded).
private func extend(_ hash: UInt64, by octets: Span<UInt8>, from start: Int, to end: Int) -> UInt64 {
    var hash = hash
    for position in start..<end {
        hash = (hash ^ UInt64(foldedOctet(octets[position]))) &* 0x100_0000_01B3
    }
    return hash
}
