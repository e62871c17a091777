package import IPAddressing

/// What the owner of a device that we may not change must configure there.
package struct OwnerInstruction: Hashable, Sendable {
    /// The device, or what has the owner.
    package var subject: Subject

    /// Routes to enter; empty for subjects without routes.
    package var routes: [RouteAdvice] = []

    /// Pools that prevent Calico from changing source addresses towards a peer; only for `.calico`.
    package var pools: [AddressPool] = []

    /// What has another owner.
    package enum Subject: Hashable, Sendable {
        /// The router of a site, by the site's key and the router's addresses.
        case router(site: String, addresses: [IPAddress])
        /// A route table of a cloud network; `cluster` is the key of the cluster in that network.
        case routeTable(cluster: String, name: String)
        /// The Calico of a cluster.
        case calico(cluster: String)
        /// The kube-proxy of a cluster: `field`, as in `iptables.masqueradeAll`, is to be true.
        case kubeProxy(cluster: String, field: String)
    }

    /// Creates an instruction.
    package init(subject: Subject, routes: [RouteAdvice] = [], pools: [AddressPool] = []) {
        self.subject = subject
        self.routes = routes
        self.pools = pools
    }
}

/// A route that the owner must enter.
package struct RouteAdvice: Hashable, Sendable {
    /// The destination.
    package var destination: IPPrefix

    /// Several are next hops of equal rank.
    package var nextHops: [NamedAddress]
    /// The path that needs it.
    package var because: String

    /// True if the next hops are the far end of a tunnel: the route leads into that.
    package var isThroughTunnel: Bool

    /// Creates a route to enter.
    package init(
        destination: IPPrefix, nextHops: [NamedAddress], because: String, isThroughTunnel: Bool = false
    ) {
        self.destination = destination
        self.nextHops = nextHops
        self.because = because
        self.isThroughTunnel = isThroughTunnel
    }
}

/// A host's name and one of its addresses.
package struct NamedAddress: Hashable, Sendable {
    /// The host's name.
    package var name: String
    /// Its address.
    package var address: IPAddress

    /// Creates a named address.
    package init(name: String, address: IPAddress) {
        self.name = name
        self.address = address
    }
}

/// A Calico IPPool that assigns nothing (`disabled: true`, `natOutgoing: false`).
package struct AddressPool: Hashable, Sendable {
    /// A name that Kubernetes accepts: lower-case letters, digits and hyphens.
    package var name: String
    /// The prefix.
    package var prefix: IPPrefix
    /// The path that needs it.
    package var because: String

    /// Creates an address pool.
    package init(name: String, prefix: IPPrefix, because: String) {
        self.name = name
        self.prefix = prefix
        self.because = because
    }
}
