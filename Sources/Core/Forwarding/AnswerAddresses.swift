import DNSWire
import IPAddressing

extension PreparedAnswer {
    /// True if an address in any section fulfils `condition`: the data of A and AAAA records, and the address
    /// hints of SVCB and HTTPS (RFC 9460 section 7.3).
    func holdsAddress(_ condition: (IPAddress) -> Bool) -> Bool {
        for index in 0..<marks.count {
            let mark = marks[index]
            // TTL and length follow at the TTL's offset.
            let start = Int(mark.ttlOffset) + 6
            let end = Int(mark.end)
            switch Int(mark.type) {
            case RecordType.a, RecordType.aaaa:
                if holdsAddress(start..<end, ofLength: Int(mark.type) == RecordType.a ? 4 : 16, condition) {
                    return true
                }
            case RecordType.svcb, RecordType.https:
                if holdsHint(start..<end, condition) { return true }
            default: continue
            }
        }
        return false
    }

    /// Visits the addresses of `length` octets that follow each other in `range`.
    private func holdsAddress(
        _ range: Range<Int>, ofLength length: Int, _ condition: (IPAddress) -> Bool
    ) -> Bool {
        var position = range.lowerBound
        while range.upperBound - position >= length {  // `position` grows each time
            var bits: UInt128 = 0
            for index in 0..<length { bits = bits << 8 | UInt128(octets[position + index]) }
            let address = IPAddress(family: length == 4 ? .v4 : .v6, bits: bits)
            if condition(address.unmapped) { return true }
            position += length
        }
        return false
    }

    /// Visits the parameters of a service binding (RFC 9460 section 2.2): priority, target, then key, length
    /// and value of each.
    private func holdsHint(_ range: Range<Int>, _ condition: (IPAddress) -> Bool) -> Bool {
        guard range.count > 2,
            let target = try? walkName(in: octets.span, at: range.lowerBound + 2)
        else { return false }
        var position = target.end
        while range.upperBound - position >= 4 {  // each iteration takes at least four octets
            let key = octets.number16(at: position)
            let length = octets.number16(at: position + 2)
            position += 4
            guard range.upperBound - position >= length else { return false }
            let value = position..<(position + length)
            if key == 4, holdsAddress(value, ofLength: 4, condition) { return true }
            if key == 6, holdsAddress(value, ofLength: 16, condition) { return true }
            position += length
        }
        return false
    }
}

extension IPPrefixTable where Value == Bool {
    /// True if packets to `address` may arrive at an address of the set: it is one, or holds one.
    fileprivate func holds(_ address: IPAddress) -> Bool {
        longestMatch(address) != nil || address.embedded.contains { longestMatch($0) != nil }
    }
}

/// The result of checking the addresses of an answer.
enum AddressVerdict {
    /// No address forbids the answer.
    case fine
    /// One lies outside the prefixes of its cluster, as those of services without selector and of external
    /// names do.
    case straying
    /// A name from outside leads to an address inside a cluster (DNS rebinding).
    case rebinding
}

extension PreparedAnswer {
    /// True if an address lies outside `prefixes`; nil: all are inside.
    func strays(from prefixes: IPPrefixTable<Bool>?) -> Bool {
        guard let own = prefixes else { return false }
        return holdsAddress { own.longestMatch($0) == nil }
    }

    /// True if a name from outside leads to an address inside a cluster, and may not.
    func leadsInside(_ policy: ForwardingPolicy) -> Bool {
        guard let guarded = policy.clusterAddresses else { return false }
        return holdsAddress { guarded.holds($0) } && !policy.mayLeadInside(octets.span)
    }
}
