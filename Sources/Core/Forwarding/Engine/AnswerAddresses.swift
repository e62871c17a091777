import DNSWire
import IPAddressing

extension IPPrefixTable where Value == Bool {
    /// True if packets to `address` may arrive at an address of the set: it is one, or holds one.
    fileprivate func holds(_ address: IPAddress) -> Bool {
        contains(address) || address.embedded.contains { contains($0) }
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
    /// No route leads to one yet.
    case awaited
}

extension PreparedAnswer {
    /// True if an address lies outside `prefixes`; nil: all are inside.
    func strays(from prefixes: IPPrefixTable<Bool>?) -> Bool {
        guard let own = prefixes else { return false }
        return holdsAddress { !own.contains($0) }
    }

    /// True if no route leads to an address yet.
    func isAwaited(by policy: ForwardingPolicy) -> Bool {
        guard let awaited = policy.awaitedAddresses else { return false }
        return holdsAddress { awaited.contains($0) }
    }

    /// True if a name from outside leads to an address inside a cluster, and may not.
    func leadsInside(_ policy: ForwardingPolicy) -> Bool {
        guard let guarded = policy.clusterAddresses else { return false }
        return holdsAddress { guarded.holds($0) } && !policy.mayLeadInside(octets.span)
    }
}
