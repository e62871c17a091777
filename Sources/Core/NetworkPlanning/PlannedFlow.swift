import IPAddressing
import Inventory
import NetworkModel
import PacketPath

/// A packet that represents a part of the traffic of a plan.
struct PlannedFlow {
    /// The packet.
    let flow: Flow

    /// The accept rule of the connection.
    let accept: Desired<ForwardAccept>
}

/// Finds packets that represent the whole traffic of a plan on one host: for each pair of prefixes, some from
/// each part that routes or foreign rules distinguish.
struct FlowSampling {
    private let plan: ResolvedPlan
    /// The host as observed.
    private let observed: HostState
    /// The prefixes that foreign rules name.
    private let named: Set<IPPrefix>
    /// Looks up the host's routes.
    let routes: RouteLookup

    /// Positions of the plan's routes.
    private let planned: IPPrefixTable<Int>

    /// The destinations of the plan's routes that are asked, in its order.
    private let plannedParts: [IPPrefix]

    /// Those of foreign routes in the main table: to other hosts first, since addresses on the host itself
    /// come and go.
    private let foreignParts: [IPPrefix]

    /// Those of the plan's routes in tables of single clusters.
    private let asideParts: [IPPrefix]

    /// The ports of an ordinary service and its client, which no rule names.
    private static let ports = (source: 47_001, destination: 18_443)

    /// The most pairs of prefixes that are checked; a large mesh has more of the same kind.
    private static let mostAccepts = 64

    /// Addresses that represent one prefix.
    private static let mostAddresses = 6

    /// - Parameter plan: For `observed`.
    init(_ plan: ResolvedPlan, on observed: HostState, rules: PacketRules) {
        self.plan = plan
        self.observed = observed
        named = rules.namedPrefixes
        routes = RouteLookup(observed)
        let asked = plan.routes.enumerated().filter { $0.element.value.isAsked }
        planned = IPPrefixTable(asked.map { ($0.element.value.destination, $0.offset) })
        plannedParts = asked.map(\.element.value.destination)
        foreignParts = observed.routes.filter {
            $0.table == Route.mainTable && $0.kind == .unicast && !$0.isOurs && !$0.nextHops.isEmpty
        }.map(\.destination).sorted { $0.length < $1.length }
        asideParts = plan.routes.map(\.value).filter { !$0.isAsked && $0.kind == .unicast }.map(\.destination)
    }

    /// The first packet of each checked connection.
    func requests() -> [PlannedFlow] {
        plan.accepts.sample(Self.mostAccepts).flatMap { accept -> [PlannedFlow] in
            let source: IPPrefix
            let destination: IPPrefix
            switch accept.value.match {
            case .pair(let from, let to), .originalPair(let from, let to): (source, destination) = (from, to)
            case .answers: return []
            }
            let (sources, destinations) = (addresses(in: source), addresses(in: destination))
            guard let first = sources.first, let last = destinations.first else { return [] }
            let pairs = destinations.map { (first, $0) } + sources.dropFirst().map { ($0, last) }
            return pairs.flatMap { pair in
                ["tcp", "udp"].flatMap { transport in
                    flows(Packet(from: pair.0, to: pair.1, transport: transport, ports: Self.ports), accept)
                }
            }
        }
    }

    /// The packets of one accept rule.
    private func flows(_ packet: Packet, _ accept: Desired<ForwardAccept>) -> [PlannedFlow] {
        guard case .originalPair(_, let services) = accept.value.match, isServed(services) else {
            return [flow(packet, inside: packet, accept)]
        }
        return plan.backends.filter { $0.family == packet.family }.prefix(2).flatMap { pods in
            addresses(in: pods).prefix(2).map { pod in
                var (request, inside) = (packet, packet)
                if let address = balancedAddress(in: services) { request.destination = address }
                inside = request
                inside.destination = pod
                return flow(request, inside: inside, accept)
            }
        }
    }

    /// True if the host itself translates requests to these services, as a node of their cluster does.
    func isServed(_ services: IPPrefix) -> Bool {
        plan.host.isNode && !plan.routes.contains { $0.value.destination.contains(services) }
            && plan.backends.contains { $0.family == services.family }
    }

    /// An address of these services that IPVS has on its device; nil without IPVS.
    private func balancedAddress(in services: IPPrefix) -> IPAddress? {
        observed.addresses.first { $0.device == "kube-ipvs0" && services.contains($0.address) }?.address
    }

    /// One packet with its devices.
    private func flow(
        _ packet: Packet, inside: Packet, _ accept: Desired<ForwardAccept>
    ) -> PlannedFlow {
        let isBalanced = inside != packet && routes.isOwn(packet.destination)
        var flow = Flow(
            packet, inside: inside, inDevice: device(toward: packet.source),
            outDevice: device(toward: inside.destination), course: isBalanced ? .balanced : .forwarded)
        if plan.translates(packet.source), let own = plan.host.host.address(packet.family) {
            flow.leaving.source = own
        }
        return PlannedFlow(flow: flow, accept: accept)
    }

    /// The answer, by the request's way, and by each device whose reverse path filter the plan loosens for
    /// answers that arrive by another device than requests leave by.
    func replies(to request: Flow) -> [Flow] {
        let loosened = plan.settings.map(\.value).filter {
            $0.setting.name == .reversePathFilter && $0.value != 1 && request.packet.family == .v4
        }.map(\.setting.device)
        let own = Set(plan.links.map(\.value.name))
        let others = loosened.filter {
            $0 != request.outDevice && !own.contains($0) && observed.link($0) != nil
        }
        return [request.reply]
            + others.map { device in
                var reply = request.reply
                reply.inDevice = device
                return reply
            }
    }

    // MARK: - Ways

    /// The device that packets to `address` leave by once the plan is applied; nil if unknown.
    func device(toward address: IPAddress) -> String? {
        if let planned = plannedRoute(to: address) {
            return planned.value.nextHops.lazy.compactMap { hop in
                hop.device ?? hop.gateway.flatMap { network(around: $0) }
            }.first
        }
        let route = routes.mainRoute(to: address) ?? routes.decide(RouteLookup.Query(address))?.route
        return route?.nextHops.first?.device
    }

    /// The route of the plan that is for `address`; nil if it has none.
    func plannedRoute(to address: IPAddress) -> Desired<Route>? {
        planned.longestMatch(address).map { plan.routes[$0] }
    }

    /// The device of the connected network that `gateway` is in.
    private func network(around gateway: IPAddress) -> String? {
        (observed.addresses + plan.addresses.map(\.value)).first { $0.network.contains(gateway) }?.device
    }

    // MARK: - Addresses

    /// Addresses in `prefix`: one for each device that leads to a part of it, and one for each part that
    /// foreign rules name. Never empty.
    func addresses(in prefix: IPPrefix) -> [IPAddress] {
        var found: [IPAddress] = []
        var devices: Set<String> = []
        for part in routedParts(of: prefix) {
            let address = part.sampleAddress
            guard !routes.isOwn(address), let device = device(toward: address) else { continue }
            if devices.insert(device).inserted { found.append(address) }
        }
        if found.isEmpty { found = [prefix.sampleAddress] }
        let parts = named.filter { $0 != prefix && prefix.contains($0) }.sorted()
        found = Array(found.prefix(4)) + parts.prefix(Self.mostAddresses).map(\.sampleAddress)
        return Array(found.prefix(Self.mostAddresses))
    }

    /// The destinations of routes inside of `prefix`.
    private func routedParts(of prefix: IPPrefix) -> [IPPrefix] {
        let inside = plannedParts.filter(prefix.contains) + foreignParts.filter(prefix.contains)
        if inside.isEmpty {
            // Of a cluster with a table of its own, the parts that this table leads to.
            let tables = asideParts.filter(prefix.contains)
            return tables.isEmpty ? [prefix] : tables
        }
        return plannedParts.contains { $0.contains(prefix) } ? [prefix] + inside : inside
    }
}

extension ResolvedPlan {
    /// True if our table gives packets from `source` another source.
    fileprivate func translates(_ source: IPAddress) -> Bool {
        table.chains.filter { $0.hook?.type == .nat }.flatMap(\.rules).contains { rule in
            rule.matches.contains { match in
                if case .source(let set) = match { set.contains(source) } else { false }
            }
        }
    }
}

extension Route {
    /// True if the way of every packet to its prefix is asked about: tables of single clusters are for
    /// packets from one device, and a blackhole has no next hop.
    var isAsked: Bool {
        (table == Route.mainTable || table == Route.hiddenAddresses) && kind == .unicast
    }
}

extension IPPrefix {
    /// An address inside, neither the first ones nor the last, which have a meaning in networks.
    var sampleAddress: IPAddress {
        let span = lastAddress.bits - address.bits
        return IPAddress(family: family, bits: address.bits + (span > 20 ? 10 : span / 2))
    }
}

extension Array {
    /// At most `count` elements, evenly spread.
    func sample(_ count: Int) -> [Element] {
        guard self.count > count else { return self }
        return (0..<count).map { self[$0 * self.count / count] }
    }
}
