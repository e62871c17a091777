import IPAddressing
import Inventory
import NetworkModel
import PacketPath

/// Chooses the packets that stand for what a user asks: where each begins and where it is for.
struct PacketChoice {
    /// The file.
    let inventory: Inventory
    /// The machines.
    let map: NetworkMap
    /// The sender.
    let from: ExplainedEnd
    /// The destination.
    let to: ExplainedEnd
    /// The transport.
    let transport: String
    /// The port of the destination; nil: one that suits it.
    let port: Int?

    /// The port of clients; no rule names it.
    private static let clientPort = 40_000

    /// Packets for one kind of destination.
    struct Group {
        /// As in `pods` or `service`; empty for an address.
        let title: String
        /// The packets with their origins.
        var packets: [(packet: Packet, origin: NetworkWalk.Origin)] = []
    }

    /// A sender of packets.
    private struct Sender {
        /// Its address; unspecified for a host that chooses.
        let address: IPAddress
        /// Where it is.
        let origin: NetworkWalk.Origin
    }

    /// The groups of packets; without any if an end has no address.
    func groups() -> [Group] {
        destinations().compactMap { title, addresses, port in
            var group = Group(title: title)
            for address in addresses {
                guard let sender = sender(address.family, to: address) else { continue }
                let hasPorts = ["tcp", "udp"].contains(transport)
                let isOther = transport == "icmp" && address.family == .v6
                let packet = Packet(
                    from: sender.address, to: address, transport: isOther ? "ipv6-icmp" : transport,
                    ports: hasPorts ? (Self.clientPort, port) : (0, 0))
                group.packets.append((packet, sender.origin))
            }
            return group.packets.isEmpty ? nil : group
        }
    }

    // MARK: - Destinations

    /// What is asked for: a title, addresses, and the port.
    private func destinations() -> [(String, [IPAddress], Int)] {
        let common = port ?? (transport == "udp" ? 53 : 80)
        switch to.kind {
        case .addresses(let addresses): return [("", addresses, common)]
        case .host(let host): return [("", Array(host.host.addresses.prefix(1)), common)]
        case .part(.pods): return [("pods", pods(), common)]
        case .part(.services): return serviceGroups(common)
        case .part(.dns): return [dns()]
        case .place:
            guard inventory.cluster(to.place) != nil else {
                let site = inventory.site(to.place)
                return [("", site?.networks.prefix(1).map(\.example) ?? [], common)]
            }
            let targets = path?.targets ?? PathTargets()
            var found: [(String, [IPAddress], Int)] = []
            if targets.pods || path == nil { found.append(("pods", pods(), common)) }
            if targets.services || path == nil { found += serviceGroups(common) }
            return found.filter { !$0.1.isEmpty }
        }
    }

    /// The path between the two ends; nil if the file has none.
    var path: Path? { inventory.path(from: from.place, to: to.place) }

    /// The addresses as the sender knows them: outer ones of a mapped cluster.
    private func seen(_ addresses: [IPAddress]) -> [IPAddress] {
        guard let cluster = inventory.cluster(to.place), cluster.isMapped, path?.isMapped ?? true,
            from.place != to.place
        else { return addresses }
        return addresses.compactMap { cluster.addressMap.outer(of: $0) }
    }

    /// One pod of each node that is told apart.
    private func pods() -> [IPAddress] {
        guard let cluster = inventory.cluster(to.place) else { return [] }
        return seen(AddressFamily.allCases.flatMap { ClusterServices.pods(of: narrowed(cluster), $0) })
    }

    /// The nodes of a cluster that are in the map.
    private func narrowed(_ cluster: Cluster) -> Cluster {
        var narrow = cluster
        narrow.nodes = cluster.nodes.filter { map.machine(named: $0.name, in: cluster.key) != nil }
        return narrow
    }

    /// Services that rules of an observed node translate, else one address of each family.
    private func serviceGroups(_ common: Int) -> [(String, [IPAddress], Int)] {
        guard let cluster = inventory.cluster(to.place), port == nil else {
            return [("services", services(), common)]
        }
        let ranges = PrefixSet(cluster.services)
        let nodes = cluster.nodes.compactMap { map.machine(named: $0.name, in: cluster.key) }
            .filter { map.machines[$0].evidence == .read }
        let known =
            nodes.lazy.map { map.machines[$0].services(in: ranges, most: 64) }.first { !$0.isEmpty } ?? []
        let suitable = known.filter { $0.transport == nil || $0.transport == transport }
        guard !suitable.isEmpty else { return [("services", services(), common)] }
        return suitable.prefix(3).map { ("services", seen([$0.address]), $0.port ?? common) }
    }

    /// One service of each family.
    private func services() -> [IPAddress] {
        guard let cluster = inventory.cluster(to.place) else { return [] }
        var families: Set<AddressFamily> = []
        let chosen = cluster.services.filter { families.insert($0.family).inserted }.map(\.example)
        return seen(chosen)
    }

    /// The name servers of the cluster.
    private func dns() -> (String, [IPAddress], Int) {
        let servers = inventory.cluster(to.place)?.dns ?? []
        let addresses = servers.map { server in seen([server.address]).first ?? server.address }
        return ("dns", addresses, Int(servers.first?.port ?? 53))
    }

    // MARK: - Senders

    /// The sender for packets of a family; nil if it has no address of it.
    private func sender(_ family: AddressFamily, to address: IPAddress) -> Sender? {
        switch from.kind {
        case .host(let host):
            guard let machine = map.machine(named: host.host.name, in: host.place) else { return nil }
            return Sender(address: IPAddress(family: family, bits: 0), origin: .machine(machine))
        case .addresses(let addresses):
            return addresses.first { $0.family == family }.flatMap { sender(at: $0) }
        case .place, .part:
            if let cluster = inventory.cluster(from.place) {
                let pods = ClusterServices.pods(of: narrowed(cluster), family).filter { $0 != address }
                return pods.lazy.compactMap { sender(at: $0) }.first
            }
            let network = inventory.site(from.place)?.networks.first { $0.family == family }
            return network.flatMap { sender(at: $0.example) }
        }
    }

    /// The sender with an address.
    private func sender(at address: IPAddress) -> Sender? {
        if let owner = map.owner(of: address, near: from.place),
            !map.machines[owner.machine].knowledge.isFabric
        {
            return Sender(address: address, origin: .machine(owner.machine))
        }
        if let cluster = inventory.cluster(from.place) {
            let inner = cluster.addressMap.inner(of: address) ?? address
            let node = cluster.nodes.first { node in node.pods.contains { $0.contains(inner) } }
            let name = node?.name ?? NetworkBuilder.otherNode
            guard let machine = map.machine(named: name, in: cluster.key) else { return nil }
            let port = NetworkMap.Port(machine: machine, device: podDevice(of: cluster, inner, on: machine))
            return Sender(address: inner, origin: .behind(port))
        }
        guard let site = inventory.site(from.place),
            let router = site.routers.lazy.filter({ $0.family == address.family })
                .compactMap({ map.owner(of: $0, near: site.key) }).first
        else { return nil }
        return Sender(address: address, origin: .behind(router))
    }

    /// The device that leads to a pod.
    private func podDevice(of cluster: Cluster, _ pod: IPAddress, on machine: Int) -> String {
        map.machines[machine].device(toward: pod) ?? cluster.podDevice
    }
}

extension Inventory {
    /// The first path by which `from` reaches `to`; nil if the file has none.
    func path(from: String, to: String) -> Path? {
        paths.first { path in
            switch path.ends {
            case .oneWay(from, to): true
            case .mutual(let members): from != to && members.contains(from) && members.contains(to)
            default: false
            }
        }
    }
}
