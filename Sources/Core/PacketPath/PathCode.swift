/// Why a packet takes the way that it takes, or does not arrive. The codes are stable, and the manual page
/// namebridge-explain(8) has the cause, a look by hand and the fix of each.
package enum PathCode: String, Hashable, Sendable, CaseIterable {
    case noRoute = "NO_ROUTE"
    case routeElsewhere = "ROUTE_ELSEWHERE"
    case forwardingOff = "FORWARDING_OFF"
    case reversePathFilter = "RP_FILTER"
    case filterDrop = "FILTER_DROP"
    case dockerForward = "DOCKER_FORWARD"
    case noMasquerade = "NO_MASQUERADE"
    case sourceBecomes = "SOURCE_BECOMES"
    case noReturnRoute = "NO_RETURN_ROUTE"
    case replyBypassesRelay = "REPLY_BYPASSES_RELAY"
    case clusterIPExternalOff = "CLUSTERIP_EXTERNAL_OFF"
    case clusterIPNoEndpoint = "CLUSTERIP_NO_ENDPOINT"
    case proxyModeUnknown = "PROXY_MODE_UNKNOWN"
    case neighbourMissing = "NEIGHBOUR_MISSING"
    case forwardingEntryMissing = "FDB_MISSING"
    case mtu = "MTU"
    case hairpin = "HAIRPIN"
    case overlap = "OVERLAP"
    case conntrackFull = "CONNTRACK_FULL"
    case notObserved = "NOT_OBSERVED"

    /// True if packets pass all the same.
    package var isInformation: Bool { self == .sourceBecomes || self == .mtu }

    /// What the code says, in a few words.
    package var meaning: String {
        switch self {
        case .noRoute: "no route leads to the destination"
        case .routeElsewhere: "a route leads elsewhere"
        case .forwardingOff: "the host does not forward packets"
        case .reversePathFilter: "the reverse path filter drops the packet"
        case .filterDrop: "a firewall rule drops the packet"
        case .dockerForward: "Docker's FORWARD chain drops the packet"
        case .noMasquerade: "the source is not translated, and answers cannot return"
        case .sourceBecomes: "the destination sees another source address"
        case .noReturnRoute: "no route leads back to the source"
        case .replyBypassesRelay: "replies bypass the relay"
        case .clusterIPExternalOff: "services do not answer clients from outside of the cluster"
        case .clusterIPNoEndpoint: "the service has no endpoint"
        case .proxyModeUnknown: "it is not known how nodes translate services"
        case .neighbourMissing: "the next hop has no Ethernet address"
        case .forwardingEntryMissing: "the tunnel's forwarding table lacks the next hop"
        case .mtu: "the packet is larger than a link on its way"
        case .hairpin: "the packet is led back to its own sender"
        case .overlap: "the address is in use on both sides"
        case .conntrackFull: "the table of connections is full"
        case .notObserved: "a part of the way is not known"
        }
    }
}
