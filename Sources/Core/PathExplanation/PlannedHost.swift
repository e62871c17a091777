import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import PacketPath

/// The state of a host that was not observed: what every host of its kind has, and then its plan.
struct PlannedHost {
    /// The host.
    let located: LocatedHost
    /// The file.
    let inventory: Inventory
    /// The cluster that it is a node of, with the nodes that are told apart; nil for other hosts.
    let cluster: Cluster?

    /// The largest packet of an ordinary network, in octets.
    private static let ordinaryMTU = 1500

    /// What hosts of this kind have, before anything of the plan.
    func base() -> HostState {
        var state = HostState()
        state.links = [Link(name: "lo", kind: .other(""), mtu: 65_536)]
        for address in addresses {
            if state.link(address.device) == nil {
                state.links.append(Link(name: address.device, kind: .other(""), mtu: Self.ordinaryMTU))
            }
            state.addresses.append(address)
            if let route = address.connectedRoute { state.routes.append(route) }
        }
        for family in AddressFamily.allCases
        where located.host.addresses.contains(where: { $0.family == family }) {
            let device = addresses.first { $0.address.family == family }?.device
            state.routes.append(assumed(.all(family), NextHop(gateway: nil, device: device)))
        }
        if let cluster { add(cluster, to: &state) }
        for link in state.links {
            for family in AddressFamily.allCases {
                let setting = KernelSetting(family: family, device: link.name, name: .forwarding)
                state.settings[setting] = located.isNode ? 1 : 0
            }
        }
        for family in AddressFamily.allCases where located.isNode {
            state.settings[KernelSetting(family: family, device: "all", name: .forwarding)] = 1
        }
        return state
    }

    /// A route that such hosts have.
    private func assumed(_ prefix: IPPrefix, _ hop: NextHop) -> Route {
        Route(
            destination: prefix, routeProtocol: Machine.assumedProtocol, metric: 4_000, nextHops: [hop])
    }

    // MARK: - Addresses

    /// The host's addresses with devices: the first of each family on the first device.
    private var addresses: [InterfaceAddress] {
        var networks: [AddressFamily: [IPPrefix]] = [:]
        return located.host.addresses.map { address in
            let network = network(of: address)
            let known = networks[address.family, default: []]
            let index = known.firstIndex { $0.contains(address) } ?? known.count
            if index == known.count { networks[address.family, default: []].append(network) }
            let device = index == 0 ? located.host.device ?? "eth0" : "eth\(index)"
            return InterfaceAddress(device: device, address: address, length: network.length)
        }
    }

    /// The network that an address is probably in: that of its site or subnet, else the one that it shares
    /// with the other hosts of its cluster.
    private func network(of address: IPAddress) -> IPPrefix {
        let written =
            inventory.sites.flatMap(\.networks)
            + inventory.clusters.flatMap(\.subnets).flatMap(\.networks)
        if let known = written.filter({ $0.contains(address) }).max(by: { $0.length < $1.length }) {
            return known
        }
        let length = address.family == .v4 ? 24 : 64
        guard let network = IPPrefix(around: address, length: length) else { return IPPrefix(only: address) }
        let used =
            inventory.clusters.flatMap { $0.pods + $0.services + $0.outerRanges } + written
        return used.contains { $0.overlaps(network) } ? IPPrefix(only: address) : network
    }

    // MARK: - Pods

    /// Routes to the cluster's pods, as its network plugin makes them.
    private func add(_ cluster: Cluster, to state: inout HostState) {
        let device = cluster.podDevice
        state.links.append(Link(name: device, kind: .other("veth"), mtu: Self.ordinaryMTU))
        for prefix in device == "cni0" ? located.podPrefixes : [] where prefix.length < prefix.family.bitWidth
        {
            let own = IPAddress(family: prefix.family, bits: prefix.address.bits + 1)
            state.addresses.append(InterfaceAddress(device: device, address: own, length: prefix.length))
        }
        guard cluster.cni != .vpc else { return }
        if let tunnel = cluster.tunnel {
            state.links.append(Link(name: tunnel.device, kind: .other(tunnel.kind), mtu: tunnel.mtu))
            if let own = located.tunnelAddress(in: cluster) {
                state.addresses.append(InterfaceAddress(device: tunnel.device, address: own, length: 32))
            }
        }
        for node in cluster.nodes where node.name != located.host.name {
            for prefix in node.pods { state.routes += routes(to: prefix, on: node, of: cluster) }
        }
        let isWhole = cluster.nodes.allSatisfy { !$0.pods.isEmpty }
        for prefix in isWhole ? [] : cluster.pods where !located.podPrefixes.contains(prefix) {
            let way = prefix.family == .v4 ? cluster.tunnel?.device : nil
            state.routes.append(
                assumed(prefix, NextHop(gateway: nil, device: way ?? addresses.first?.device)))
        }
    }

    /// The way to the host's own pods. Planning must not see it: each pod has a route of its own, through a
    /// device without addresses.
    func addPods(to state: inout HostState) {
        guard let cluster else { return }
        for prefix in located.podPrefixes {
            state.routes.append(assumed(prefix, NextHop(gateway: nil, device: cluster.podDevice)))
        }
    }

    /// The route to the pods of another node.
    private func routes(to prefix: IPPrefix, on node: Node, of cluster: Cluster) -> [Route] {
        guard let address = node.addresses.first(where: { $0.family == prefix.family }) else { return [] }
        guard let tunnel = cluster.tunnel, prefix.family == .v4 else {
            let device = addresses.first { $0.address.family == prefix.family }?.device
            return [assumed(prefix, NextHop(gateway: address, device: device))]
        }
        let other = LocatedHost(place: cluster.key, host: node.host, podPrefixes: node.pods, isNode: true)
        let gateway = tunnel.isByAddress ? address : other.tunnelAddress(in: cluster) ?? address
        return [assumed(prefix, NextHop(gateway: gateway, device: tunnel.device, isOnLink: true))]
    }
}

extension IPPrefix {
    /// All addresses of a family.
    static func all(_ family: AddressFamily) -> IPPrefix {
        let zero = IPAddress(family: family, bits: 0)
        return IPPrefix(around: zero, length: 0) ?? IPPrefix(only: zero)
    }

    /// An address inside that is neither among the first nor the last ones.
    var example: IPAddress {
        let span = lastAddress.bits - address.bits
        return IPAddress(family: family, bits: address.bits + (span > 20 ? 10 : span / 2))
    }
}

extension LocatedHost {
    /// The address of the tunnel device of a node: the first one of its pods, as Calico and Flannel do.
    func tunnelAddress(in cluster: Cluster) -> IPAddress? {
        podPrefixes.first { $0.family == .v4 }?.address
            ?? cluster.pods.first { $0.family == .v4 }.flatMap { prefix in
                let index = cluster.nodes.firstIndex { $0.name == host.name } ?? 0
                let bits = prefix.address.bits + UInt128(index) + 1
                return bits < prefix.lastAddress.bits ? IPAddress(family: .v4, bits: bits) : nil
            }
    }
}

extension Cluster {
    /// The device of pods on a node, as the network plugin calls it.
    var podDevice: String {
        switch cni {
        case .calicoIPIP, .calicoVXLAN, .calicoBGP: "cali*"
        case .flannelVXLAN, .flannelHostGateway: "cni0"
        case .cilium: "lxc*"
        case .vpc: "eni*"
        case .other, nil: "pods"
        }
    }

    /// The device that carries packets to pods on other nodes.
    struct Tunnel {
        /// The device's name.
        let device: String
        /// As `ip link` names its kind.
        let kind: String
        /// In octets.
        let mtu: Int
        /// True if next hops are the nodes' own addresses.
        let isByAddress: Bool
    }

    /// Nil if packets go without a tunnel.
    var tunnel: Tunnel? {
        guard let device = cni?.tunnelDevice else {
            guard cni == .cilium, cilium?.routingMode != .native else { return nil }
            return Tunnel(device: "cilium_vxlan", kind: "vxlan", mtu: 1450, isByAddress: true)
        }
        let isIPIP = cni == .calicoIPIP
        return Tunnel(
            device: device, kind: isIPIP ? "ipip" : "vxlan", mtu: isIPIP ? 1480 : 1450, isByAddress: isIPIP)
    }
}
