package import IPAddressing
import Inventory
package import NetworkModel

/// What a host says of itself besides the kernel's objects, and what we wrote down about it.
package struct HostContext: Hashable, Sendable {
    /// The name servers of the host itself.
    package var resolvers: [IPAddress]

    /// The far ends of the sessions by which it is administered.
    package var sessions: [IPAddress]

    /// The settings that we changed, each with its value before and the one that we gave it.
    package var records: [SettingRecord]

    package init(resolvers: [IPAddress] = [], sessions: [IPAddress] = [], records: [SettingRecord] = []) {
        self.resolvers = resolvers
        self.sessions = sessions
        self.records = records
    }
}

extension HostPlan {
    /// The plan for the host as it is: devices by their names, the mesh's MTU from its underlay's, gateways
    /// that
    /// are within reach, sources where the device that packets leave by has none.
    package func resolved(on observed: HostState) -> HostPlan {
        var plan = self
        var notes: [PlanNote] = []
        for index in plan.links.indices {
            plan.links[index].value = Self.resolve(links[index].value, on: observed, &notes)
        }
        let tunnels = Self.needed(settingsOfBareTunnels, on: observed)
        plan.settings = (settings + tunnels).flatMap { Self.resolve($0, on: observed, &notes) }
        plan.settings = Self.unique(plan.settings)
        let reachable = Reachability(observed, planned: addresses.map(\.value))
        for index in plan.routes.indices {
            plan.routes[index].value.nextHops = routes[index].value.nextHops.map { hop in
                reachable.adjust(hop, others: hop.gateway.flatMap { otherAddresses[$0] } ?? [])
            }.sorted()
        }
        plan.besideForeignRoutes(of: observed)
        chooseSources(&plan, observed)
        plan.notes = (notes + plan.notes).sorted { $0.severity < $1.severity }
        return plan
    }

    private static func resolve(_ link: Link, on observed: HostState, _ notes: inout [PlanNote]) -> Link {
        guard case .vxlan(var mesh) = link.kind else { return link }
        var link = link
        if case .carrying(let address)? = mesh.underlay {
            if let device = observed.device(carrying: address) {
                mesh.underlay = .named(device)
            } else {
                notes.append(
                    PlanNote(
                        .refusal,
                        "no device of this host carries \(address), the address that the inventory gives it:"
                            + " correct the node's address, or choose another host with --host"))
            }
        }
        link.kind = .vxlan(mesh)
        if case .underlay(let less)? = link.mtu {
            let underlay = mesh.underlay?.name.flatMap { observed.link($0) }?.mtu?.octets
            link.mtu = .octets((underlay ?? 1500) - less)
        }
        return link
    }

    private static func resolve(
        _ desired: Desired<SettingValue>, on observed: HostState, _ notes: inout [PlanNote]
    ) -> [Desired<SettingValue>] {
        let setting = desired.value.setting
        let devices: [String]
        switch setting.device {
        case .named(let name): devices = [name]
        case .carrying(let address):
            devices = observed.device(carrying: address).map { [$0] } ?? []
            if devices.isEmpty {
                notes.append(
                    PlanNote(
                        .refusal,
                        "no device of this host carries \(address), the address that the inventory gives it:"
                            + " correct the address, or choose another host with --host"))
            }
        case .toward(let prefix): devices = observed.devices(toward: prefix)
        }
        if setting.name == .multipathHashPolicy, let known = hashPolicy(desired, on: observed, &notes) {
            return known
        }
        return devices.flatMap { device in
            var value = desired.value
            value.setting.device = .named(device)
            loosenFully(&value, because: desired.because, on: observed, &notes)
            return observed.equivalents(of: value).map { Desired($0, because: desired.because) }
        }
    }

    /// On a device without an address of IPv4 a loose filter is as strict as a strict one
    /// (fib_validate_source of the kernel): there only none lets asymmetric packets pass.
    private static func loosenFully(
        _ value: inout SettingValue, because: String, on observed: HostState, _ notes: inout [PlanNote]
    ) {
        guard value.setting.name == .reversePathFilter, value.value != 1,
            let name = value.setting.device.name, observed.link(name)?.isOurs == false,
            !observed.addresses.contains(where: { $0.device == name && $0.address.family == .v4 })
        else { return }
        value.value = 0
        let all = KernelSetting(family: .v4, device: .named("all"), name: .reversePathFilter)
        guard let present = observed.settings[all], present != 0 else { return }
        notes.append(
            PlanNote(
                .warning,
                "\(because): \(name) has no address and \(all) is \(present): the kernel drops packets that"
                    + " come in by it from where others are led to, and a looser filter of the device"
                    + " alone does not help: give \(name) an address, or set \(all) to 0 and choose each"
                    + " device's own"))
    }

    /// The settings whose tunnel is there and has no address of IPv4.
    private static func needed(
        _ settings: [Desired<BareTunnelSetting>], on observed: HostState
    ) -> [Desired<SettingValue>] {
        settings.filter { desired in
            observed.link(desired.value.tunnel) != nil
                && !observed.addresses.contains {
                    $0.device == desired.value.tunnel && $0.address.family == .v4 && !$0.isLinkLocal
                }
        }.map { Desired($0.value.value, because: $0.because) }
    }

    /// What an older kernel has in place of the policy; nil where it has that, or is not known.
    private static func hashPolicy(
        _ desired: Desired<SettingValue>, on observed: HostState, _ notes: inout [PlanNote]
    ) -> [Desired<SettingValue>]? {
        let all = DeviceReference.named("all")
        let family = desired.value.setting.family
        let fields = KernelSetting(family: family, device: all, name: .multipathHashFields)
        guard observed.settings[fields] == nil,
            observed.settings.keys.contains(where: { $0.family == family })
        else { return nil }
        guard observed.settings[desired.value.setting] != nil else {
            notes.append(
                PlanNote(
                    .warning,
                    "\(desired.because): this kernel has no \(desired.value.setting): connections that lose"
                        + " a packet may go on through another relay, and end"))
            return []
        }
        notes.append(
            PlanNote(
                .warning,
                "\(desired.because): this kernel is older than Linux 5.14 and has no"
                    + " \(desired.value.setting) = \(desired.value.value): it gets 1, so that each connection"
                    + " stays with its relay, but fragments of large UDP packets may take another one"))
        var older = desired
        older.value.value = 1
        return [older]
    }

    private static func unique(_ settings: [Desired<SettingValue>]) -> [Desired<SettingValue>] {
        var seen: Set<KernelSetting> = []
        return settings.filter { seen.insert($0.value.setting).inserted }
    }

    /// MASQUERADE takes an arbitrary address where the device that packets leave by has none of its own.
    private func chooseSources(_ plan: inout HostPlan, _ observed: HostState) {
        for chain in plan.table.chains.indices {
            for rule in plan.table.chains[chain].rules.indices {
                guard case .masquerade(let isFullyRandom) = plan.table.chains[chain].rules[rule].action else {
                    continue
                }
                let matches = plan.table.chains[chain].rules[rule].matches
                guard let family = matches.family, let address = host.host.address(family) else { continue }
                let devices = matches.destinations(or: backends.filter { $0.family == family }).flatMap {
                    observed.devices(towardOtherHosts: $0)
                }
                let bare = devices.filter { device in
                    !observed.addresses.contains {
                        $0.device == device && $0.address.family == family && !$0.isLinkLocal
                    } && !plan.addresses.contains { $0.value.device == device }
                }
                if !bare.isEmpty {
                    plan.table.chains[chain].rules[rule].action = .sourceTranslation(
                        to: address, isFullyRandom: isFullyRandom)
                }
            }
        }
    }
}

extension [FilterMatch] {
    /// The family of the prefixes that are matched; nil where there are none.
    fileprivate var family: AddressFamily? {
        for case .source(let set) in self { return set.family }
        return nil
    }

    fileprivate func destinations(or others: [IPPrefix]) -> [IPPrefix] {
        for case .destination(let set) in self { return set.prefixes }
        return others
    }
}

extension HostState {
    /// The devices toward the parts of `prefix` that are behind other hosts: a pod on this one has a route of
    /// its
    /// own, through a device without addresses, and answers to whatever address this host has.
    fileprivate func devices(towardOtherHosts prefix: IPPrefix) -> [String] {
        var state = self
        state.routes.removeAll { $0.destination.length == $0.destination.family.bitWidth }
        return state.devices(toward: prefix)
    }

    /// What brings the wanted effect about on this kernel: before Linux 6.17, IPv6 forwards on all devices or
    /// on
    /// none, and then stops learning the default route from the router unless told otherwise.
    fileprivate func equivalents(of value: SettingValue) -> [SettingValue] {
        guard value.setting.name == .forceForwarding else { return [value] }
        let all = KernelSetting(family: .v6, device: .named("all"), name: .forwarding)
        if settings[all] == 1 { return [SettingValue(all, 1)] }
        if settings[value.setting] != nil || !settings.keys.contains(where: { $0.family == .v6 }) {
            return [value]
        }
        let known = KernelSetting(family: .v6, device: .named("all"), name: .forceForwarding)
        if settings[known] != nil { return [value] }
        var values = [SettingValue(all, 1)]
        for route in routes
        where route.isDefault && route.destination.family == .v6 && route.routeProtocol == 9 {
            for device in route.nextHops.compactMap(\.device) {
                let learning = KernelSetting(
                    family: .v6, device: .named(device), name: .acceptRouterAdvertisements)
                values.insert(SettingValue(learning, 2), at: 0)
            }
        }
        return values
    }
}

/// The networks that a host is connected to, or will be.
private struct Reachability {
    let networks: [IPPrefix]

    init(_ observed: HostState, planned: [InterfaceAddress]) {
        networks = observed.addresses.map(\.network) + planned.map(\.network)
    }

    /// The next hop with another address of the same host where the first one is not in a connected network.
    func adjust(_ hop: NextHop, others: [IPAddress]) -> NextHop {
        guard let gateway = hop.gateway, hop.device == nil, !isConnected(gateway),
            let other = others.first(where: isConnected)
        else { return hop }
        var hop = hop
        hop.gateway = other
        return hop
    }

    private func isConnected(_ address: IPAddress) -> Bool { networks.contains { $0.contains(address) } }
}
