package import IPAddressing

/// Addresses that several forwarders share, each of which has them announced while it can answer: key
/// `announce` of `dns`.
package struct ServiceAnnouncement: Hashable, Sendable {
    /// At most one of each family; never empty in a checked inventory.
    package var addresses: [IPAddress]

    /// The hosts that forwarders run on, as `NAME` or `CLUSTER-OR-SITE/NAME`, with their priorities.
    package var hosts: [Relay]

    /// How others are led to one of them: `bgp`, the default, or `vrrp`.
    package var failover = Failover.bgp

    /// For `failover: bgp`.
    package var bgp = BGPSettings()

    /// The number of the virtual router; with `failover: vrrp`, which needs it.
    package var vrrpID: Int?

    /// The hosts' interface in the network of the addresses; nil: the `device` of each. For
    /// `failover: vrrp`.
    package var interface: String?

    package init(addresses: [IPAddress], hosts: [Relay]) {
        self.addresses = addresses
        self.hosts = hosts
    }
}

extension Inventory {
    /// The host that an entry of `dns.announce.hosts` means; nil if there is none.
    package func forwarder(_ entry: Relay) -> LocatedHost? {
        host(entry.host, in: sites.map(\.key) + clusters.map(\.key))
    }
}
