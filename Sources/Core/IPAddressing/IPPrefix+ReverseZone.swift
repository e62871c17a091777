extension IPPrefix {
    /// The zone of the prefix's addresses, as in `17.172.in-addr.arpa`, without a final dot (RFC 1035 section
    /// 3.5, RFC 3596 section 2.5). Of a length inside of a label, that of the prefix around it.
    package var reverseZone: String {
        switch family {
        case .v4:
            let labels = address.octets.prefix(length / 8).reversed().map(String.init)
            return (labels + ["in-addr.arpa"]).joined(separator: ".")
        case .v6:
            let nibbles = address.octets.flatMap { [$0 >> 4, $0 & 15] }.prefix(length / 4)
            return (nibbles.reversed().map { String($0, radix: 16) } + ["ip6.arpa"]).joined(separator: ".")
        }
    }

    /// The prefix, cut into those that have a reverse zone of their own: whose length ends with a label.
    ///
    /// At most 2^7 of IPv4, 2^3 of IPv6: the end of a label is near.
    package var reversePieces: [IPPrefix] {
        let step = family == .v4 ? 8 : 4
        let end = min((length + step - 1) / step * step, family.bitWidth)
        let hostBits = UInt128(family.bitWidth - end)
        return (0..<(1 << (end - length))).compactMap { index in
            let bits = address.bits | (hostBits == 128 ? 0 : UInt128(index) << hostBits)
            return IPPrefix(around: IPAddress(family: family, bits: bits), length: end)
        }
    }
}
