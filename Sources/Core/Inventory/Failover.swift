package import IPAddressing

/// How packets come to a working relay of a path that has several: key `failover`.
package enum Failover: String, Hashable, Sendable, CaseIterable {
    /// The agent of each Linux router in the inventory probes the relays, and leads packets to those that
    /// work.
    case agent
    /// The agent of each relay puts the prefixes into a routing table while the path works, from which BIRD
    /// or FRR announces them.
    case bgp
    /// keepalived moves a virtual address to a relay that works.
    case vrrp
    /// Each relay has a range of outer addresses, and names are answered with that of one that works.
    case dns
}

/// The numbers of the two ends of `failover: bgp`: key `bgp`.
package struct BGPSettings: Hashable, Sendable {
    /// The autonomous system of the relays. Default: 65078, which is private (RFC 6996).
    package var relayAS: Int = 65_078
    /// That of the near end's router. Default: 65000.
    package var routerAS: Int = 65_000

    package init() {}
}

/// The virtual address of `failover: vrrp`: key `vrrp`.
package struct VRRPSettings: Hashable, Sendable {
    /// The number of the virtual router, 1...255; unique in its network.
    package var id: Int
    /// The address that routers send packets to.
    package var address: IPAddress
    /// The relays' interface in the network of the address; nil: the `device` of each relay.
    package var interface: String?

    package init(id: Int, address: IPAddress, interface: String? = nil) {
        self.id = id
        self.address = address
        self.interface = interface
    }
}

/// Whether packets go back to a better relay while another one works: key `prefer`.
package enum RelayPreference: String, Hashable, Sendable, CaseIterable {
    /// They stay where they are.
    case stay
    /// They go back to the relay with the highest priority once it has been up for `hold`.
    case first
}
