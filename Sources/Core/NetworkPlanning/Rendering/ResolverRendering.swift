import DomainNames
import IPAddressing
import Inventory
import NetworkModel

/// The configuration with which resolvers and clients ask Namebridge for the names of clusters, and for the
/// names of their addresses.
struct ResolverRendering {
    /// Where Namebridge answers.
    let server: Endpoint

    /// The name in the certificate of a proxy for DNS over TLS in front of it; nil if there is none.
    let certificateName: String?

    /// The suffixes that it answers, without dots at the ends; none is below another one.
    let suffixes: [String]

    /// The prefixes whose names it knows: outer ones of clusters that have a map.
    let prefixes: [IPPrefix]

    /// The names of `inventory`, answered at `server`.
    init(_ inventory: Inventory, server: Endpoint, certificateName: String? = nil) {
        self.server = server
        self.certificateName = certificateName
        let served = inventory.clusters.filter { !$0.dns.isEmpty }
        let bare = Set(inventory.dns.bareDomain + inventory.dns.views.flatMap { $0.bareDomain ?? [] })
        var names = served.flatMap { cluster in
            cluster.names + (bare.contains(cluster.key) ? [cluster.domain] : []) + cluster.also
        }
        names += inventory.merges.map(\.name)
        names += inventory.clusterSets.flatMap { inventory.suffixes(of: $0) }
        suffixes = Self.outermost(names).map { Self.bare($0.description) }
        prefixes =
            PrefixSet(
                served.flatMap { cluster in
                    cluster.isMapped
                        ? cluster.outerRanges : cluster.pods + cluster.services
                }
            ).prefixes
    }

    /// The text of a format; empty if there is no name to ask for.
    func render(_ format: RenderFormat) throws(RenderError) -> String {
        guard !suffixes.isEmpty else { return "" }
        switch format {
        case .dnsmasq: return dnsmasq
        case .bind: return bind
        case .unbound: return unbound
        case .knot: return knot
        case .pdns: return recursor
        case .coredns: return coredns
        case .resolved: return resolved
        case .dnsDelegate: return dnsDelegate
        case .networkmanager: return networkManager
        case .macos: return macos
        case .mobileconfig:
            guard let certificateName else { throw .certificateNameNeeded }
            return profile(certificateName)
        default:
            guard server.port == 53 else { throw .portNotPossible(format: format, port: server.port) }
            return format == .ad ? activeDirectory : policyTable
        }
    }

    /// The names without those below another one, whose questions go to the same place; each once, in order.
    private static func outermost(_ names: [DomainName]) -> [DomainName] {
        var kept: [DomainName] = []
        for name in names where !kept.contains(name) {
            if !names.contains(where: { $0 != name && name.isAtOrBelow($0) }) { kept.append(name) }
        }
        return kept
    }

    /// The name without a dot at its end.
    private static func bare(_ name: String) -> String {
        name.hasSuffix(".") ? String(name.dropLast()) : name
    }

    // MARK: Zones

    /// The suffixes and the reverse zones.
    var zones: [String] { suffixes + reverseZones }

    /// The zones of the prefixes' addresses, cut at label boundaries (RFC 1035 section 3.5, RFC 3596
    /// section 2.5); none is below another one, since no prefix is inside of another.
    var reverseZones: [String] {
        prefixes.flatMap { $0.reversePieces.map(\.reverseZone) }
    }

    /// The zones that resolvers answer by themselves (RFC 6303, RFC 7793) and that hold addresses of ours.
    var builtInZones: [String] {
        var zones: [String] = []
        for zone in reverseZones {
            let labels = zone.split(separator: ".").map(String.init)
            let count = labels.suffix(3).first == "10" ? 3 : 4
            let parent =
                (zone.hasSuffix("ip6.arpa") ? ["d", "f", "ip6", "arpa"] : Array(labels.suffix(count)))
                .joined(separator: ".")
            if !zones.contains(parent) { zones.append(parent) }
        }
        return zones
    }

    /// The server's address, and the port behind `separator` unless it is 53; IPv6 in brackets if they are
    /// needed to tell the port.
    func target(_ separator: String, brackets: Bool = false) -> String {
        guard server.port != 53 else { return server.address.description }
        let isLong = brackets && server.address.family == .v6
        return (isLong ? "[\(server.address)]" : "\(server.address)") + separator + "\(server.port)"
    }
}
