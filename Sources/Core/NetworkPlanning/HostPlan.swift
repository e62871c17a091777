package import IPAddressing
package import Inventory
package import NetworkModel

/// Everything that one host shall have so that the paths of the inventory work, and why each thing is there;
/// devices may be described instead of named, until `resolved(on:)`.
package struct HostPlan: Hashable, Sendable {
    package var host: LocatedHost

    /// What the host does, in the order of the paths; empty where it has no part.
    package var roles: [HostRole] = []
    package var links: [Desired<PlannedLink>] = []
    package var addresses: [Desired<InterfaceAddress>] = []
    package var settings: [Desired<PlannedSetting>] = []

    /// Settings that are needed only where a tunnel device has no address: packets then go through it with
    /// the node's own address, and answers come back beside it.
    package var settingsOfBareTunnels: [Desired<BareTunnelSetting>] = []
    package var neighbours: [Desired<Neighbour>] = []
    package var forwardingEntries: [Desired<ForwardingEntry>] = []
    package var routes: [Desired<Route>] = []

    /// What must be let through where somebody else's firewall drops what it does not know.
    package var accepts: [Desired<ForwardAccept>] = []

    /// Our one table, whose rules carry their because as comments; no chains where nothing is needed.
    package var table = FilterTable(family: .inet, name: Ownership.table)

    /// Connections whose translation the table decides; old entries of theirs must be forgotten.
    package var connections: [Desired<ConnectionRange>] = []

    /// The pods behind the services whose traffic the table translates.
    package var backends: [IPPrefix] = []

    /// Other addresses of the hosts that routes lead to, by the one in the route, for where that one is out
    /// of
    /// reach.
    package var otherAddresses: [IPAddress: [IPAddress]] = [:]

    /// Addresses that no route of ours may cover: those of the relays.
    package var protectedAddresses: [IPAddress] = []

    /// Addresses that clients ask for names at on purpose through a path: a route may cover them.
    package var clusterResolvers: [IPAddress] = []
    package var notes: [PlanNote] = []

    package init(host: LocatedHost) { self.host = host }

    /// True where nothing is to be made on the host.
    package var isEmpty: Bool {
        links.isEmpty && addresses.isEmpty && settings.isEmpty && neighbours.isEmpty
            && forwardingEntries.isEmpty
            && routes.isEmpty && accepts.isEmpty && table.chains.isEmpty && settingsOfBareTunnels.isEmpty
    }

    /// True if a path needs something of the host, be it a setting alone.
    package var hasPart: Bool { !roles.isEmpty || !isEmpty }

    /// The number of objects that the host shall have, each rule being one.
    ///
    /// - Parameter acceptRules: As the difference of the whole host has them.
    package func objectCount(
        on observed: HostState, acceptRules: [Desired<IPTablesRule>]
    ) -> Int {
        let ours = acceptRules.count { rule in
            accepts.contains { $0.value.rule(in: rule.value.chain, because: rule.because) == rule.value }
        }
        let plan = resolved(on: observed)
        return plan.links.count + plan.addresses.count + plan.settings.count + plan.neighbours.count
            + plan.forwardingEntries.count + plan.routes.count + ours
            + plan.table.chains.map(\.rules.count).reduce(0, +)
    }

    /// True where a note forbids to apply the plan.
    package var isRefused: Bool { notes.isRefusal }
}

/// Something that shall be, and the path that needs it, as in `path office -> prod via master1`.
package struct Desired<Value: Hashable & Sendable>: Hashable, Sendable {
    package var value: Value
    package var because: String

    package init(_ value: Value, because: String) {
        self.value = value
        self.because = because
    }
}

/// What a host does for a path.
package enum HostRole: String, Hashable, Sendable {
    /// Forwards between the two ends.
    case relay
    /// Is a node with routes to other clusters or back to clients.
    case node
    /// Is a node where traffic to its cluster's services comes in from outside.
    case entry = "service entry"
    /// Is the router of a site.
    case router
    /// Joins the far end's network to the near end, as a VPN does.
    case endpoint
}

/// A setting of the kernel and what it shall be.
package struct SettingValue: Hashable, Sendable {
    package var setting: KernelSetting
    package var value: Int

    package init(_ setting: KernelSetting, _ value: Int) {
        self.setting = setting
        self.value = value
    }
}

/// Packets that must be forwarded, as one rule of iptables can match them.
package struct ForwardAccept: Hashable, Sendable {
    package var match: Match

    package enum Match: Hashable, Sendable {
        case pair(source: IPPrefix, destination: IPPrefix)
        /// `destination` is what the connection was opened to, before translation.
        case originalPair(source: IPPrefix, destination: IPPrefix)
        /// Answers to `client`.
        case answers(client: IPPrefix)
    }

    package init(_ match: Match) { self.match = match }

    package var family: AddressFamily {
        switch match {
        case .pair(let source, _), .originalPair(let source, _): source.family
        case .answers(let client): client.family
        }
    }
}

/// Connections from one prefix to another, in the direction in which they were opened.
package struct ConnectionRange: Hashable, Sendable {
    package var source: IPPrefix
    package var destination: IPPrefix
    package var part: Part

    package enum Part: Hashable, Sendable {
        /// Those that go by their own source: they began before a rule that translates it. Others keep the
        /// source that they have, since a connection does not survive another.
        case untranslated
        /// Every one: the rule that translates them goes.
        case all
    }

    package init(source: IPPrefix, destination: IPPrefix, part: Part = .untranslated) {
        self.source = source
        self.destination = destination
        self.part = part
    }
}

/// Something that the reader of a plan must know.
package struct PlanNote: Hashable, Sendable {
    package var severity: Severity

    /// What, where, and what to do.
    package var message: String

    package enum Severity: String, Hashable, Sendable, Comparable {
        /// The plan must not be applied.
        case refusal
        case warning
        case advice

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
    package var description: String { "\(severity.rawValue): \(message)" }
}
