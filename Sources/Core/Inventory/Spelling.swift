/// The word of `candidates` that `found` was most likely meant to be; nil if none is near.
///
/// Case and the difference of `_` and `-` do not count; otherwise one slip is allowed for every three
/// letters, and at least one.
package func nearestSpelling(of found: String, among candidates: some Sequence<String>) -> String? {
    let word = comparable(found)
    guard (1...40).contains(word.count) else { return nil }
    var best: (word: String, distance: Int)?
    for candidate in candidates {
        let other = comparable(candidate)
        let allowed = max(1, min(word.count, other.count) / 3)
        guard other.count <= 64, abs(other.count - word.count) <= allowed else { continue }
        let distance = editDistance(word, other)
        guard distance <= allowed, distance < best?.distance ?? .max else { continue }
        best = (candidate, distance)
    }
    return best?.word
}

/// The word in lower case, with `-` for `_`.
private func comparable(_ word: String) -> [UInt8] {
    word.utf8.map { octet in
        switch octet {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): octet | 0x20
        case UInt8(ascii: "_"): UInt8(ascii: "-")
        default: octet
        }
    }
}

/// The number of letters to insert, delete, replace or swap with their neighbour until one word is the other.
func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in 0..<left.count {
        var current = [row + 1]
        for column in 0..<right.count {
            let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
            var distance = min(replaced, last[column + 1] + 1, current[column] + 1)
            if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                distance = min(distance, beforeLast[column - 1] + 1)
            }
            current.append(distance)
        }
        beforeLast = last
        last = current
    }
    return last[right.count]
}
