package import IPAddressing
package import JSON

/// The state of a host's kernel, as far as we make it or depend on it.
package struct HostState: Hashable, Sendable {
    /// All network devices.
    package var links: [Link]
    /// The addresses of devices.
    package var addresses: [InterfaceAddress]

    /// Of all tables, in the order in which the kernel asks them.
    package var routes: [Route]
    /// The numbered next hops; nil if they were not read, or the kernel has none.
    package var nextHopObjects: [NextHopObject]?
    /// The routing policy rules, by priority.
    package var policyRules: [PolicyRule]

    /// Permanent ones only.
    package var neighbours: [Neighbour]

    /// Made by the kernel, and removed by it after a while.
    package var unresolvedNeighbours: [UnresolvedNeighbour] = []

    /// What has answered, and comes and goes by itself.
    package var livingNeighbours: [LivingNeighbour] = []

    /// Those with an outer destination only.
    package var forwardingEntries: [ForwardingEntry]
    /// The kernel settings that were read.
    package var settings: [KernelSetting: Int]

    /// Our network namespaces.
    package var namespaces: [NetworkNamespace] = []

    /// Our own table of nft, and in tests those of others.
    package var tables: [FilterTable]

    /// The output of `nft -j` for foreign tables that our packets may pass.
    package var foreignItems: [JSONValue] = []

    /// What the program `iptables` manages, by family.
    package var iptables: [IPTablesState]

    /// Tables of the older back end, where `iptables` manages those of nft.
    package var legacyTables: [IPTablesState] = []

    /// Nil if it was not read.
    package var connections: ConnectionTable?

    /// The kernel's answers to questions about single packets.
    package var routeAnswers: [RouteQuestion: RouteAnswer] = [:]

    /// The destinations of routes into our namespaces by which connections are open, of those that were
    /// asked about.
    package var heldDestinations: Set<IPPrefix> = []

    /// The parts that were not read, for lack of rights; empty for a host that was read as a whole.
    package var unread: Set<UnreadPart> = []

    /// A part of a host that not every process can read.
    package enum UnreadPart: Hashable, Sendable {
        /// Packet rules, and the insides of network namespaces: only root reads them.
        case rules
        /// Devices, addresses, routes, policy rules and neighbours.
        case routes
    }

    /// Creates a host state.
    package init(
        links: [Link] = [], addresses: [InterfaceAddress] = [], routes: [Route] = [],
        policyRules: [PolicyRule] = [], neighbours: [Neighbour] = [],
        forwardingEntries: [ForwardingEntry] = [], settings: [KernelSetting: Int] = [:],
        tables: [FilterTable] = [], iptables: [IPTablesState] = []
    ) {
        self.links = links
        self.addresses = addresses
        self.routes = routes
        self.policyRules = policyRules
        self.neighbours = neighbours
        self.forwardingEntries = forwardingEntries
        self.settings = settings
        self.tables = tables
        self.iptables = iptables
    }

    /// The link called `name`; nil if there is none.
    package func link(_ name: String) -> Link? { links.first { $0.name == name } }

    /// The device that carries `address`; nil if none does.
    package func device(carrying address: IPAddress) -> String? {
        addresses.first { $0.address == address }?.device
    }

    /// Our own table; nil if there is none.
    package var ownTable: FilterTable? { tables.first(where: \.isOurs) }

    /// The devices by which the host sends packets to `prefix`: those of every route inside it, and of the
    /// longest one around it.
    package func devices(toward prefix: IPPrefix) -> [String] {
        let candidates = routes.filter {
            $0.table == Route.mainTable && $0.kind == .unicast && $0.destination.overlaps(prefix)
        }
        let inside = candidates.filter { prefix.contains($0.destination) }
        let around = candidates.filter { !prefix.contains($0.destination) }
        let longest = around.map(\.destination.length).max()
        let chosen = inside + around.filter { $0.destination.length == longest && inside.isEmpty }
        var devices: [String] = []
        for device in chosen.flatMap(\.nextHops).compactMap(\.device) where !devices.contains(device) {
            devices.append(device)
        }
        return devices
    }
}
