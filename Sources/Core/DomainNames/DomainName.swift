/// An absolute domain name in wire form, for configuration and control work.
///
/// ```
///     4 t e s t 3 s v c 0          test.svc.
/// ```
/// A label may hold any octet (RFC 2181 section 11). Case is preserved; comparing and hashing ignore ASCII
/// case (RFC 4343 section 3). On the packet path names stay where they are, in the message: see `DNSWire`.
package struct DomainName: Sendable {
    /// Length octets and labels, ending with the zero octet of the root; 1...255 octets, never compressed.
    package let wire: [UInt8]

    /// The name of the root zone.
    package static let root = DomainName(checkedWire: [0])

    private init(checkedWire: [UInt8]) {
        wire = checkedWire
    }

    /// Takes over an uncompressed name in wire form, which must fill `wire` exactly.
    package init(wire: [UInt8]) throws(DomainNameError) {
        guard wire.count <= maximumNameLength else { throw .nameTooLong(octets: wire.count) }
        var position = 0
        while true {  // advances by at least one octet each turn
            guard position < wire.count else { throw .malformedWire }
            let length = Int(wire[position])
            guard length <= maximumLabelLength else { throw .labelTooLong(octets: length) }
            position += length + 1
            if length == 0 { break }
        }
        guard position == wire.count else { throw .malformedWire }
        self.wire = wire
    }

    /// Makes the name of `labels`, the leftmost first; the root where there are none.
    package init(labels: [[UInt8]]) throws(DomainNameError) {
        var wire: [UInt8] = []
        for label in labels {
            guard !label.isEmpty else { throw .emptyLabel }
            guard label.count <= maximumLabelLength else { throw .labelTooLong(octets: label.count) }
            wire.append(UInt8(label.count))
            wire += label
        }
        wire.append(0)
        guard wire.count <= maximumNameLength else { throw .nameTooLong(octets: wire.count) }
        self.wire = wire
    }

    /// The labels from left to right, without the root's empty one.
    package var labels: [[UInt8]] {
        var labels: [[UInt8]] = []
        var position = 0
        while wire[position] != 0 {  // `init` checked that a zero octet follows
            let end = position + 1 + Int(wire[position])
            labels.append(Array(wire[(position + 1)..<end]))
            position = end
        }
        return labels
    }

    /// The name with ASCII letters in lower case.
    package var folded: DomainName { DomainName(checkedWire: wire.map(foldedOctet)) }

    /// The same name in `letterCase`.
    package func inLetterCase(_ letterCase: LetterCase) -> DomainName {
        DomainName(checkedWire: wire.enumerated().map { letterCase.octet($0.element, at: $0.offset) })
    }

    /// True if `self` is `other` or ends with it on a label border.
    package func isAtOrBelow(_ other: DomainName) -> Bool {
        var position = 0
        while wire.count - position > other.wire.count {  // ends: a label is at least two octets
            position += 1 + Int(wire[position])
        }
        return wire.count - position == other.wire.count
            && zip(wire[position...], other.wire).allSatisfy { foldedOctet($0) == foldedOctet($1) }
    }

    /// `self` with the labels of `suffix` after its own.
    package func appending(_ suffix: DomainName) throws(DomainNameError) -> DomainName {
        let joined = Array(wire.dropLast()) + suffix.wire
        guard joined.count <= maximumNameLength else { throw .nameTooLong(octets: joined.count) }
        return DomainName(checkedWire: joined)
    }

    /// `self` with the ending `old` replaced by `new`; nil if it does not end with `old`.
    package func replacingSuffix(
        _ old: DomainName, with new: DomainName
    ) throws(DomainNameError) -> DomainName? {
        guard isAtOrBelow(old) else { return nil }
        let joined = Array(wire.prefix(wire.count - old.wire.count)) + new.wire
        guard joined.count <= maximumNameLength else { throw .nameTooLong(octets: joined.count) }
        return DomainName(checkedWire: joined)
    }
}

extension DomainName: Hashable {
    /// True for equal names, whatever their letter case.
    package static func == (left: DomainName, right: DomainName) -> Bool {
        left.wire.count == right.wire.count
            && zip(left.wire, right.wire).allSatisfy { foldedOctet($0) == foldedOctet($1) }
    }

    /// Feeds what equality compares.
    package func hash(into hasher: inout Hasher) {
        for octet in wire { hasher.combine(foldedOctet(octet)) }
    }
}

/// The longest name in wire form, in octets (RFC 1035 section 2.3.4).
package let maximumNameLength = 255

/// The longest label, in octets without its length octet (RFC 1035 section 2.3.4).
package let maximumLabelLength = 63

/// An ASCII capital as its small letter, every other octet as it is (RFC 4343 section 3).
///
/// It may be used on a whole wire name: length octets are at most 63, below `A`.
@inlinable
package func foldedOctet(_ octet: UInt8) -> UInt8 {
    octet &- 0x41 < 26 ? octet | 0x20 : octet
}
