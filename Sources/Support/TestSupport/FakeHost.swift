import IPAddressing
package import Inventory
package import NetworkModel

/// Hosts before any change of ours.
package enum FakeHost {
    /// A host with its inventory addresses on `eth0` in networks of `length` bits, a default gateway, a
    /// firewall of its own, and settings as a distribution leaves them.
    package static func fresh(_ located: LocatedHost, length: Int = 24) -> HostState {
        var state = HostState(
            links: [
                Link(name: "lo", kind: .other(""), mtu: 65536),
                Link(
                    name: "eth0", kind: .other(""), mtu: 1500, mac: MACAddress("52:54:00:00:00:01")),
                Link(name: "tunl0", kind: .other("ipip"), mtu: 1480),
            ],
            tables: [foreignTable])
        for address in located.host.addresses {
            let bits = address.family == .v4 ? length : 64
            let network = InterfaceAddress(device: "eth0", address: address, length: bits)
            state.addresses.append(network)
            let gateway = IPAddress(family: address.family, bits: network.network.lastAddress.bits - 1)
            if let all = IPPrefix(around: IPAddress(family: address.family, bits: 0), length: 0) {
                state.routes.append(
                    Route(
                        destination: all, routeProtocol: 3, metric: 0,
                        nextHops: [NextHop(gateway: gateway, device: "eth0")]))
            }
            state.routes.append(
                Route(
                    destination: network.network, routeProtocol: 2, metric: 0,
                    nextHops: [NextHop(gateway: nil, device: "eth0")], source: address))
        }
        let names = [(KernelSetting.Name.multipathHashPolicy, 0), (.multipathHashFields, 7)]
        for (name, value) in names {
            for family in AddressFamily.allCases {
                state.settings[KernelSetting(family: family, device: "all", name: name)] = value
            }
        }
        state.nextHopObjects = []
        for family in AddressFamily.allCases {
            state.settings[KernelSetting(family: family, device: "all", name: .markReflection)] = 0
            for device in ["all", "default", "eth0", "tunl0"] {
                state.settings[KernelSetting(family: family, device: device, name: .forwarding)] = 0
                if family == .v4 {
                    state.settings[KernelSetting(family: .v4, device: device, name: .reversePathFilter)] = 1
                } else {
                    state.settings[KernelSetting(family: .v6, device: device, name: .forceForwarding)] = 0
                }
            }
            state.iptables.append(
                IPTablesState(
                    family: family,
                    chains: [IPTablesChain(table: "filter", name: "FORWARD", policy: "DROP")]))
        }
        return state
    }

    /// A table of another program.
    private static let foreignTable = FilterTable(
        family: .inet, name: "mine",
        chains: [
            FilterChain(
                name: "input", hook: FilterHook(type: .filter, point: .input, priority: 0),
                rules: [FilterRule([.inDevice(["lo"])], .accept)])
        ])
}

extension HostState {
    /// The same state in a canonical order, and without settings of devices that are gone.
    private var normalized: HostState {
        var state = self
        let devices = Set(links.map(\.name) + ["all", "default"])
        state.settings = settings.filter { devices.contains($0.key.device) }
        state.links.sort { $0.name < $1.name }
        state.addresses.sort { $0.description < $1.description }
        state.routes.sort { $0.description < $1.description }
        state.neighbours.sort { $0.description < $1.description }
        state.forwardingEntries.sort { $0.description < $1.description }
        state.tables = tables.map(\.withoutCounters).sorted { $0.name < $1.name }
        return state
    }

    /// The difference between this state and `other`, both ways. Order does not matter, also among our rules,
    /// which accept the same packets in any order.
    package func deviations(from other: HostState) -> [String] {
        let (left, right) = (Set(normalized.lines), Set(other.normalized.lines))
        return left.subtracting(right).map { "+ " + $0 } + right.subtracting(left).map { "- " + $0 }
    }

    /// The objects as lines of text.
    private var lines: [String] {
        links.map { "\($0)" } + addresses.map(\.description) + routes.map(\.description)
            + policyRules.map(\.description) + (nextHopObjects ?? []).map(\.description)
            + namespaces.flatMap { namespace in
                ["namespace \(namespace.name)"]
                    + (namespace.state?.normalized.lines ?? ["dead"]).map { "\(namespace.name): \($0)" }
            }
            + neighbours.map(\.description) + forwardingEntries.map(\.description)
            + settings.map { "\($0.key)=\($0.value)" } + tables.map(\.description)
            + iptables.map { state in
                state.rules.filter { !$0.isOurs }.map(\.description).joined(separator: "\n")
            } + iptables.flatMap(\.rules).filter(\.isOurs).map(\.description)
    }
}
