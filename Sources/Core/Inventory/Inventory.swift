package import IPAddressing

/// The content of one configuration file: the DNS settings, the clusters and sites, and the paths
/// between them.
///
/// Both halves of the program are derived from it, so that no name is answered with an address that the
/// network cannot carry. A value that was not read from a file may be inconsistent; `check()` reports where.
package struct Inventory: Hashable, Sendable {
    /// The forwarder's settings.
    package var dns: DNSSettings

    /// The settings of the status page.
    package var admin: AdminSettings

    /// Who may list names.
    package var browse = BrowseSettings()

    /// The settings of the log.
    package var log = LogSettings()

    /// In the order of the file.
    package var clusters: [Cluster]

    /// Suffixes below which several clusters answer as one, in the order of the file. Default: none.
    package var merges: [MergedSuffix] = []

    /// Clusters that export services to each other, in the order of the file. Default: none.
    package var clusterSets: [ClusterSet] = []

    /// In the order of the file.
    package var sites: [Site]

    /// In the order of the file; their positions name them in messages.
    package var paths: [Path]

    package init(
        dns: DNSSettings = DNSSettings(), admin: AdminSettings = AdminSettings(), clusters: [Cluster] = [],
        sites: [Site] = [], paths: [Path] = []
    ) {
        self.dns = dns
        self.admin = admin
        self.clusters = clusters
        self.sites = sites
        self.paths = paths
    }

    /// The cluster called `key`; nil if there is none.
    package func cluster(_ key: String) -> Cluster? {
        clusters.first { $0.key == key }
    }

    /// The site called `key`; nil if there is none.
    package func site(_ key: String) -> Site? {
        sites.first { $0.key == key }
    }

    /// The host that `reference` (`NAME` or `CLUSTER-OR-SITE/NAME`) means, searched for in `places` in order.
    ///
    /// - Parameter places: Keys of clusters and sites.
    /// - Returns: Nil if none of them has it.
    package func host(_ reference: String, in places: [String]) -> LocatedHost? {
        let parts = reference.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            .map(String.init)
        let searched = parts.count == 2 ? [parts[0]] : places
        guard let name = parts.last else { return nil }
        for place in searched {
            if let node = cluster(place)?.nodes.first(where: { $0.name == name }) {
                return LocatedHost(place: place, host: node.host, podPrefixes: node.pods, isNode: true)
            }
            let hosts = (cluster(place)?.hosts ?? []) + (site(place)?.hosts ?? [])
            if let host = hosts.first(where: { $0.name == name }) { return machine(host, in: place) }
        }
        return nil
    }

    /// Gives relays that the file names by an address a host: the one with that address at an end of the
    /// path, or a new one of the site whose networks hold it, else of the cluster that the path leads to.
    package mutating func nameRelaysOfAddresses() {
        for index in paths.indices {
            guard case .relay(var settings) = paths[index].carrier,
                case .oneWay(let near, let far) = paths[index].ends
            else { continue }
            for position in settings.relays.indices {
                guard let address = IPAddress(settings.relays[position].host) else { continue }
                let known = hosts.first {
                    [near, far].contains($0.place) && $0.host.addresses.contains(address)
                }
                settings.relays[position].host =
                    known.map { "\($0.place)/\($0.host.name)" } ?? newHost(address, near: near, far: far)
            }
            paths[index].carrier = .relay(settings)
        }
    }

    /// Adds a host that nothing but an address is known of.
    ///
    /// - Returns: The reference to it.
    private mutating func newHost(_ address: IPAddress, near: String, far: String) -> String {
        // A name has no colons.
        let name = String(address.description.map { $0 == ":" ? "-" : $0 })
        let host = Host(name: name, addresses: [address])
        if let index = sites.firstIndex(where: { $0.key == near }),
            sites[index].networks.contains(where: { $0.contains(address) })
        {
            sites[index].hosts.append(host)
            return "\(near)/\(name)"
        }
        // Without the cluster the path is reported as wrong.
        if let index = clusters.firstIndex(where: { $0.key == far }) { clusters[index].hosts.append(host) }
        return "\(far)/\(name)"
    }

    /// How `host` reaches the cluster `key` as a relay of one of the paths there; nil if it is none, or none
    /// says.
    package func relayEntry(into key: String, at host: LocatedHost) -> Relay? {
        for path in paths {
            guard case .relay(let settings) = path.carrier, case .oneWay(let from, let to) = path.ends,
                to == key
            else { continue }
            for relay in settings.relays where relay.uplink != nil || !relay.gateways.isEmpty {
                let found = self.host(relay.host, in: [to, from])
                if found?.place == host.place, found?.host.name == host.host.name { return relay }
            }
        }
        return nil
    }

    /// Every host in the order of the inventory: of each cluster the nodes, then the others; of sites last.
    package var hosts: [LocatedHost] {
        var seen: Set<String> = []
        let others = otherHosts
        let isShared = Dictionary(grouping: others, by: \.host.name).mapValues { $0.count > 1 }
        func machines(of place: String) -> [LocatedHost] {
            others.filter { $0.place == place }.map {
                isShared[$0.host.name] == true
                    ? machine($0.host, in: place)
                    : LocatedHost(place: place, host: $0.host, podPrefixes: [], isNode: false)
            }.filter { seen.insert("\($0.place)/\($0.host.name)").inserted }
        }
        return clusters.flatMap { cluster in
            cluster.nodes.map {
                LocatedHost(place: cluster.key, host: $0.host, podPrefixes: $0.pods, isNode: true)
            } + machines(of: cluster.key)
        } + sites.flatMap { machines(of: $0.key) }
    }

    /// The hosts that are no nodes, where the inventory has them.
    private var otherHosts: [(place: String, host: Host)] {
        clusters.flatMap { cluster in cluster.hosts.map { (cluster.key, $0) } }
            + sites.flatMap { site in site.hosts.map { (site.key, $0) } }
    }

    /// The machine that stands as `host` under `place`, with all of its addresses.
    ///
    /// A relay of several clusters may stand under each with the address that it has there: entries with the
    /// same name that share an address are one machine, located where the first of them stands.
    private func machine(_ host: Host, in place: String) -> LocatedHost {
        let named = otherHosts.filter { $0.host.name == host.name }
        var addresses = Set(host.addresses)
        // Ends: each turn but the last adds an address, and there are as many as the entries have.
        while true {
            let shared = named.filter { !addresses.isDisjoint(with: $0.host.addresses) }
                .flatMap(\.host.addresses)
            guard !addresses.isSuperset(of: shared) else { break }
            addresses.formUnion(shared)
        }
        let entries = named.filter { !addresses.isDisjoint(with: $0.host.addresses) }
        guard entries.count > 1, let first = entries.first else {
            return LocatedHost(place: place, host: host, podPrefixes: [], isNode: false)
        }
        var machine = first.host
        for entry in entries.dropFirst() {
            machine.addresses += entry.host.addresses.filter { !machine.addresses.contains($0) }
            // A device carries the addresses of its own entry alone.
            if entry.host.device != machine.device { machine.device = nil }
        }
        return LocatedHost(place: first.place, host: machine, podPrefixes: [], isNode: false)
    }
}

/// A host and where the inventory has it.
package struct LocatedHost: Hashable, Sendable {
    /// Key of the cluster or site.
    package let place: String
    /// The host itself.
    package let host: Host

    /// The prefixes of the pods on it; empty if it is not a node or if they are not known.
    package let podPrefixes: [IPPrefix]

    /// True for a node of a cluster, false for another host of a cluster or site.
    package let isNode: Bool

    package init(place: String, host: Host, podPrefixes: [IPPrefix], isNode: Bool) {
        self.place = place
        self.host = host
        self.podPrefixes = podPrefixes
        self.isNode = isNode
    }
}
