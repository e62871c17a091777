package import IPAddressing

/// Which places reach which, and how the packets are carried.
package struct Path: Hashable, Sendable {
    /// The places that it connects.
    package var ends: PathEnds
    /// How packets are carried.
    package var carrier: PathCarrier

    /// What is reachable at the far end. Default: pods and services.
    package var targets: PathTargets

    /// False if the near end uses the inner addresses of a far end that has a `map`. Default: true.
    package var isMapped: Bool

    /// Whether it carries packets, and what follows when it does not: keys `probe` and `on-down`.
    package var health: PathHealthSettings

    package init(
        ends: PathEnds, carrier: PathCarrier, targets: PathTargets = PathTargets(), isMapped: Bool = true,
        health: PathHealthSettings = PathHealthSettings()
    ) {
        self.ends = ends
        self.carrier = carrier
        self.targets = targets
        self.isMapped = isMapped
        self.health = health
    }

    /// The prefixes of `cluster`, its far end, that the near end sends packets to: outer ones if the cluster
    /// has a map and the path uses it, without what the map leaves out.
    package func visiblePrefixes(of cluster: Cluster) -> [IPPrefix] {
        seen(targets.prefixes(of: cluster), of: cluster)
    }

    /// The same for some `prefixes` of the cluster.
    package func seen(_ prefixes: [IPPrefix], of cluster: Cluster) -> [IPPrefix] {
        guard isMapped, cluster.isMapped else { return prefixes }
        return addressMaps(of: cluster).flatMap { map in prefixes.flatMap { map.outer(of: $0) } }
    }
}

/// The ends of a path, as keys of clusters and sites.
package enum PathEnds: Hashable, Sendable {
    /// Connections are opened from `from` (a site or a cluster) to `to` (a cluster): keys `from` and `to`.
    case oneWay(from: String, to: String)
    /// Each of these clusters reaches each other one: key `between`; two or more.
    case mutual([String])

    /// All ends, in the order of the file.
    package var keys: [String] {
        switch self {
        case .oneWay(let from, let to): [from, to]
        case .mutual(let members): members
        }
    }
}

/// How the packets of a path are carried: key `via`.
package enum PathCarrier: Hashable, Sendable {
    /// Hosts that forward between the two ends; only one way.
    case relay(RelaySettings)
    /// Plain routes to the nodes' pod prefixes; all hosts must be on one link.
    case routed
    /// A VXLAN device on every node of the clusters; only mutual.
    case vxlan(VXLANSettings)
}

/// Which prefixes of the far end a path carries; at least one of the two in a checked inventory.
package struct PathTargets: Hashable, Sendable {
    /// Pods' prefixes are reachable.
    package var pods: Bool
    /// Services' prefixes are reachable.
    package var services: Bool

    package init(pods: Bool = true, services: Bool = true) {
        self.pods = pods
        self.services = services
    }
}

/// The hosts that forward, and the source address that the far end sees.
package struct RelaySettings: Hashable, Sendable {
    /// Nodes or hosts as `NAME` (searched for in the path's `to`, then `from`) or `CLUSTER-OR-SITE/NAME`; one
    /// or more.
    package var relays: [Relay]

    /// Default: masquerade.
    package var source: PathSource

    /// The host through which the far end's network reaches the near end, as with a VPN; a reference
    /// like `relays`.
    package var endpoint: String?

    /// How packets come to a relay that works. Default: `agent`.
    package var failover = Failover.agent

    /// For `failover: bgp`.
    package var bgp = BGPSettings()
    /// For `failover: vrrp`, which needs it.
    package var vrrp: VRRPSettings?

    /// Whether they go back to a better one. Default: `stay`.
    package var preference = RelayPreference.stay

    package init(relays: [Relay], source: PathSource = .snat(.masquerade), endpoint: String? = nil) {
        self.relays = relays
        self.source = source
        self.endpoint = endpoint
    }
}

/// A host that forwards, and by which of its devices it reaches the far end where that cannot be derived.
package struct Relay: Hashable, Sendable {
    /// A node or host as `NAME` (looked for in the path's `to`, then `from`) or `CLUSTER-OR-SITE/NAME`.
    package var host: String

    /// The interface that leads into the far end; nil: that with the host's address there.
    package var uplink: String?

    /// The next hops towards the far end, at most one per family; empty: derived from the nodes.
    package var gateways: [IPAddress]

    /// The interface that leads into the near end, if that is a cluster with a map; nil: derived, or as
    /// another path says of this host.
    package var nearUplink: String?

    /// 1...255: those that work and have the highest carry the path, and share it. Default: 100.
    package var priority = 100

    /// 1...100: the share of connections among those that carry together. Default: 1.
    package var weight = 1

    /// The outer addresses that lead to the far end through this relay; only with `failover: dns`.
    package var addressMap = PrefixMap()

    package init(host: String, uplink: String? = nil, gateways: [IPAddress] = []) {
        self.host = host
        self.uplink = uplink
        self.gateways = gateways
    }
}

extension Relay: ExpressibleByStringLiteral {
    /// The host of this name, with everything derived.
    package init(stringLiteral host: String) {
        self.init(host: host)
    }
}

/// The source address that the far end of a path sees: key `source`.
package enum PathSource: Hashable, Sendable {
    /// An address of the relay.
    case snat(SourceTranslation)
    /// The client's own; the far end's routes must then lead back through the same relay.
    case keep
    /// The client's outer one: that of the near end's `map`, whether a cluster's or a site's.
    case map
}

/// The address that a relay uses as source: key `snat`.
package enum SourceTranslation: Hashable, Sendable {
    /// `masquerade`: the address of the interface that the packet leaves by.
    case masquerade
    /// `node`: the relay's own first address of the family.
    case nodeAddress
    /// These addresses, at most one per family; only with a single relay.
    case addresses([IPAddress])
}

/// One VXLAN segment that joins all nodes of several clusters.
package struct VXLANSettings: Hashable, Sendable {
    /// The network identifier, 1...16777215 (RFC 7348 section 5).
    package var id: Int

    /// The UDP port. Default: 4789 (IANA); another one helps where a hypervisor filters 4789 or 8472.
    package var port: UInt16

    /// The network that the tunnel endpoints' addresses come from.
    package var network: IPPrefix

    /// The name of the device, 1...15 octets. Default: `nbvx<id>`.
    package var device: String

    /// The interface that carries the encapsulated packets; nil: that of the node's address.
    package var underlay: String?

    /// The device's MTU, in octets; nil: computed from the underlay's.
    package var mtu: Int?

    /// Addresses of single nodes where they are not to be derived from the nodes' own.
    package var endpoints: [VXLANEndpoint]

    package init(
        id: Int, port: UInt16 = 4789, network: IPPrefix, device: String? = nil, underlay: String? = nil,
        mtu: Int? = nil, endpoints: [VXLANEndpoint] = []
    ) {
        self.id = id
        self.port = port
        self.network = network
        self.device = device ?? "nbvx\(id)"
        self.underlay = underlay
        self.mtu = mtu
        self.endpoints = endpoints
    }
}

/// One node's part in a VXLAN segment; what is nil is derived from the node's address.
package struct VXLANEndpoint: Hashable, Sendable {
    /// A node as `NAME` (looked for in the path's clusters in order) or `CLUSTER/NAME`.
    package var node: String

    /// Inside the segment's network.
    package var address: IPAddress?
    /// The Ethernet address of the device.
    package var mac: MACAddress?

    package init(node: String, address: IPAddress? = nil, mac: MACAddress? = nil) {
        self.node = node
        self.address = address
        self.mac = mac
    }
}
