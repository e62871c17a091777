import IPAddressing
import Inventory

/// What BIRD, FRR and keepalived of one host need for the paths whose `failover` they are.
struct FailoverRendering {
    /// The planner with the inventory.
    private let planner: NetworkPlanner
    /// The host that they run on.
    private let host: LocatedHost

    /// Creates what `host` needs.
    init(_ planner: NetworkPlanner, _ host: LocatedHost) {
        self.planner = planner
        self.host = host
    }

    /// The paths with that failover in which the host is a relay, or the router of the near end.
    private func paths(_ failover: Failover) -> [RelayPlanning] {
        planner.inventory.paths.compactMap { path in
            guard case .relay(let settings) = path.carrier, settings.failover == failover else { return nil }
            return RelayPlanning(planner: planner, path: path, settings: settings)
        }
    }

    // MARK: - BGP

    /// One session with BGP, and what it carries.
    struct Session {
        /// Unique among the sessions of a host.
        let name: String
        /// This host's address.
        let local: IPAddress
        /// The other end's address.
        let neighbour: IPAddress
        /// The number of this host's autonomous system.
        let localAS: Int
        /// The number of the other end's autonomous system.
        let neighbourAS: Int
        /// The prefixes of both families that the relay announces.
        var prefixes: [IPPrefix]
        /// The relay's: the lowest is the most preferred; nil for the router's end.
        let metric: Int?
        /// The paths that need it.
        var reasons: [String]
        /// True if it announces the address of a forwarder.
        var isOfService: Bool { reasons.contains(FailoverRendering.serviceReason) }
    }

    /// The sessions of this host, one for each family and neighbour.
    var sessions: [Session] {
        var sessions: [Session] = []
        for planning in paths(.bgp) {
            let bgp = planning.settings.bgp
            let isRelay = planning.relays.contains { $0.isSame(as: host) }
            let isRouter = planner.routers(of: planning.from).contains { $0.isSame(as: host) }
            guard isRelay || isRouter else { continue }
            let others =
                isRelay
                ? routers(of: planning.from) : planning.relays.map { ($0.host.name, $0.host.addresses) }
            let announced = Announced(
                bgp: bgp, prefixes: planning.nearTraffic.flatMap(\.destinations),
                priority: isRelay ? planning.relay(host)?.priority ?? 100 : nil, reason: planning.path.label)
            add(announced, with: others, to: &sessions)
        }
        addService(to: &sessions)
        return sessions
    }

    /// What relays or forwarders announce.
    private struct Announced {
        /// The numbers of both ends.
        let bgp: BGPSettings
        /// The prefixes of both families.
        let prefixes: [IPPrefix]
        /// This host's if it announces them; nil if it learns them.
        let priority: Int?
        /// What needs it.
        let reason: String
    }

    /// Adds the sessions with the other ends, whose addresses are given with their names.
    private func add(
        _ announced: Announced, with others: [(String, [IPAddress])], to sessions: inout [Session]
    ) {
        let bgp = announced.bgp
        let announces = announced.priority != nil
        for family in AddressFamily.allCases {
            let prefixes = announced.prefixes.filter { $0.family == family }
            for (name, addresses) in others where !prefixes.isEmpty {
                guard let ends = nearest(host.host.addresses, addresses, family: family) else { continue }
                add(
                    Session(
                        name: "namebridge_\(name)_\(family)".identifier, local: ends.local,
                        neighbour: ends.remote, localAS: announces ? bgp.relayAS : bgp.routerAS,
                        neighbourAS: announces ? bgp.routerAS : bgp.relayAS, prefixes: prefixes,
                        metric: announced.priority.map { 255 - $0 }, reasons: [announced.reason]),
                    to: &sessions)
            }
        }
    }

    /// Adds the sessions by which the addresses of forwarders are announced.
    private func addService(to sessions: inout [Session]) {
        guard let announce = planner.inventory.dns.announce, announce.failover == .bgp else { return }
        let prefixes = announce.addresses.map(IPPrefix.init(only:))
        if let own = planner.forwarderEntry(host) {
            add(
                Announced(
                    bgp: announce.bgp, prefixes: prefixes, priority: own.priority,
                    reason: Self.serviceReason),
                with: routers(of: host.place), to: &sessions)
        } else if planner.routers(of: host.place).contains(where: { $0.isSame(as: host) }) {
            let forwarders = announce.hosts.compactMap(planner.inventory.forwarder)
                .filter { $0.place == host.place }
            add(
                Announced(bgp: announce.bgp, prefixes: prefixes, priority: nil, reason: Self.serviceReason),
                with: forwarders.map { ($0.host.name, $0.host.addresses) }, to: &sessions)
        }
    }

    /// What stands for a path.
    fileprivate static let serviceReason = "dns.announce"

    /// Adds a session, or its prefixes to the one with the same ends.
    private func add(_ session: Session, to sessions: inout [Session]) {
        guard
            let index = sessions.firstIndex(where: {
                $0.neighbour == session.neighbour && $0.local == session.local
            })
        else { return sessions.append(session) }
        sessions[index].prefixes += session.prefixes.filter { !sessions[index].prefixes.contains($0) }
        sessions[index].reasons += session.reasons
    }

    /// The routers of a site with all addresses that are known of each.
    private func routers(of place: String) -> [(String, [IPAddress])] {
        let hosts = planner.routers(of: place)
        if !hosts.isEmpty { return hosts.map { ($0.host.name, $0.host.addresses) } }
        guard let site = planner.sites[place] else { return [] }
        return AddressFamily.allCases.compactMap { family in
            let own = site.routers.filter { $0.family == family }
            return own.isEmpty ? nil : (site.key, own)
        }
    }

    /// The two addresses with the most leading bits in common: those of one network, if there is one.
    private func nearest(
        _ own: [IPAddress], _ others: [IPAddress], family: AddressFamily
    ) -> (local: IPAddress, remote: IPAddress)? {
        let pairs = own.filter { $0.family == family }.flatMap { local in
            others.filter { $0.family == family }.map { (local: local, remote: $0) }
        }
        return pairs.max {
            ($0.local.bits ^ $0.remote.bits).leadingZeroBitCount
                < ($1.local.bits ^ $1.remote.bits).leadingZeroBitCount
        }
    }

    /// For `router id`, which has the form of an address of IPv4.
    var routerID: String {
        host.host.addresses.first { $0.family == .v4 }?.description ?? "0.0.0.78"
    }

    /// The host's name.
    var name: String { host.host.name }

    // MARK: - VRRP

    /// One virtual address, and the path whose health decides who has it.
    struct Instance {
        /// Unique among the instances of a host.
        let name: String
        /// The ends of the path, as in `office/prod`.
        let path: String
        /// The device that has the address; nil if the file names none.
        let device: String?
        /// The host's address in the network of the virtual one; nil if it has none of its family.
        let address: IPAddress?
        /// The virtual address and its number.
        let settings: VRRPSettings
        /// The highest has the address.
        let priority: Int
        /// Whether a relay with a higher priority takes the address back.
        let preference: RelayPreference
        /// The path that needs it.
        let reason: String
    }

    /// The instances of this host.
    var instances: [Instance] {
        let ofPaths = paths(.vrrp).compactMap { planning -> Instance? in
            guard let vrrp = planning.settings.vrrp,
                planning.relays.contains(where: { $0.isSame(as: host) })
            else { return nil }
            return Instance(
                name: "namebridge_\(planning.from)_\(planning.cluster.key)",
                path: "\(planning.from)/\(planning.cluster.key)",
                device: vrrp.interface ?? host.host.device,
                address: nearest(host.host.addresses, [vrrp.address], family: vrrp.address.family)?.local,
                settings: vrrp,
                priority: planning.relay(host)?.priority ?? 100,
                preference: planning.settings.preference, reason: planning.path.label)
        }
        return ofPaths + serviceInstances
    }

    /// The instance of the forwarders' address.
    private var serviceInstances: [Instance] {
        guard let announce = planner.inventory.dns.announce, announce.failover == .vrrp,
            let id = announce.vrrpID, let address = announce.addresses.first,
            let own = planner.forwarderEntry(host)
        else { return [] }
        return [
            Instance(
                name: "namebridge_dns", path: "\(AnnouncedService.origin)/\(address)",
                device: announce.interface ?? host.host.device,
                address: nearest(host.host.addresses, [address], family: address.family)?.local,
                settings: VRRPSettings(id: id, address: address, interface: announce.interface),
                priority: own.priority, preference: .stay, reason: Self.serviceReason)
        ]
    }
}

extension String {
    /// A word that all three programs take as a name.
    fileprivate var identifier: String {
        String(map { $0.isLetter && $0.isASCII || $0.isNumber && $0.isASCII ? $0 : "_" })
    }
}
