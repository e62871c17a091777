extension SplitMix64 {
    /// `message` with one to three changes of the kinds that senders and attackers make.
    package mutating func mutated(_ message: [UInt8]) -> [UInt8] {
        var octets = message
        for _ in 0..<number(in: 1..<4) { mutate(&octets) }
        return octets
    }

    /// Makes one change.
    private mutating func mutate(_ octets: inout [UInt8]) {
        guard octets.count > 12 else { return }
        let place = number(in: 12..<octets.count)
        switch number(in: 0..<8) {
        case 0, 1: octets[place] = UInt8(truncatingIfNeeded: next())
        case 2: octets[place] ^= 1 << UInt8(number(in: 0..<8))
        case 3: octets.removeLast(number(in: 0..<octets.count - 12))
        case 4:  // a count of records too many or too few, or any
            let count = 5 + 2 * number(in: 0..<4)
            octets[count] = oneIn(4) ? UInt8(truncatingIfNeeded: next()) : octets[count] &+ pick([1, 255])
        case 5:  // a pointer to anywhere
            guard place + 1 < octets.count else { return }
            octets.replaceSubrange(
                place..<place + 2, with: octets16(0xC000 | number(in: 0..<octets.count + 4)))
        case 6: octets.insert(contentsOf: self.octets(number(in: 1..<4)), at: place)
        default: octets.removeSubrange(place..<min(octets.count, place + number(in: 1..<4)))
        }
    }
}
