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

    /// The prefix whose `reverseZone` this is; nil for other names, and for `in-addr.arpa` and `ip6.arpa`
    /// themselves.
    package init?(reverseZone: String) {
        var labels = reverseZone.lowercased().split(separator: ".", omittingEmptySubsequences: false)
        if labels.last == "" { labels.removeLast() }
        guard labels.count > 2, labels.removeLast() == "arpa" else { return nil }
        let (family, radix, width): (AddressFamily, Int, Int)
        switch labels.removeLast() {
        case "in-addr": (family, radix, width) = (.v4, 10, 8)
        case "ip6": (family, radix, width) = (.v6, 16, 4)
        default: return nil
        }
        guard labels.count * width <= family.bitWidth else { return nil }
        var bits: UInt128 = 0
        for label in labels.reversed() {
            guard let part = UInt128(label, radix: radix), part >> width == 0,
                String(part, radix: radix) == label
            else { return nil }
            bits = bits << width | part
        }
        let length = labels.count * width
        let hostBits = family.bitWidth - length
        self.init(around: IPAddress(family: family, bits: bits << hostBits), length: length)
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
