package import IPAddressing

/// A place without a cluster whose machines reach clusters: an office, a data centre, a VPN's clients.
package struct Site: Hashable, Sendable {
    /// Its name in the file; unique among clusters and sites.
    package var key: String

    /// The prefixes of its machines; never empty in a checked inventory.
    package var networks: [IPPrefix]

    /// The addresses of the router that gets the routes to the clusters, at most one per family.
    package var routers: [IPAddress]

    /// Which outer addresses clusters see for those of `networks`, on paths with `source: map`.
    /// Default: empty.
    package var addressMap = PrefixMap()

    /// Machines with a part in a path: relays, VPN endpoints, Linux routers.
    package var hosts: [Host]

    /// Creates a site.
    package init(key: String, networks: [IPPrefix], routers: [IPAddress] = [], hosts: [Host] = []) {
        self.key = key
        self.networks = networks
        self.routers = routers
        self.hosts = hosts
    }

    /// The first of the router's addresses; nil if no router is named.
    package var router: IPAddress? { routers.first }
}
