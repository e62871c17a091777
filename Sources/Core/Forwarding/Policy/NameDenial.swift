import DomainNames

/// Messages that deny a name for a cluster (RFC 2308 section 2.1). Nothing in them is compressed, and their
/// question is the root's SOA: `AnswerMapper` puts them under the name that was asked.
enum NameDenial {
    /// - Parameter soa: Owner, type, class, TTL, length and data, uncompressed.
    static func message(soa: [UInt8]) -> [UInt8] {
        let header: [UInt8] = [0, 0, 0x80, 0x03, 0, 1, 0, 0, 0, 1, 0, 0]
        let question: [UInt8] = [0, 0, 6, 0, 1]
        return header + question + soa
    }

    /// The same while the SOA of `domain` is unknown: with CoreDNS' defaults.
    static func message(below domain: DomainName) -> [UInt8] {
        let data =
            name("ns.dns", in: domain) + name("hostmaster", in: domain)
            + [1, 7_200, 1_800, 86_400, ttl].flatMap(octets)
        let head: [UInt8] = [0, 6, 0, 1] + octets(ttl) + octets(UInt32(data.count)).suffix(2)
        return message(soa: domain.wire + head + data)
    }

    /// CoreDNS' own default, in seconds.
    private static let ttl: UInt32 = 5

    /// `labels` below `domain`, or `domain` itself if the name would be too long.
    private static func name(_ labels: String, in domain: DomainName) -> [UInt8] {
        (try? DomainName(parsing: labels).appending(domain))?.wire ?? domain.wire
    }

    /// The number, highest octet first.
    private static func octets(_ number: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }
}
