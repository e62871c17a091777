import IPAddressing

/// Ranges of private addresses that nothing uses, for outer ranges.
struct FreeRanges {
    /// Sorted and apart from each other.
    private var used: [AddressRange]

    init(besides used: [IPPrefix]) {
        self.used = AddressRange.merged((used + Self.defaults).map(AddressRange.init))
    }

    /// Takes the first free range of this family and length; nil if there is none. O(n).
    mutating func take(_ family: AddressFamily, length: Int) -> IPPrefix? {
        guard let size = Self.size(family, length) else { return nil }
        for space in Self.spaces where space.family == family {
            guard let free = firstFree(in: space, size: size) else { continue }
            used = AddressRange.merged(used + [free])
            return IPPrefix(around: IPAddress(family: family, bits: free.first), length: length)
        }
        return nil
    }

    private func firstFree(in space: AddressRange, size: UInt128) -> AddressRange? {
        var candidate = Self.aligned(space.first, to: size)
        // Ends: each turn moves the candidate behind a range that is in use.
        while let first = candidate, first <= space.last, space.last - first >= size - 1 {
            let range = AddressRange(family: space.family, first: first, last: first + (size - 1))
            guard let obstacle = used.first(where: { $0.overlaps(range) }) else { return range }
            candidate = obstacle.last == .max ? nil : Self.aligned(obstacle.last + 1, to: size)
        }
        return nil
    }

    /// The number of addresses in a prefix; nil if it is larger than all private space.
    private static func size(_ family: AddressFamily, _ length: Int) -> UInt128? {
        let hostBits = family.bitWidth - length
        return hostBits >= 0 && hostBits < 113 ? 1 << UInt128(hostBits) : nil
    }

    /// The first multiple of `size` from `bits` on; nil if there is none.
    private static func aligned(_ bits: UInt128, to size: UInt128) -> UInt128? {
        let (sum, overflow) = bits.addingReportingOverflow(size - 1)
        return overflow ? nil : sum / size * size
    }

    /// Where outer ranges are looked for, in this order: RFC 1918, from the end that is used least, then
    /// shared space (RFC 6598); for IPv6 unique local addresses (RFC 4193) of a global ID of ours.
    private static let spaces: [AddressRange] = [
        AddressRange(v4: (10, 200, 0, 0), (10, 255, 255, 255)),
        AddressRange(v4: (10, 16, 0, 0), (10, 199, 255, 255)),
        AddressRange(v4: (10, 0, 0, 0), (10, 15, 255, 255)),
        AddressRange(v4: (172, 16, 0, 0), (172, 31, 255, 255)),
        AddressRange(v4: (192, 168, 0, 0), (192, 168, 255, 255)),
        AddressRange(v4: (100, 64, 0, 0), (100, 127, 255, 255)),
        AddressRange(v6: 0xFD6E_616D_6500 << 80, length: 40),
        AddressRange(v6: 0xFD6E << 112, length: 16),
    ]

    /// What Docker takes unless told otherwise (default-address-pools), and what the next cluster will have:
    /// the defaults of kubeadm's documentation, flannel and k3s.
    private static let defaults: [IPPrefix] = [
        "172.17.0.0/16", "172.18.0.0/15", "172.20.0.0/14", "172.24.0.0/13", "192.168.0.0/16",
        "10.96.0.0/12", "10.244.0.0/16", "10.42.0.0/15",
    ].compactMap { try? IPPrefix(parsing: $0) }
}

/// Shared space (RFC 6598): Tailscale, NetBird and Firezone give their clients addresses of it.
let sharedSpace = try? IPPrefix(parsing: sharedSpaceText)
let sharedSpaceText = "100.64.0.0/10"

/// Neighbouring addresses of one family.
private struct AddressRange {
    let family: AddressFamily
    let first: UInt128
    let last: UInt128

    init(family: AddressFamily, first: UInt128, last: UInt128) {
        self.family = family
        self.first = first
        self.last = last
    }

    init(_ prefix: IPPrefix) {
        self.init(family: prefix.family, first: prefix.address.bits, last: prefix.lastAddress.bits)
    }

    init(v4 first: (UInt128, UInt128, UInt128, UInt128), _ last: (UInt128, UInt128, UInt128, UInt128)) {
        self.init(
            family: .v4, first: first.0 << 24 | first.1 << 16 | first.2 << 8 | first.3,
            last: last.0 << 24 | last.1 << 16 | last.2 << 8 | last.3)
    }

    init(v6 first: UInt128, length: Int) {
        self.init(family: .v6, first: first, last: first | ((1 << UInt128(128 - length)) - 1))
    }

    func overlaps(_ other: AddressRange) -> Bool {
        family == other.family && first <= other.last && other.first <= last
    }

    /// Sorted, ranges that touch each other as one.
    static func merged(_ ranges: [AddressRange]) -> [AddressRange] {
        var merged: [AddressRange] = []
        for range in ranges.sorted(by: { ($0.family.rawValue, $0.first) < ($1.family.rawValue, $1.first) }) {
            if let open = merged.last, open.family == range.family,
                range.first <= open.last || range.first - 1 == open.last
            {
                merged[merged.count - 1] = AddressRange(
                    family: open.family, first: open.first, last: max(open.last, range.last))
            } else {
                merged.append(range)
            }
        }
        return merged
    }
}
