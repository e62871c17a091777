import DomainNames

/// The place and length of a name in a message.
package struct NameExtent: Hashable, Sendable {
    /// Offset of the first octet after the name: after its root label or its first pointer.
    package let end: Int

    /// The length of the name without compression, in octets, 1...255.
    package let length: Int
}

/// Pointers that one name may follow: as many as it may have labels.
///
/// Walks end anyway because pointers lead backwards, but only after thousands of steps, and a message has
/// room for thousands of names.
private let mostPointers = 127

/// Walks the name at `start` without copying it.
///
/// - Parameters:
///   - message: A whole DNS message; pointers are offsets into it.
///   - start: Offset of the first length octet.
/// - Throws: `WireError` for every malformed name; never traps.
package func walkName(in message: Span<UInt8>, at start: Int) throws(WireError) -> NameExtent {
    var position = start
    var limit = start  // every pointer must land below the last one: the walk ends (RFC 1035 section 4.1.4)
    var pointers = 0
    var end = -1
    var length = 0
    let longest = maximumNameLength
    while true {
        guard position < message.count else { throw .truncated(offset: position, needed: 1) }
        let octet = message[position]
        switch octet & 0b1100_0000 {
        case 0b0000_0000:
            length += Int(octet) + 1
            guard length <= longest else { throw .nameTooLong(offset: start) }
            position += Int(octet) + 1
            if octet == 0 { return NameExtent(end: end < 0 ? position : end, length: length) }
        case 0b1100_0000:
            let target = try message.number16(at: position) & 0x3FFF
            guard target < limit else { throw .forwardPointer(offset: position, target: target) }
            guard target >= MessageHeader.length else {
                throw .headerPointer(offset: position, target: target)
            }
            pointers += 1
            guard pointers <= mostPointers else { throw .tooManyPointers(offset: start) }
            if end < 0 { end = position + 2 }
            limit = target
            position = target
        default:
            throw .reservedLabelType(offset: position, octet: octet)
        }
    }
}

/// A name copied out of a message: uncompressed, in its letter case, with the offset of each label.
///
/// It has a fixed size, so that it lives on the stack: `octets[..<length]` is the name,
/// `starts[..<labelCount]` the offsets of its labels' length octets from left to right, without the root's.
package struct FlatName: Sendable {
    /// The name in wire form, in the first `length` octets.
    package private(set) var octets = InlineArray<256, UInt8>(repeating: 0)
    /// Offsets of the labels' length octets.
    package private(set) var starts = InlineArray<128, UInt8>(repeating: 0)

    /// Octets in use, 1...255; the root's zero octet included.
    package private(set) var length = 0

    /// Labels in use, 0...127.
    package private(set) var labelCount = 0

    /// Reads the name at `start`; `end` becomes the offset after it.
    package init(
        in message: Span<UInt8>, at start: Int, end: inout Int
    ) throws(WireError) {
        var position = start
        var limit = start  // as in `walkName`: pointers go strictly backwards
        var pointers = 0
        var behind = -1
        let longest = maximumNameLength
        while true {
            guard position < message.count else { throw .truncated(offset: position, needed: 1) }
            let octet = message[position]
            switch octet & 0b1100_0000 {
            case 0b0000_0000:
                let size = Int(octet) + 1
                guard length + size <= longest else { throw .nameTooLong(offset: start) }
                guard message.count - position >= size else {
                    throw .truncated(offset: position, needed: size)
                }
                if octet != 0 {
                    starts[labelCount] = UInt8(truncatingIfNeeded: length)
                    labelCount += 1
                }
                for index in 0..<size { octets[length + index] = message[position + index] }
                length += size
                position += size
                if octet == 0 {
                    end = behind < 0 ? position : behind
                    return
                }
            case 0b1100_0000:
                let target = try message.number16(at: position) & 0x3FFF
                guard target < limit else { throw .forwardPointer(offset: position, target: target) }
                guard target >= MessageHeader.length else {
                    throw .headerPointer(offset: position, target: target)
                }
                pointers += 1
                guard pointers <= mostPointers else { throw .tooManyPointers(offset: start) }
                if behind < 0 { behind = position + 2 }
                limit = target
                position = target
            default:
                throw .reservedLabelType(offset: position, octet: octet)
            }
        }
    }

    /// The offset inside the name at which `suffix` begins if the name is at or below it; else nil.
    ///
    /// - Parameter suffix: An uncompressed name in wire form with ASCII letters in lower case.
    package func start(ofFoldedSuffix suffix: Span<UInt8>) -> Int? {
        let start = length - suffix.count
        guard start >= 0 else { return nil }
        for index in suffix.indices where foldedOctet(octets[start + index]) != suffix[index] { return nil }
        // The octets are equal: `start` must also be a label's length octet, not the inside of a label.
        if start == length - 1 { return start }
        var label = labelCount - 1
        while label >= 0 {
            let candidate = Int(starts[label])
            if candidate == start { return start }
            if candidate < start { return nil }
            label -= 1
        }
        return nil
    }

    /// True if both are the same name, ASCII case ignored (RFC 4343 section 3).
    func isSame(as other: FlatName) -> Bool {
        guard length == other.length else { return false }
        for index in 0..<length where foldedOctet(octets[index]) != foldedOctet(other.octets[index]) {
            return false
        }
        return true
    }

    /// True if the name is `other` or below it, ASCII case ignored.
    ///
    /// - Parameter ending: Only the part of `other` from this offset, a label's start, is compared.
    func isAtOrBelow(_ other: FlatName, from ending: Int = 0) -> Bool {
        let start = length - (other.length - ending)
        guard start >= 0 else { return false }
        for index in ending..<other.length
        where foldedOctet(octets[start + index - ending]) != foldedOctet(other.octets[index]) {
            return false
        }
        if start == length - 1 { return true }
        for label in 0..<labelCount where Int(starts[label]) == start { return true }
        return false
    }

    /// The name in wire form.
    package var wire: [UInt8] { (0..<length).map { octets[$0] } }

    /// Replaces everything from `start`, which must be a label's start or the root's, by `suffix`, unless the
    /// result would exceed 255 octets.
    package mutating func replaceSuffix(from start: Int, with suffix: Span<UInt8>) -> SuffixReplacement {
        guard start + suffix.count <= maximumNameLength else { return .noRoom }
        while labelCount > 0, Int(starts[labelCount - 1]) >= start { labelCount -= 1 }
        for index in suffix.indices { octets[start + index] = suffix[index] }
        length = start + suffix.count
        var position = start
        while octets[position] != 0 {  // `suffix` is a checked name: it ends with a zero octet
            starts[labelCount] = UInt8(truncatingIfNeeded: position)
            labelCount += 1
            position += 1 + Int(octets[position])
        }
        return .done
    }
}

/// What became of a suffix that was to be replaced.
package enum SuffixReplacement: Sendable {
    /// The name has its new suffix, or needs none.
    case done
    /// The name is unchanged: it would exceed 255 octets.
    case noRoom
}
