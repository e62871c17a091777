package import IPAddressing

/// A route of a host.
package struct Route: Hashable, Sendable {
    /// The prefix of the destinations.
    package var destination: IPPrefix
    /// What happens to the packets.
    package var kind: RouteKind

    /// 254 is `main`, 255 `local`, 253 `default`.
    package var table: Int

    /// The program that made it: 2 is the kernel, 3 `boot`, 4 `static`; 78 is Namebridge.
    package var routeProtocol: Int

    /// 0 is the most preferred; IPv6 routes made without one get 1024.
    package var metric: Int

    /// Sorted; several share the traffic. Empty for kinds without (blackhole).
    package var nextHops: [NextHop]

    /// The number of the object that the next hops come from; nil if they are the route's own.
    package var nextHopID: Int?

    /// The source address that the host prefers for its own packets.
    package var source: IPAddress?

    /// Creates a route.
    package init(
        destination: IPPrefix, kind: RouteKind = .unicast, table: Int = Route.mainTable,
        routeProtocol: Int = Ownership.routeProtocol, metric: Int? = nil, nextHops: [NextHop],
        source: IPAddress? = nil
    ) {
        self.destination = destination
        self.kind = kind
        self.table = table
        self.routeProtocol = routeProtocol
        self.metric = metric ?? Self.ourMetric(destination.family)
        self.nextHops = nextHops.count > 1 ? nextHops.sorted() : nextHops
        self.source = source
    }

    /// The table of ordinary routes.
    package static let mainTable = 254
    /// The table of the host's own addresses.
    package static let localTable = 255

    /// The metric of our routes. None is the one that `ip route add` takes by itself (0 with IPv4, 1024 with
    /// IPv6): a second route of one prefix and metric is refused (File exists), and what another program
    /// replaces or deletes must not be ours (`ResolvedPlan.besideForeignRoutes`).
    package static func ourMetric(_ family: AddressFamily) -> Int { family == .v4 ? 1 : 512 }

    /// True if its protocol number is ours.
    package var isOurs: Bool { routeProtocol == Ownership.routeProtocol }

    /// True for the network of one of the host's own addresses.
    package var isConnected: Bool {
        kind == .unicast && table == Self.mainTable && routeProtocol == 2
            && nextHops.allSatisfy { $0.gateway == nil }
    }

    /// True for the default route of the main table.
    package var isDefault: Bool { destination.length == 0 && table == Self.mainTable && kind == .unicast }
}

/// What happens to a route's packets.
package enum RouteKind: String, Hashable, Sendable {
    case unicast, local, broadcast, multicast, anycast, blackhole, unreachable, prohibit, `throw`, nat
}

/// One of the hops that a route's packets may take.
package struct NextHop: Hashable, Sendable {
    /// The address of the next router; nil: the destination is on the link.
    package var gateway: IPAddress?

    /// Nil in a desired route: the device of the network that the gateway is in.
    package var device: String?

    /// True if the gateway need not be in a connected network.
    package var isOnLink: Bool

    /// 1...256: its share if there are several.
    package var weight: Int

    /// Creates a next hop.
    package init(gateway: IPAddress?, device: String? = nil, isOnLink: Bool = false, weight: Int = 1) {
        self.gateway = gateway
        self.device = device
        self.isOnLink = isOnLink
        self.weight = weight
    }

    /// True if this observed next hop fulfils `desired`.
    package func satisfies(_ desired: NextHop) -> Bool {
        gateway == desired.gateway && isOnLink == desired.isOnLink && weight == desired.weight
            && (desired.device == nil || device == desired.device)
    }
}

extension NextHop: Comparable {
    /// By gateway, then device.
    package static func < (left: NextHop, right: NextHop) -> Bool {
        switch (left.gateway, right.gateway) {
        case (let first?, let second?) where first != second: first < second
        case (nil, .some): true
        case (.some, nil): false
        default: (left.device ?? "") < (right.device ?? "")
        }
    }
}

extension Route: CommandObject {
    /// As `ip route` takes it.
    package func write(to writer: inout some ArgumentWriter) {
        if kind != .unicast { writer.add(kind.rawValue) }
        // Where no next hop shows the family, `default` is that of IPv4.
        if destination.length == 0, destination.family == .v4 || !nextHops.isEmpty {
            writer.add(keyword: "default")
        } else {
            writer.add(destination)
        }
        if let nextHopID {
            writer.add(keyword: "nhid")
            writer.add(nextHopID)
        } else if nextHops.count == 1 {
            nextHops[0].write(to: &writer, for: destination.family, isAlone: true)
        }
        if table != Self.mainTable {
            writer.add(keyword: "table")
            writer.add(table)
        }
        writer.add(keyword: "proto")
        writer.add(routeProtocol)
        if metric != 0 {
            writer.add(keyword: "metric")
            writer.add(metric)
        }
        if let source {
            writer.add(keyword: "src")
            writer.add(source)
        }
        guard nextHops.count > 1, nextHopID == nil else { return }
        for hop in nextHops {
            writer.add(keyword: "nexthop")
            hop.write(to: &writer, for: destination.family, isAlone: false)
        }
    }
}

extension NextHop {
    /// As `ip route` takes it.
    func write(to writer: inout some ArgumentWriter, for family: AddressFamily, isAlone: Bool) {
        if let gateway {
            writer.add(keyword: "via")
            if gateway.family != family { writer.add(keyword: "inet6") }
            writer.add(gateway)
        }
        if let device {
            writer.add(keyword: "dev")
            writer.add(device)
        }
        if isOnLink { writer.add(keyword: "onlink") }
        if !isAlone, weight != 1 {
            writer.add(keyword: "weight")
            writer.add(weight)
        }
    }
}
