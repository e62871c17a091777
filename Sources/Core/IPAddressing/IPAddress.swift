/// The two families of the Internet Protocol.
@usableFromInline
package enum AddressFamily: UInt8, Hashable, Sendable, CaseIterable {
    /// IPv4.
    case v4 = 4
    /// IPv6.
    case v6 = 6

    /// The width of an address of this family, in bits.
    package var bitWidth: Int { self == .v4 ? 32 : 128 }
}

/// An IPv4 or IPv6 address without a zone.
///
/// An IPv4 address and the IPv6 address that maps it (`::ffff:a.b.c.d`) are different values; see `unmapped`.
@usableFromInline
package struct IPAddress: Hashable, Sendable {
    /// The family.
    @usableFromInline package let family: AddressFamily

    /// The address as one number: bits 0...31 for IPv4 (the rest is zero), 0...127 for IPv6.
    @usableFromInline package let bits: UInt128

    /// Makes the IPv4 address `bits`, whose highest octet is the first of the dotted form.
    @inlinable
    package init(v4 bits: UInt32) {
        family = .v4
        self.bits = UInt128(bits)
    }

    /// Makes the IPv6 address `bits`.
    @inlinable
    package init(v6 bits: UInt128) {
        family = .v6
        self.bits = bits
    }

    /// Makes an address of `family`; for IPv4 all but the low 32 bits are dropped.
    package init(family: AddressFamily, bits: UInt128) {
        self.family = family
        self.bits = family == .v4 ? bits & 0xFFFF_FFFF : bits
    }

    /// The IPv4 address inside an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2), else the
    /// address itself.
    package var unmapped: IPAddress {
        guard family == .v6, bits >> 32 == 0xFFFF else { return self }
        return IPAddress(v4: UInt32(truncatingIfNeeded: bits))
    }

    /// The IPv4 address that an IPv6 address holds by its form: packets to it may be translated or tunnelled
    /// there. Empty for other addresses.
    package var embedded: [IPAddress] {
        guard family == .v6 else { return [] }
        let low = IPAddress(v4: UInt32(truncatingIfNeeded: bits))
        switch UInt32(truncatingIfNeeded: bits >> 96) {
        // ::/96 and ::ffff:0:0/96 (RFC 4291 section 2.5.5), ::ffff:0:0:0/96 (RFC 2765 section 2.1).
        case 0: return [0, 0xFFFF, 0xFFFF_0000].contains(UInt64(truncatingIfNeeded: bits >> 32)) ? [low] : []
        // 64:ff9b::/96 (RFC 6052 section 2.1) and 64:ff9b:1::/48 (RFC 8215 section 3), in its /96 form.
        case 0x0064_FF9B: return [low]
        // 2001::/32: the client's, with all bits turned (RFC 4380 section 4).
        case 0x2001_0000: return [IPAddress(v4: ~UInt32(truncatingIfNeeded: bits))]
        // 2002::/16 (RFC 3056 section 2).
        case 0x2002_0000...0x2002_FFFF: return [IPAddress(v4: UInt32(truncatingIfNeeded: bits >> 80))]
        default: return []
        }
    }

    /// True for `0.0.0.0` and `::`, which name every address of the host when listened on.
    @inlinable
    package var isUnspecified: Bool { bits == 0 }

    /// True for `127.0.0.0/8` and `::1`.
    @inlinable
    package var isLoopback: Bool {
        family == .v4 ? bits >> 24 == 127 : bits == 1
    }

    /// The octets in network order: 4 or 16 of them.
    package var octets: [UInt8] {
        stride(from: family.bitWidth - 8, through: 0, by: -8).map {
            UInt8(truncatingIfNeeded: bits >> UInt128($0))
        }
    }
}

extension IPAddress: Comparable {
    /// IPv4 sorts before IPv6, then by number.
    @usableFromInline
    package static func < (left: IPAddress, right: IPAddress) -> Bool {
        left.family == right.family ? left.bits < right.bits : left.family.rawValue < right.family.rawValue
    }
}
