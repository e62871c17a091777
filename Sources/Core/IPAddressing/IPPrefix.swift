/// A range of addresses that share their first `length` bits, as in `172.17.32.0/19`.
package struct IPPrefix: Hashable, Sendable {
    /// The first address of the range; its bits past `length` are zero.
    package let address: IPAddress

    /// The number of leading bits that all addresses of the range share: 0...32 or 0...128.
    package let length: Int

    /// Makes the prefix of `length` bits around `address`; host bits are cleared.
    /// Nil if `length` is outside the family's range.
    package init?(around address: IPAddress, length: Int) {
        guard (0...address.family.bitWidth).contains(length) else { return nil }
        self.address = IPAddress(
            family: address.family, bits: address.bits & ~Self.hostMask(address.family, length))
        self.length = length
    }

    /// The prefix that holds `address` alone.
    package init(only address: IPAddress) {
        self.address = address
        length = address.family.bitWidth
    }

    /// The family of its addresses.
    package var family: AddressFamily { address.family }

    /// The last address of the range.
    package var lastAddress: IPAddress {
        IPAddress(family: family, bits: address.bits | Self.hostMask(family, length))
    }

    /// The two prefixes, one bit longer, that make it up; nil for a single address.
    package var halves: (low: IPPrefix, high: IPPrefix)? {
        guard let low = IPPrefix(around: address, length: length + 1),
            let high = IPPrefix(around: lastAddress, length: length + 1)
        else { return nil }
        return (low, high)
    }

    /// True for an address of the range.
    package func contains(_ other: IPAddress) -> Bool {
        other.family == family && other.bits & ~Self.hostMask(family, length) == address.bits
    }

    /// True for a prefix whose addresses are all in this one.
    package func contains(_ other: IPPrefix) -> Bool {
        other.length >= length && contains(other.address)
    }

    /// True if the two ranges share an address: then one contains the other.
    package func overlaps(_ other: IPPrefix) -> Bool {
        contains(other) || other.contains(self)
    }

    /// The bits of an address past `length`.
    var hostMask: UInt128 { Self.hostMask(family, length) }

    private static func hostMask(_ family: AddressFamily, _ length: Int) -> UInt128 {
        let hostBits = family.bitWidth - length
        return hostBits == 128 ? .max : (UInt128(1) << UInt128(hostBits)) - 1
    }
}

extension IPPrefix: CustomStringConvertible {
    package var description: String { "\(address)/\(length)" }
}

extension IPPrefix: Comparable {
    /// By family, then first address, then the shorter length.
    package static func < (left: IPPrefix, right: IPPrefix) -> Bool {
        left.address == right.address ? left.length < right.length : left.address < right.address
    }
}

// MARK: - Reading

/// What is wrong with the text of a prefix.
package enum IPPrefixError: Error, Hashable, Sendable {
    /// The part before the slash is not an address.
    case notAnAddress
    /// The part after the slash is missing or not a number in 0...32 or 0...128.
    case badLength
    /// The address has bits set past the length; `meant` is the prefix around it.
    case hostBits(meant: IPPrefix)
}

extension IPPrefix {
    /// Reads `ADDRESS/LENGTH`; a bare address is the prefix that holds it alone.
    package init(parsing text: some StringProtocol) throws(IPPrefixError) {
        // A string, for the reason in `IPAddress.init`.
        let text = String(text)
        guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else {
            guard let address = IPAddress(text) else { throw .notAnAddress }
            self.init(only: address)
            return
        }
        guard let address = IPAddress(text[..<slash]) else { throw .notAnAddress }
        let digits = text[text.utf8.index(after: slash)...]
        guard (1...3).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let length = Int(digits), let prefix = IPPrefix(around: address, length: length)
        else { throw .badLength }
        guard prefix.address == address else { throw .hostBits(meant: prefix) }
        self = prefix
    }
}
