package import IPAddressing

/// A machine that can carry traffic without being a node: a relay, a VPN endpoint, a Linux router.
package struct Host: Hashable, Sendable {
    /// Unique within its cluster or site.
    package var name: String

    /// Its own addresses, the one that others reach it by first in each family; never empty in a
    /// checked inventory.
    package var addresses: [IPAddress]

    /// The interface that carries `addresses`, as in `eth0`; nil: found on the host.
    package var device: String?

    /// Creates a host.
    package init(name: String, addresses: [IPAddress], device: String? = nil) {
        self.name = name
        self.addresses = addresses
        self.device = device
    }
}

/// A node of a cluster.
package struct Node: Hashable, Sendable {
    /// Its name in Kubernetes; unique within the cluster.
    package var name: String

    /// Its own addresses, the one that others reach it by first in each family; never empty in a
    /// checked inventory.
    package var addresses: [IPAddress]

    /// The prefixes of the pods on it; with Calico there may be several (blocks), and they change.
    package var pods: [IPPrefix]

    /// The interface that carries `addresses`, as in `eth0`; nil: found on the host.
    package var device: String?

    /// Creates a node.
    package init(name: String, addresses: [IPAddress], pods: [IPPrefix] = [], device: String? = nil) {
        self.name = name
        self.addresses = addresses
        self.pods = pods
        self.device = device
    }

    /// The node without its Kubernetes properties.
    package var host: Host { Host(name: name, addresses: addresses, device: device) }
}
