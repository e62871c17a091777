import IPAddressing
import Inventory
import NetworkModel

/// Builds the plan of one host from what each path needs on it.
struct PlanBuilder {
    private(set) var plan: HostPlan
    private var routePosition: [RouteKey: Int] = [:]
    private var rulesSeen: Set<PolicyRule> = []
    private var deviceRulesSeen: Set<DeviceRule> = []

    /// By the key of the cluster; in the order of the paths in `namespaceKeys`.
    private var namespaces: [String: NamespaceBuilder] = [:]
    private var namespaceKeys: [String] = []
    private var settingsSeen: Set<PlannedSetting.Subject> = []
    private var acceptsSeen: Set<ForwardAccept> = []
    private var notesSeen: Set<PlanNote> = []
    private var translation: [FilterRule] = []
    private var forward: [FilterRule] = []
    private var clamp: [FilterRule] = []
    private var stay: [FilterRule] = []
    private var ownErrors = OwnErrors()

    /// The relays that packets are led to, each as `PLACE/NAME`.
    private var probedRelays: [String] = []

    init(host: LocatedHost) { plan = HostPlan(host: host) }

    var host: LocatedHost { plan.host }

    /// The plan with our complete table; chains without rules are omitted.
    var finished: HostPlan {
        var finished = plan
        let contradictions = RuleContradictions(plan.rulesOfDevices).refusals
        finished.notes = (plan.notes + selfCoveringRoutes + contradictions).enumerated()
            .sorted { ($0.element.severity, $0.offset) < ($1.element.severity, $1.offset) }.map(\.element)
        finished.namespaces = namespaceKeys.compactMap { namespaces[$0] }.map {
            Desired($0.plan, because: $0.because)
        }
        let marks = ownErrors.tellApart(&finished.rules, &finished.settings)
        // At the priority of srcnat: ACCEPT in a foreign POSTROUTING ends that chain only, and ours has
        // decided before.
        let chains = [
            FilterChain(
                name: "postrouting", hook: FilterHook(type: .nat, point: .postrouting, priority: 99),
                rules: translation),
            FilterChain(
                name: "forward", hook: FilterHook(type: .filter, point: .forward, priority: 0), rules: forward
            ),
            FilterChain(
                name: "clamp", hook: FilterHook(type: .filter, point: .forward, priority: -150),
                rules: clamp),
            FilterChain(
                name: "stay", hook: FilterHook(type: .filter, point: .prerouting, priority: -150),
                rules: stay),
            FilterChain(
                name: "errors", hook: FilterHook(type: .filter, point: .prerouting, priority: -150),
                rules: marks),
        ]
        finished.table.chains = chains.filter { !$0.rules.isEmpty }
        return finished
    }

    /// Routes that cover what they need to be reached by: a next hop of theirs, or a relay.
    private var selfCoveringRoutes: [PlanNote] {
        plan.routes.filter { mayCoverItself($0.value) }.flatMap { desired in
            // A relay may have an address at both ends of the path: it is reached by the one outside.
            let hops = desired.value.nextHops.compactMap(\.gateway)
            let beside = hops.map { [$0] + (plan.otherAddresses[$0] ?? []) }
                .filter { !$0.allSatisfy(desired.value.destination.contains) }.joined()
            let relays = plan.protectedAddresses.map { ($0, "a relay of the path") }
            let others = hops.filter { !plan.protectedAddresses.contains($0) && !beside.contains($0) }
                .map { ($0, "its own next hop") }
            return (relays + others).filter { desired.value.destination.contains($0.0) }
                .map { address, role in
                    PlanNote(
                        .refusal,
                        "\(desired.because): the route to \(desired.value.destination) would cover"
                            + " \(address), \(role): take that address out of the prefixes of the inventory")
                }
        }
    }

    /// True if `route` covers a next hop of its own, or a relay: quick, since a mesh has very many routes.
    private func mayCoverItself(_ route: Route) -> Bool {
        // Routes of other tables serve the packets of some devices alone: next hops are found without them.
        guard route.table == Route.mainTable else { return false }
        for hop in route.nextHops {
            if let gateway = hop.gateway, route.destination.contains(gateway) { return true }
        }
        for address in plan.protectedAddresses where route.destination.contains(address) { return true }
        return false
    }

    mutating func take(role: HostRole) {
        if !plan.roles.contains(role) { plan.roles.append(role) }
    }

    mutating func note(_ severity: PlanNote.Severity, _ message: String) {
        note(PlanNote(severity, message))
    }

    mutating func note(_ note: PlanNote) {
        if notesSeen.insert(note).inserted { plan.notes.append(note) }
    }

    // MARK: Kernel objects

    mutating func link(_ link: PlannedLink, because: String) {
        plan.links.append(Desired(link, because: because))
    }

    mutating func address(_ address: InterfaceAddress, because: String) {
        plan.addresses.append(Desired(address, because: because))
    }

    /// Another node of a VXLAN segment, and if `isRouted` the pods on it.
    mutating func peer(_ way: VXLANSegment.Way, isRouted: Bool) {
        plan.neighbours.append(contentsOf: way.neighbours)
        plan.forwardingEntries.append(way.entry)
        guard isRouted else { return }
        for route in way.routes { self.route(route) }
    }

    /// Reserves room for the objects of `peers` nodes.
    mutating func reserve(peers: Int) {
        plan.neighbours.reserveCapacity(plan.neighbours.count + peers)
        plan.forwardingEntries.reserveCapacity(plan.forwardingEntries.count + peers)
        plan.routes.reserveCapacity(plan.routes.count + peers)
        routePosition.reserveCapacity(plan.routes.count + peers)
    }

    /// Two paths may need the same route; two different routes to one prefix contradict each other.
    mutating func route(_ route: Route, because: String) {
        self.route(Desired(route, because: because))
    }

    private mutating func route(_ desired: Desired<Route>) {
        let key = RouteKey(desired.value)
        guard let position = routePosition.updateValue(plan.routes.count, forKey: key) else {
            return plan.routes.append(desired)
        }
        routePosition[key] = position
        let earlier = plan.routes[position]
        if earlier.value != desired.value {
            note(
                .refusal,
                "\(desired.because) needs the route \(desired.value), \(earlier.because) needs"
                    + " \(earlier.value); one prefix can take one way only: change one of the paths")
        }
    }

    /// A route through other hosts of the inventory, with their further addresses in case the first is
    /// not reachable.
    mutating func route(to destination: IPPrefix, through hops: [Host], because: String) {
        route(to: destination, through: hops.map { RouteShare(host: $0) }, because: because)
    }

    /// The same with shares.
    ///
    /// - Parameter group: The name of the group of relays that shares the route; nil if it has one relay at a
    ///   time.
    mutating func route(
        to destination: IPPrefix, through shares: [RouteShare], of group: String? = nil, because: String
    ) {
        let family = destination.family
        let hops = shares.compactMap { share in
            share.host.address(family).map { NextHop(gateway: $0, weight: share.weight) }
        }
        guard !hops.isEmpty else { return }
        noteOtherAddresses(of: shares.map(\.host), family)
        if family == .v6, hops.count > 1 {
            // Otherwise a connection that loses a packet may continue through a next hop that has no state
            // for it.
            setting(.multipathHashPolicy, .v6, of: .named("all"), to: 3, because: because)
        }
        var route = Route(destination: destination, nextHops: hops)
        // Alone it has no share.
        if hops.count == 1 { route.nextHops[0].weight = 1 }
        if let group { plan.sharedRoutes[RouteKey(route)] = group }
        self.route(route, because: because)
    }

    /// How probes are led to a relay; nil if there are too many relays.
    mutating func probeWay(to relay: LocatedHost) -> ProbeWay? {
        let name = "\(relay.place)/\(relay.host.name)"
        if let slot = probedRelays.firstIndex(of: name) { return ProbeWay(slot: slot) }
        guard probedRelays.count < ProbeWay.tables.count else { return nil }
        probedRelays.append(name)
        return ProbeWay(slot: probedRelays.count - 1)
    }

    mutating func add(_ group: RelayGroup) { plan.relayGroups.append(group) }

    /// Adds prefixes that this host announces by BGP while it works.
    mutating func announce(_ prefixes: [IPPrefix]) { plan.announcedPrefixes.formUnion(prefixes) }

    mutating func add(_ service: AnnouncedService) { plan.announcedServices.append(service) }

    mutating func add(_ relayed: RelayedPath) {
        if !plan.relayedPaths.contains(relayed) { plan.relayedPaths.append(relayed) }
    }

    /// Remembers further addresses of hosts that routes lead to.
    mutating func noteOtherAddresses(of hops: [Host], _ family: AddressFamily) {
        for hop in hops {
            guard let gateway = hop.address(family) else { continue }
            let others = hop.addresses.filter { $0.family == family && $0 != gateway }
            if !others.isEmpty { plan.otherAddresses[gateway] = others }
        }
    }

    mutating func rule(_ rule: PolicyRule, because: String) {
        if rulesSeen.insert(rule).inserted { plan.rules.append(Desired(rule, because: because)) }
    }

    /// Leads ICMP errors of this host, about packets from `client` to a cluster, into its namespace.
    mutating func tell(_ client: IPPrefix, of mapped: MappedCluster, because: String) {
        rule(ownErrors.rule(to: client, of: mapped), because: because)
    }

    mutating func rule(_ rule: DeviceRule, because: String) {
        if deviceRulesSeen.insert(rule).inserted {
            plan.rulesOfDevices.append(Desired(rule, because: because))
        }
    }

    /// Has `fill` say what is needed in the namespace of a cluster, which is made with the device that leads
    /// there.
    mutating func namespace(
        of mapped: MappedCluster, _ family: AddressFamily, because: String,
        _ fill: (inout NamespaceBuilder) -> Void
    ) {
        let key = mapped.cluster.key
        if namespaces[key] == nil {
            namespaceKeys.append(key)
            let alias = Ownership.tag + "cluster \(key)"
            let pair = LinkKind.veth(VethLink(namespace: mapped.namespace))
            link(
                PlannedLink(Link(name: mapped.device, kind: pair, alias: alias), mtu: .largest),
                because: because)
        }
        let address = InterfaceAddress(
            device: mapped.device, address: mapped.hostAddress(family), length: mapped.network(family).length)
        if !plan.addresses.contains(where: { $0.value == address }) {
            self.address(address, because: because)
        }
        fill(&namespaces[key, default: NamespaceBuilder(mapped, because: because)])
    }

    /// Says once for each mapped cluster what no translation mends.
    mutating func noteLiterals(of cluster: Cluster, because: String) {
        note(
            .advice,
            "clusters.\(cluster.key).map: addresses inside of what pods send are not translated (Redis MOVED,"
                + " registries that give out pod addresses, active FTP), and certificates for addresses"
                + " name the inner ones: let such services announce names")
    }

    /// Adds a setting.
    mutating func setting(
        _ name: KernelSetting.Name, _ family: AddressFamily, of device: DeviceReference, to value: Int,
        because: String
    ) {
        let setting = PlannedSetting.Subject(family: family, device: device, name: name)
        guard settingsSeen.insert(setting).inserted else { return }
        plan.settings.append(Desired(PlannedSetting(setting, value), because: because))
    }

    /// Loosens the reverse path filter of `device` on a host whose device `tunnel` has no address.
    mutating func loosen(_ device: DeviceReference, whereBare tunnel: String, because: String) {
        let setting = PlannedSetting.Subject(family: .v4, device: device, name: .reversePathFilter)
        // The tunnel itself needs none: without an address a loose filter is as strict as a strict one.
        let value = device == .named(tunnel) ? 0 : 2
        let bare = BareTunnelSetting(tunnel: tunnel, PlannedSetting(setting, value))
        let desired = Desired(bare, because: because)
        if !plan.settingsOfBareTunnels.contains(desired) { plan.settingsOfBareTunnels.append(desired) }
    }

    /// Enables forwarding of packets that arrive at `device`, and of no others.
    mutating func forwarding(_ family: AddressFamily, _ device: DeviceReference, because: String) {
        setting(family == .v4 ? .forwarding : .forceForwarding, family, of: device, to: 1, because: because)
    }

    /// Adds addresses that no route may cover.
    mutating func protect(_ addresses: [IPAddress]) {
        for address in addresses where !plan.protectedAddresses.contains(address) {
            plan.protectedAddresses.append(address)
        }
    }

    /// Adds name servers that a route may cover.
    mutating func allowResolvers(_ addresses: [IPAddress]) { plan.clusterResolvers += addresses }

    // MARK: Rules

    /// Adds a rule of source translation.
    mutating func translate(_ rule: FilterRule) {
        if !translation.contains(rule) { translation.append(rule) }
    }

    /// Adds a rule that drops or rejects.
    mutating func filter(_ rule: FilterRule) {
        if !forward.contains(rule) { forward.append(rule) }
    }

    /// Adds a rule that limits segments.
    mutating func clamp(_ rule: FilterRule) {
        if !clamp.contains(rule) { clamp.append(rule) }
    }

    /// Adds a rule that leads packets of earlier connections to their relay.
    mutating func stay(_ rule: FilterRule) {
        if !stay.contains(rule) { stay.append(rule) }
    }

    /// Adds traffic that foreign firewalls must accept.
    mutating func accept(_ match: ForwardAccept.Match, because: String) {
        let accept = ForwardAccept(match)
        if acceptsSeen.insert(accept).inserted { plan.accepts.append(Desired(accept, because: because)) }
    }

    /// Adds pods behind translated services.
    mutating func lead(to backends: [IPPrefix]) {
        for prefix in backends where !plan.backends.contains(prefix) { plan.backends.append(prefix) }
    }

    /// Adds connections whose old entries are deleted.
    mutating func forget(_ range: ConnectionRange, because: String) {
        plan.connections.append(Desired(range, because: because))
    }
}

/// A host that a route leads through, and its share of the packets.
struct RouteShare {
    let host: Host
    var weight = 1
}

extension Host {
    /// The address of `family` by which other hosts reach the host; nil if it has none.
    func address(_ family: AddressFamily) -> IPAddress? { addresses.first { $0.family == family } }

    /// The device with the host's address of `family`.
    func uplink(_ family: AddressFamily) -> DeviceReference? {
        if let device { return .named(device) }
        return address(family).map { .carrying($0) }
    }
}

extension [IPPrefix] {
    /// Those of one family.
    func of(_ family: AddressFamily) -> [IPPrefix] { filter { $0.family == family } }
}
