package import IPAddressing
package import Inventory
package import NetworkModel

/// Everything that one host shall have so that the paths of the inventory work, and why each thing is there;
/// devices may be described instead of named, until `resolved(on:)`.
package struct HostPlan: Hashable, Sendable {
    /// The host in the inventory.
    package var host: LocatedHost

    /// The host's roles, in the order of the paths; empty if it has none.
    package var roles: [HostRole] = []
    /// Links that the host must have.
    package var links: [Desired<PlannedLink>] = []
    /// Addresses of our links.
    package var addresses: [Desired<InterfaceAddress>] = []
    /// Settings of the kernel.
    package var settings: [Desired<PlannedSetting>] = []

    /// Settings that are needed only if a tunnel device has no address: packets then go through it with the
    /// node's own address, and answers return by another device.
    package var settingsOfBareTunnels: [Desired<BareTunnelSetting>] = []
    /// Permanent neighbours.
    package var neighbours: [Desired<Neighbour>] = []
    /// Entries of forwarding tables.
    package var forwardingEntries: [Desired<ForwardingEntry>] = []
    /// Routes of protocol 78.
    package var routes: [Desired<Route>] = []

    /// The routes that relays share, with the name of the group of next hops that they get where the
    /// kernel has such.
    var sharedRoutes: [RouteKey: String] = [:]

    /// What this host announces by BGP while it works.
    var announcedPrefixes: Set<IPPrefix> = []

    /// Which packets look in which table, and the same for devices that have to be seen first.
    package var rules: [Desired<PolicyRule>] = []
    /// Rules for devices that are found on the host.
    package var rulesOfDevices: [Desired<DeviceRule>] = []

    /// Namespaces of clusters with outer addresses.
    package var namespaces: [Desired<NamespacePlan>] = []

    /// Traffic that must be accepted if a foreign firewall drops unknown packets.
    package var accepts: [Desired<ForwardAccept>] = []

    /// Our only table, whose rules have their reason as a comment; without chains if no rule is needed.
    package var table = FilterTable(family: .inet, name: Ownership.table)

    /// Connections whose translation the table decides; their old entries must be deleted.
    package var connections: [Desired<ConnectionRange>] = []

    /// The pods behind the services whose traffic the table translates.
    package var backends: [IPPrefix] = []

    /// Other addresses of the hosts that routes lead to, by the address in the route, used if that one is
    /// not reachable.
    package var otherAddresses: [IPAddress: [IPAddress]] = [:]

    /// Addresses that no route of ours may cover: those of the relays.
    package var protectedAddresses: [IPAddress] = []

    /// Name servers that clients intentionally reach through a path: a route may cover them.
    package var clusterResolvers: [IPAddress] = []

    /// The paths whose relay the agent of this host chooses.
    package var relayGroups: [RelayGroup] = []
    /// The paths for which others are led to this host while it works.
    package var relayedPaths: [RelayedPath] = []

    /// Addresses of forwarders for which others are led to this host while its forwarder can answer.
    package var announcedServices: [AnnouncedService] = []

    /// Remarks for the reader.
    package var notes: [PlanNote] = []

    /// An empty plan.
    package init(host: LocatedHost) { self.host = host }

    /// True if the host needs no object.
    package var isEmpty: Bool {
        links.isEmpty && addresses.isEmpty && settings.isEmpty && neighbours.isEmpty
            && forwardingEntries.isEmpty
            && routes.isEmpty && rules.isEmpty && rulesOfDevices.isEmpty && namespaces.isEmpty
            && accepts.isEmpty && table.chains.isEmpty && settingsOfBareTunnels.isEmpty
    }

    /// True if a path needs something of the host, be it a setting alone.
    package var hasPart: Bool { !roles.isEmpty || !isEmpty }

    /// The number of planned objects; each rule counts as one.
    ///
    /// - Parameter acceptRules: As the difference of the whole host has them.
    package func objectCount(
        on observed: HostState, acceptRules: [Desired<IPTablesRule>]
    ) -> Int {
        let ours = acceptRules.count { rule in
            accepts.contains { $0.value.rule(in: rule.value.chain, because: rule.because) == rule.value }
        }
        let plan = resolved(on: observed)
        let inside = plan.namespaces.map { namespace in
            let state = observed.namespace(namespace.value.name)?.state ?? HostState()
            return 1 + namespace.value.plan.objectCount(on: state, acceptRules: [])
        }
        return plan.links.count + plan.addresses.count + plan.settings.count + plan.neighbours.count
            + plan.forwardingEntries.count + plan.routes.count + plan.nextHopObjects.count
            + plan.rules.count + ours
            + inside.reduce(0, +)
            + plan.table.chains.map(\.rules.count).reduce(0, +)
    }

    /// True if a note forbids applying the plan.
    package var isRefused: Bool { notes.isRefusal }
}

/// A planned object, and the path that needs it, as in `path office -> prod via master1`.
package struct Desired<Value: Hashable & Sendable>: Hashable, Sendable {
    /// The object.
    package var value: Value
    /// The path that needs it.
    package var because: String

    /// Creates a planned object.
    package init(_ value: Value, because: String) {
        self.value = value
        self.because = because
    }
}

/// What a host does for a path.
package enum HostRole: String, Hashable, Sendable {
    /// A forwarder between the two ends.
    case relay
    /// A node with routes to other clusters or back to clients.
    case node
    /// A node where traffic to its cluster's services arrives from outside.
    case entry = "service entry"
    /// The router of a site.
    case router
    /// Joins the far end's network to the near end, like a VPN.
    case endpoint
    /// Runs a forwarder at an address that others have too.
    case forwarder
}

/// A setting of the kernel and its planned value.
package struct SettingValue: Hashable, Sendable {
    /// The setting.
    package var setting: KernelSetting
    /// The planned value.
    package var value: Int

    /// Creates a setting with its value.
    package init(_ setting: KernelSetting, _ value: Int) {
        self.setting = setting
        self.value = value
    }
}

/// Packets that must be forwarded, as one rule of iptables can match them.
package struct ForwardAccept: Hashable, Sendable {
    /// The packets.
    package var match: Match

    /// What the rule matches.
    package enum Match: Hashable, Sendable {
        /// Packets from a prefix to a prefix.
        case pair(source: IPPrefix, destination: IPPrefix)
        /// `destination` is what the connection was opened to, before translation.
        case originalPair(source: IPPrefix, destination: IPPrefix)
        /// Answers to `client`.
        case answers(client: IPPrefix)
    }

    /// Creates an accept rule.
    package init(_ match: Match) { self.match = match }

    /// The address family of the packets.
    package var family: AddressFamily {
        switch match {
        case .pair(let source, _), .originalPair(let source, _): source.family
        case .answers(let client): client.family
        }
    }
}

/// Connections from one prefix to another, in the direction in which they were opened.
package struct ConnectionRange: Hashable, Sendable {
    /// The prefix that the connections come from.
    package var source: IPPrefix
    /// The prefix that they were opened to.
    package var destination: IPPrefix
    /// Which of these connections.
    package var part: Part

    /// A part of the connections.
    package enum Part: Hashable, Sendable {
        /// Connections with their own source: they began before a rule that translates it. Translated ones
        /// keep their source, since a connection does not survive a change of it.
        case untranslated
        /// All of them: the rule that translates them is removed.
        case all
    }

    /// Creates a range of connections.
    package init(source: IPPrefix, destination: IPPrefix, part: Part = .untranslated) {
        self.source = source
        self.destination = destination
        self.part = part
    }
}

/// A remark for the reader of a plan.
package struct PlanNote: Hashable, Sendable {
    /// How serious it is.
    package var severity: Severity

    /// What, where, and what to do.
    package var message: String

    /// How serious a note is.
    package enum Severity: String, Hashable, Sendable, Comparable {
        /// The plan must not be applied.
        case refusal
        /// The plan can be applied, but something may not work.
        case warning
        /// A possible improvement.
        case advice

        /// The order of severities.
        private var rank: Int {
            switch self {
            case .refusal: 0
            case .warning: 1
            case .advice: 2
            }
        }

        /// The most severe sorts first.
        package static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }
    }

    /// Creates a note.
    package init(_ severity: Severity, _ message: String) {
        self.severity = severity
        self.message = message
    }
}

extension [PlanNote] {
    /// True if one of them forbids to change the host.
    var isRefusal: Bool { contains { $0.severity == .refusal } }
}

extension PlanNote: CustomStringConvertible {
    /// The severity and the message.
    package var description: String { "\(severity.rawValue): \(message)" }
}
