import IPAddressing
package import Inventory
package import NetworkModel

/// A plan for a host as it was seen: each device has its name, and what depends on the kernel is decided.
package struct ResolvedPlan: Hashable, Sendable {
    /// The plan before the host was seen.
    let plan: HostPlan
    package internal(set) var links: [Desired<Link>] = []
    package internal(set) var settings: [Desired<SettingValue>] = []
    package internal(set) var routes: [Desired<Route>]
    /// Numbered next hops, members before their groups.
    package internal(set) var nextHopObjects: [Desired<NextHopObject>] = []
    package internal(set) var rules: [Desired<PolicyRule>] = []
    package internal(set) var namespaces: [Desired<ResolvedNamespace>] = []

    /// The prefixes whose routes stand as their halves.
    var halvedPrefixes: Set<IPPrefix> = []
    package internal(set) var table: FilterTable
    package internal(set) var notes: [PlanNote]

    fileprivate init(_ plan: HostPlan) {
        self.plan = plan
        routes = plan.routes
        table = plan.table
        notes = plan.notes
    }

    /// True if a note forbids to apply the plan.
    package var isRefused: Bool { notes.isRefusal }

    // What needs no look at the host.
    /// The host in the inventory.
    package var host: LocatedHost { plan.host }
    /// Addresses of our links.
    package var addresses: [Desired<InterfaceAddress>] { plan.addresses }
    /// Permanent neighbours.
    package var neighbours: [Desired<Neighbour>] { plan.neighbours }
    /// Entries of forwarding tables.
    package var forwardingEntries: [Desired<ForwardingEntry>] { plan.forwardingEntries }
    /// Traffic that foreign firewalls must accept.
    package var accepts: [Desired<ForwardAccept>] { plan.accepts }
    var connections: [Desired<ConnectionRange>] { plan.connections }
    var backends: [IPPrefix] { plan.backends }
    var clusterResolvers: [IPAddress] { plan.clusterResolvers }
    var tableBecause: String { plan.tableBecause }
}

extension HostPlan {
    /// The plan resolved on the observed host: device names, the mesh's MTU from its underlay, reachable
    /// gateways, and source addresses for packets that leave by a device without an address.
    package func resolved(on observed: HostState) -> ResolvedPlan {
        var plan = ResolvedPlan(self)
        var notes: [PlanNote] = []
        plan.links = links.map {
            Desired(Self.resolve($0.value, on: observed, &notes), because: $0.because)
        }
        plan.namespaces = namespaces.map { desired in
            var content = desired.value.content.resolved(on: HostState())
            content.links = desired.value.content.links.map {
                Desired(Self.resolve($0.value, on: observed, &notes).withoutUnderlay, because: $0.because)
            }
            return Desired(
                ResolvedNamespace(name: desired.value.name, content: content), because: desired.because)
        }
        var seen: Set<PolicyRule> = []
        let ofDevices = rulesOfDevices.flatMap { Self.resolve($0, on: observed, &notes) }
        plan.rules = (rules + ofDevices).filter { seen.insert($0.value).inserted }
        // What the file alone shows is in the plan's own notes.
        if RuleContradictions(rulesOfDevices).refusals.isEmpty {
            notes += RuleContradictions(ofDevices).refusals
        }
        let tunnels = Self.needed(settingsOfBareTunnels, on: observed)
        plan.settings = (settings + tunnels + filtersOfRelays(on: observed)).flatMap {
            Self.resolve($0, on: observed, &notes)
        }
        plan.settings = Self.unique(plan.settings)
        let reachable = Reachability(observed, planned: addresses.map(\.value))
        for index in plan.routes.indices {
            plan.routes[index].value.nextHops = routes[index].value.nextHops.map { hop in
                reachable.adjust(hop, others: hop.gateway.flatMap { otherAddresses[$0] } ?? [])
            }.sorted()
        }
        plan.dropUnreachableProbeWays(on: observed)
        plan.groupNextHops(on: observed)
        plan.besideForeignRoutes(of: observed)
        chooseSources(&plan, observed)
        plan.notes = (notes + plan.notes).sorted { $0.severity < $1.severity }
        return plan
    }

    /// The rule with an address in place of MASQUERADE, if it needs one.
    private static func resolve(
        _ planned: PlannedLink, on observed: HostState, _ notes: inout [PlanNote]
    ) -> Link {
        var link = planned.link
        var underlay = planned.underlay?.name
        if case .carrying(let address)? = planned.underlay {
            underlay = observed.device(carrying: address)
            if underlay == nil {
                notes.append(
                    PlanNote(
                        .refusal,
                        "no device of this host carries \(address), the address that the inventory gives it:"
                            + " correct the node's address, or choose another host with --host"))
            }
        }
        let below =
            planned.mtu == .largest ? observed.largestMTU : underlay.flatMap { observed.link($0) }?.mtu
        link.mtu = planned.mtu.octets(underlay: below)
        if case .vxlan(var mesh) = link.kind {
            mesh.underlay = underlay
            link.kind = .vxlan(mesh)
        }
        return link
    }

    private static func resolve(
        _ desired: Desired<PlannedSetting>, on observed: HostState, _ notes: inout [PlanNote]
    ) -> [Desired<SettingValue>] {
        let setting = desired.value.setting
        let devices = devices(setting.device, on: observed, &notes)
        if setting.name == .multipathHashPolicy, let known = hashPolicy(desired, on: observed, &notes) {
            return known
        }
        return devices.flatMap { device in
            var value = SettingValue(setting.named(device), desired.value.value)
            loosenFully(&value, because: desired.because, on: observed, &notes)
            return observed.equivalents(of: value).map { Desired($0, because: desired.because) }
        }
    }

    private static func devices(
        _ reference: DeviceReference, on observed: HostState, _ notes: inout [PlanNote]
    ) -> [String] {
        switch reference {
        case .named(let name): return [name]
        case .carrying(let address):
            if let device = observed.device(carrying: address) { return [device] }
            notes.append(
                PlanNote(
                    .refusal,
                    "no device of this host carries \(address), the address that the inventory gives it:"
                        + " correct the address, or choose another host with --host"))
            return []
        case .toward(let prefix): return observed.devices(toward: prefix)
        }
    }

    private static func resolve(
        _ desired: Desired<DeviceRule>, on observed: HostState, _ notes: inout [PlanNote]
    ) -> [Desired<PolicyRule>] {
        devices(desired.value.device, on: observed, &notes).map { device in
            var rule = desired.value.rule
            rule.inDevice = device
            return Desired(rule, because: desired.because)
        }
    }

    /// On a device without an address of IPv4 a loose filter is as strict as a strict one
    /// (fib_validate_source of the kernel): only without a filter are asymmetric packets accepted there.
    private static func loosenFully(
        _ value: inout SettingValue, because: String, on observed: HostState, _ notes: inout [PlanNote]
    ) {
        let name = value.setting.device
        guard value.setting.name == .reversePathFilter, value.value != 1,
            observed.link(name)?.isOurs == false,
            !observed.addresses.contains(where: { $0.device == name && $0.address.family == .v4 })
        else { return }
        value.value = 0
        let all = KernelSetting(family: .v4, device: "all", name: .reversePathFilter)
        guard let present = observed.settings[all], present != 0 else { return }
        notes.append(
            PlanNote(
                .warning,
                "\(because): \(name) has no address and \(all) is \(present): the kernel drops packets that"
                    + " come in by it from where others are led to, and a looser filter of the device alone"
                    + " does not help: give \(name) an address, or set \(all) to 0 and choose each device's"
                    + " own"))
    }

    /// The settings whose tunnel exists and has no IPv4 address.
    private static func needed(
        _ settings: [Desired<BareTunnelSetting>], on observed: HostState
    ) -> [Desired<PlannedSetting>] {
        settings.filter { desired in
            observed.link(desired.value.tunnel) != nil
                && !observed.addresses.contains {
                    $0.device == desired.value.tunnel && $0.address.family == .v4 && !$0.isLinkLocal
                }
        }.map { Desired($0.value.value, because: $0.because) }
    }

    /// The replacement of the policy on an older kernel; nil if it has the policy, or is unknown.
    private static func hashPolicy(
        _ desired: Desired<PlannedSetting>, on observed: HostState, _ notes: inout [PlanNote]
    ) -> [Desired<SettingValue>]? {
        let setting = desired.value.setting.named("all")
        let family = setting.family
        guard desired.value.value == 3 else { return nil }
        let fields = KernelSetting(family: family, device: "all", name: .multipathHashFields)
        guard observed.settings[fields] == nil,
            observed.settings.keys.contains(where: { $0.family == family })
        else { return nil }
        guard observed.settings[setting] != nil else {
            notes.append(
                PlanNote(
                    .warning,
                    "\(desired.because): this kernel has no \(setting): connections that lose"
                        + " a packet may go on through another relay, and end"))
            return []
        }
        notes.append(
            PlanNote(
                .warning,
                "\(desired.because): this kernel is older than Linux 5.14 and has no"
                    + " \(setting) = \(desired.value.value): it gets 1, so that each connection"
                    + " stays with its relay, but fragments of large UDP packets may take another one"))
        return [Desired(SettingValue(setting, 1), because: desired.because)]
    }

    /// The settings, each once.
    private static func unique(_ settings: [Desired<SettingValue>]) -> [Desired<SettingValue>] {
        var seen: Set<KernelSetting> = []
        return settings.filter { seen.insert($0.value.setting).inserted }
    }

    /// MASQUERADE takes an arbitrary address if the device that packets leave by has none.
    private func chooseSources(_ plan: inout ResolvedPlan, _ observed: HostState) {
        let others = observed.withoutSingleAddresses
        // As a rule none: then no prefix needs a look at all routes.
        let bare = Dictionary(
            uniqueKeysWithValues: AddressFamily.allCases.map {
                ($0, others.bareDevices($0, besides: addresses))
            })
        guard bare.values.contains(where: { !$0.isEmpty }) else { return }
        for chain in plan.table.chains.indices {
            for rule in plan.table.chains[chain].rules.indices {
                guard case .masquerade(let isFullyRandom) = plan.table.chains[chain].rules[rule].action else {
                    continue
                }
                let matches = plan.table.chains[chain].rules[rule].matches
                guard let family = matches.family, let address = host.host.address(family) else { continue }
                guard let bare = bare[family], !bare.isEmpty else { continue }
                let devices = matches.destinations(or: backends.filter { $0.family == family }).lazy.flatMap {
                    others.devices(toward: $0)
                }
                if let device = devices.first(where: bare.contains) {
                    let because = plan.table.chains[chain].rules[rule].comment
                    plan.tellSource(address, because: because, on: device)
                    plan.table.chains[chain].rules[rule].action = .sourceTranslation(
                        to: address, isFullyRandom: isFullyRandom)
                }
            }
        }
    }
}

extension Link {
    /// The link as it is in a namespace, where nothing is below it: the host's routes lead its packets.
    fileprivate var withoutUnderlay: Link {
        guard case .vxlan(var mesh) = kind else { return self }
        mesh.underlay = nil
        var link = self
        link.kind = .vxlan(mesh)
        return link
    }
}

extension PlanNote {
    /// What pods on other nodes see of clients that are masqueraded into the tunnel `device`.
    static func tunnelSource(of device: String, insteadOf address: IPAddress?, because: String) -> PlanNote {
        PlanNote(
            .advice,
            "\(because): pods on other nodes see the relay's address on \(device), not"
                + " \(address?.description ?? "its first one"): name it in"
                + " allow-lists and network policies; where that device has no address they see the"
                + " relay's own, and the plans of the nodes are needed too")
    }
}

extension ResolvedPlan {
    /// Says of a tunnel that has no address which source is chosen, in place of what was said of both cases.
    fileprivate mutating func tellSource(
        _ address: IPAddress, because: String?, on device: String
    ) {
        guard let because else { return }
        let general = PlanNote.tunnelSource(
            of: device, insteadOf: host.host.addresses.first, because: because)
        guard let index = notes.firstIndex(of: general) else { return }
        notes[index] = PlanNote(
            .advice,
            "\(because): pods on other nodes see \(address), since \(device) has no address: name it in"
                + " allow-lists and network policies; the plans of the nodes are needed too")
    }
}

extension [FilterMatch] {
    /// The family of the matched prefixes; nil if there are none.
    fileprivate var family: AddressFamily? {
        for case .source(let set) in self { return set.family }
        return nil
    }

    /// The destinations that are matched, or `others` if there are none.
    fileprivate func destinations(or others: [IPPrefix]) -> [IPPrefix] {
        for case .destination(let set) in self { return set.prefixes }
        return others
    }
}

extension HostState {
    /// The MTU of the device with the largest one, of those with an address that others reach, in octets.
    fileprivate var largestMTU: Int {
        let used = Set(addresses.filter { !$0.isLinkLocal }.map(\.device))
        return links.filter { !$0.isOurs && $0.name != "lo" && used.contains($0.name) }
            .compactMap(\.mtu).max() ?? 1500
    }

    /// Without routes to single addresses: a pod on this host has its own route, through a device without
    /// addresses, and answers to any address of this host.
    fileprivate var withoutSingleAddresses: HostState {
        var state = self
        state.routes.removeAll { $0.destination.length == $0.destination.family.bitWidth }
        return state
    }

    /// The devices of routes that have no address of the family, neither now nor by the plan.
    fileprivate func bareDevices(
        _ family: AddressFamily, besides planned: [Desired<InterfaceAddress>]
    ) -> Set<String> {
        let named = addresses.filter { $0.address.family == family && !$0.isLinkLocal }.map(\.device)
        return Set(routes.flatMap(\.nextHops).compactMap(\.device)).subtracting(named)
            .subtracting(planned.map(\.value.device))
    }

    /// The settings with the desired effect on this kernel: before Linux 6.17, IPv6 forwards on all devices
    /// or on none, and then stops learning the default route from the router unless configured otherwise.
    fileprivate func equivalents(of value: SettingValue) -> [SettingValue] {
        guard value.setting.name == .forceForwarding else { return [value] }
        let all = KernelSetting(family: .v6, device: "all", name: .forwarding)
        if settings[all] == 1 { return [SettingValue(all, 1)] }
        if settings[value.setting] != nil || !settings.keys.contains(where: { $0.family == .v6 }) {
            return [value]
        }
        let known = KernelSetting(family: .v6, device: "all", name: .forceForwarding)
        if settings[known] != nil { return [value] }
        var values = [SettingValue(all, 1)]
        for route in routes
        where route.isDefault && route.destination.family == .v6 && route.routeProtocol == 9 {
            for device in route.nextHops.compactMap(\.device) {
                let learning = KernelSetting(
                    family: .v6, device: device, name: .acceptRouterAdvertisements)
                values.insert(SettingValue(learning, 2), at: 0)
            }
        }
        return values
    }
}

/// The networks that a host is connected to, or will be.
private struct Reachability {
    /// The networks.
    let networks: [IPPrefix]

    /// The networks of the host and of planned addresses.
    init(_ observed: HostState, planned: [InterfaceAddress]) {
        networks = observed.addresses.map(\.network) + planned.map(\.network)
    }

    /// The next hop with another address of the same host if the first one is not in a connected network.
    func adjust(_ hop: NextHop, others: [IPAddress]) -> NextHop {
        guard let gateway = hop.gateway, hop.device == nil, !isConnected(gateway),
            let other = others.first(where: isConnected)
        else { return hop }
        var hop = hop
        hop.gateway = other
        return hop
    }

    /// True if `address` is in one of them.
    private func isConnected(_ address: IPAddress) -> Bool { networks.contains { $0.contains(address) } }
}
