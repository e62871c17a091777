import DomainNames
import IPAddressing
import Inventory
import NetworkModel

/// The configuration with which resolvers and clients ask Namebridge for the names of clusters, and for the
/// names of their addresses.
struct ResolverRendering {
    /// Where Namebridge answers.
    let server: Endpoint

    /// The suffixes that it answers, without dots at the ends; each once.
    let suffixes: [String]

    /// The prefixes whose names it knows: outer ones of clusters that have a map.
    let prefixes: [IPPrefix]

    /// The names of `inventory`, answered at `server`.
    init(_ inventory: Inventory, server: Endpoint) {
        self.server = server
        let served = inventory.clusters.filter { !$0.dns.isEmpty }
        var suffixes: [String] = []
        let bare = Set(inventory.dns.bareDomain + inventory.dns.views.flatMap { $0.bareDomain ?? [] })
        for cluster in served {
            let domains = cluster.names + (bare.contains(cluster.key) ? [cluster.domain] : [])
            for name in domains.map({ Self.bare($0.description) }) where !suffixes.contains(name) {
                suffixes.append(name)
            }
        }
        self.suffixes = suffixes
        prefixes =
            PrefixSet(
                served.flatMap { cluster in
                    cluster.isMapped
                        ? cluster.outerRanges : cluster.pods + cluster.services
                }
            ).prefixes
    }

    /// The text of a format.
    func render(_ format: RenderFormat) -> String {
        guard !suffixes.isEmpty else { return "" }
        switch format {
        case .dnsmasq: return dnsmasq
        case .bind: return bind
        case .unbound: return unbound
        case .resolved: return resolved
        case .windows: return windows
        default: return macos
        }
    }

    /// The name without a dot at its end.
    private static func bare(_ name: String) -> String {
        name.hasSuffix(".") ? String(name.dropLast()) : name
    }

    /// The zones of the prefixes' addresses, cut at label boundaries (RFC 1035 section 3.5, RFC 3596
    /// section 2.5).
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
}
