import DNSWire
import DomainNames
import IPAddressing

/// Finds the cluster that owns the addresses below a reverse name, at any prefix length.
///
/// `33.17.172.in-addr.arpa` is the range 172.17.33.0/24, which is inside a cluster's 172.17.32.0/19; its
/// parent `17.172.in-addr.arpa` contains that prefix and more.
struct ReverseRouting: Sendable {
    /// A prefix of a cluster.
    struct Entry: Sendable {
        /// The prefix.
        let prefix: IPPrefix
        /// Index into `ForwardingPolicy.targets`.
        let target: Int
        /// Index into `ForwardingPolicy.groups`.
        let group: Int
        /// Of the group's cluster.
        let map: PrefixMap
    }

    /// The owner of the addresses below a reverse name.
    enum Owner: Hashable, Sendable {
        /// All addresses below the name belong to this target's cluster.
        case cluster(target: Int)
        /// All of them are inner addresses of these groups' clusters, and which one is meant cannot be told.
        case shared([Int])
        /// All of them are in a prefix of `dns.reverse-upstream`, and none belongs to a single cluster.
        case upstream
        /// Some addresses below the name belong to a cluster.
        case aboveCluster
        /// No cluster has an address below it.
        case unowned
    }

    /// The clusters' prefixes as they are inside; those of several clusters may overlap.
    private let entries: [Entry]
    /// Their outer ranges, each cut where labels end.
    private let outer: [Entry]
    /// The prefixes of `dns.reverse-upstream`.
    private let upstream: [IPPrefix]

    /// - Parameter upstream: See `DNSSettings.reverseUpstream`.
    init(_ entries: [Entry], outer: [Entry] = [], upstream: [IPPrefix] = []) {
        self.entries = entries
        self.outer = outer
        self.upstream = upstream
    }

    /// The owner of the name after the header of `message`, which ends in the family's reverse zone.
    ///
    /// An outer address has one owner for every client. Of the owners of an inner one those count whose names
    /// the client gets answered with it; if none does, all.
    ///
    /// - Parameters:
    ///   - inside: The groups whose inner addresses the client sees.
    ///   - isPermitted: Whether the client may ask a group.
    func owner(
        of message: Span<UInt8>, nameLength: Int, family: AddressFamily, inside: Set<Int> = [],
        isPermitted: (Int) -> Bool = { _ in true }
    ) -> Owner {
        guard !entries.isEmpty || !upstream.isEmpty,
            let range = ReverseRange(in: message, nameLength: nameLength, family: family)
        else {
            return .unowned
        }
        for entry in outer where entry.prefix.contains(range.prefix) {
            return .cluster(target: entry.target)
        }
        if let owner = innerOwner(of: range.prefix, inside, isPermitted) { return owner }
        for prefix in upstream where prefix.contains(range.prefix) { return .upstream }
        // A label that is not a number ends the range early: no address is below such a name.
        guard range.isWhole else { return .unowned }
        for entry in entries where range.prefix.contains(entry.prefix) { return .aboveCluster }
        for entry in outer where range.prefix.contains(entry.prefix) { return .aboveCluster }
        return .unowned
    }

    /// Nil if no cluster has all of `range`.
    private func innerOwner(
        of range: IPPrefix, _ inside: Set<Int>, _ isPermitted: (Int) -> Bool
    ) -> Owner? {
        guard let first = entries.firstIndex(where: { $0.prefix.contains(range) }) else { return nil }
        var owners = [entries[first]]
        for entry in entries[(first + 1)...]
        where entry.prefix.contains(range) && !owners.contains(where: { $0.group == entry.group }) {
            owners.append(entry)
        }
        guard owners.count > 1 else { return .cluster(target: owners[0].target) }
        let permitted = owners.filter { isPermitted($0.group) }
        let seen = permitted.filter { inside.contains($0.group) || $0.map.outer(of: range).isEmpty }
        for candidates in [seen, permitted, owners] where !candidates.isEmpty {
            return candidates.count == 1
                ? .cluster(target: candidates[0].target) : .shared(candidates.map(\.group))
        }
        return nil
    }
}

/// The addresses below a reverse name (RFC 1035 section 3.5, RFC 3596 section 2.5).
struct ReverseRange {
    /// The addresses.
    let prefix: IPPrefix
    /// False if there is a label that can't be part of an address, or more labels than an address has.
    let isWhole: Bool

    /// Reads the labels left of `in-addr.arpa` or `ip6.arpa` from right to left.
    init?(in message: Span<UInt8>, nameLength: Int, family: AddressFamily) {
        var starts = InlineArray<128, UInt8>(repeating: 0)
        var count = 0
        var position = Question.nameStart
        while message[position] != 0, count < 127 {  // a checked name
            starts[count] = UInt8(truncatingIfNeeded: position - Question.nameStart)
            count += 1
            position += 1 + Int(message[position])
        }
        let bitsPerLabel = family == .v4 ? 8 : 4
        var bits: UInt128 = 0
        var length = 0
        var label = count - 3  // after the two labels of the zone
        while label >= 0, length < family.bitWidth {
            let start = Question.nameStart + Int(starts[label])
            guard let value = Self.number(message, at: start, family: family) else { break }
            length += bitsPerLabel
            bits |= UInt128(value) << UInt128(family.bitWidth - length)
            label -= 1
        }
        isWhole = label < 0
        guard let prefix = IPPrefix(around: IPAddress(family: family, bits: bits), length: length) else {
            return nil
        }
        self.prefix = prefix
    }

    /// The number in a label: 0...255 in decimal without leading zeros, or one hexadecimal digit.
    private static func number(_ message: Span<UInt8>, at start: Int, family: AddressFamily) -> Int? {
        let size = Int(message[start])
        guard size <= (family == .v4 ? 3 : 1) else { return nil }
        var value = 0
        for index in 1...size {
            let octet = foldedOctet(message[start + index])
            switch octet {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                value = value * (family == .v4 ? 10 : 16) + Int(octet - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f") where family == .v6:
                value = value * 16 + Int(octet - UInt8(ascii: "a")) + 10
            default:
                return nil
            }
        }
        let hasLeadingZero = size > 1 && message[start + 1] == UInt8(ascii: "0")
        return value <= 255 && !hasLeadingZero ? value : nil
    }
}

/// The reverse zones of addresses that are only valid inside a site, without `in-addr.arpa` and `ip6.arpa`.
enum PrivateReverseZones {
    /// RFC 6303 sections 4.1 and 4.2, and RFC 7793 for 100.64.0.0/10.
    static let v4: [String] =
        ["0", "10", "127", "254.169", "168.192", "2.0.192", "100.51.198", "113.0.203", "255.255.255.255"]
        + (16...31).map { "\($0).172" } + (64...127).map { "\($0).100" }

    /// RFC 6303 sections 4.3 to 4.6: unspecified and loopback, documentation, unique local, link-local; and
    /// the other half of the unique local addresses, which is not assigned yet (RFC 4193 section 3.1).
    static let v6: [String] =
        [
            "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0",
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0",
            "8.b.d.0.1.0.0.2", "c.f", "d.f", "8.e.f", "9.e.f", "a.e.f", "b.e.f",
        ]
}
