import IPAddressing
import JSON
import NetworkModel
import PacketPath

/// A small network with random settings, as values: what the kernel is made to have, and what is explained.
///
/// ```
/// c ec--a eb--ea b es--eb s     10.0.1 (c-a), 10.0.2 (a-b), 10.0.3 (a-d), 10.0.4 (b-s), 10.0.5 (d-s); 10.9.0.1 is on s
///         a ed--ea d es--ed s
/// ```
struct RandomNetwork {
    /// What differs from a network where everything arrives, in the order in which it is set.
    var features: [Feature]
    /// The destination of the packet.
    let target: (address: String, port: UInt16)
    /// Of its addresses: a network of IPv6 is one of IPv4 with other addresses.
    var family = AddressFamily.v4

    /// A cable whose packets are smaller than others', by its index; nil if there is none.
    var narrow: (cable: Int, octets: Int)?

    /// The destination in the network's family.
    var destination: String { family == .v6 ? Self.wordInV6(target.address) : target.address }

    /// One setting.
    struct Feature: CustomStringConvertible {
        /// What it is.
        let kind: Kind
        /// The host that has it.
        let host: String
        /// As a reader would type it.
        let description: String
        /// Makes the host's state have it.
        let change: (inout HostState) -> Void
    }

    /// The kinds of settings.
    enum Kind: String, CaseIterable {
        case route, policyRule, reversePath, forwardingSwitch, filter, mark, sourceTranslation, service, map, kubeProxy
        case iptables, severalHops, nextHopObjects, hostFirewall, ownTable, mesh, narrowCable, v6
    }

    /// The kinds that it has.
    var kinds: Set<Kind> {
        Set(features.map(\.kind)).union(narrow == nil ? [] : [.narrowCable]).union(family == .v6 ? [.v6] : [])
    }

    static let hosts = ["c", "a", "b", "d", "s"]
    static let cables = [
        ("c", "ec", "a", "ec"), ("a", "eb", "b", "ea"), ("a", "ed", "d", "ea"), ("b", "es", "s", "eb"), ("d", "es", "s", "ed"),
    ]

    static let addresses: [String: [(device: String, address: String, length: Int)]] = [
        "c": [("ec", "10.0.1.2", 24)], "a": [("ec", "10.0.1.1", 24), ("eb", "10.0.2.1", 24), ("ed", "10.0.3.1", 24)],
        "b": [("ea", "10.0.2.2", 24), ("es", "10.0.4.1", 24)], "d": [("ea", "10.0.3.2", 24), ("es", "10.0.5.1", 24)],
        "s": [("lo", "10.9.0.1", 32), ("eb", "10.0.4.2", 24), ("ed", "10.0.5.2", 24)],
    ]

    private static let routes: [String: [(String, String)]] = [
        "c": [("0.0.0.0/0", "10.0.1.1")],
        "a": [
            ("10.9.0.0/16", "10.0.2.2"), ("10.0.4.0/24", "10.0.2.2"), ("10.0.5.0/24", "10.0.3.2"), ("10.96.0.0/16", "10.0.2.2"),
        ],
        "b": [
            ("10.0.1.0/24", "10.0.2.1"), ("10.9.0.0/16", "10.0.4.2"), ("10.0.3.0/24", "10.0.2.1"), ("10.0.5.0/24", "10.0.4.2"),
        ],
        "d": [
            ("10.0.1.0/24", "10.0.3.1"), ("10.9.0.0/16", "10.0.5.2"), ("10.0.2.0/24", "10.0.3.1"), ("10.0.4.0/24", "10.0.5.2"),
        ],
        "s": [("10.0.1.0/24", "10.0.4.1"), ("10.0.2.0/24", "10.0.4.1"), ("10.0.3.0/24", "10.0.5.1")],
    ]

    /// The hosts with all features.
    var states: [String: HostState] {
        var states: [String: HostState] = [:]
        for host in Self.hosts { states[host] = Self.base(host) }
        for feature in features { feature.change(&states[feature.host, default: HostState()]) }
        if let narrow {
            let cable = Self.cables[narrow.cable]
            for (host, device) in [(cable.0, cable.1), (cable.2, cable.3)] {
                guard let index = states[host]?.links.firstIndex(where: { $0.name == device }) else { continue }
                states[host]?.links[index].mtu = narrow.octets
            }
        }
        return family == .v6 ? states.mapValues(\.inV6) : states
    }

    private static func base(_ host: String) -> HostState {
        var state = HostState(links: [Link(name: "lo", kind: .other(""))])
        addMeshEnd(to: &state, of: host)
        for (device, text, length) in addresses[host] ?? [] {
            guard let address = IPAddress(text) else { continue }
            if device != "lo" { state.links.append(Link(name: device, kind: .other("veth"), mtu: 1500)) }
            let own = InterfaceAddress(device: device, address: address, length: length)
            state.addresses.append(own)
            if let route = own.connectedRoute { state.routes.append(route) }
        }
        for (prefix, gateway) in routes[host] ?? [] { state.routes.append(Self.route(prefix, gateway, of: state)) }
        for device in state.links.map(\.name) + ["all"] where device != "lo" {
            state.settings[KernelSetting(family: .v4, device: device, name: .forwarding)] = 1
            state.settings[KernelSetting(family: .v4, device: device, name: .reversePathFilter)] = 0
        }
        state.iptables = []
        return state
    }

    /// A route by a gateway of a connected network, as the kernel lists it; nil as gateway: a blackhole.
    static func route(_ prefix: String, _ gateway: String?, table: Int = 254, of state: HostState) -> Route {
        let destination = (try? IPPrefix(parsing: prefix)) ?? IPPrefix(only: IPAddress(v4: 0))
        guard let hop = gateway.flatMap({ IPAddress($0) }) else {
            return Route(destination: destination, kind: .blackhole, table: table, routeProtocol: 4, metric: 0, nextHops: [])
        }
        let device = state.addresses.first { $0.length < 32 && $0.network.contains(hop) }?.device
        return Route(
            destination: destination, table: table, routeProtocol: 4, metric: 0,
            nextHops: [NextHop(gateway: hop, device: device)])
    }

    // MARK: - What is explained

    /// What may become of the packet, by what is said of it.
    struct Prediction {
        /// The sources that the destination may see, and nil if the packet or its answer may be lost; several where the
        /// kernel draws one of several ways. Nil if a way is not known.
        var outcomes: Set<String?>?
        /// Whether an echo request of 1,400 octets that may not be cut is answered; both where the kernel draws one of
        /// several ways. Nil if a way is not known.
        var large: Set<Bool>?
        /// The ways, step by step.
        var text: String
    }

    /// What is said of the packet, and of a large one.
    func prediction() -> Prediction {
        let exchanges = exchanges("tcp", size: 60)
        var prediction = Prediction(text: exchanges.map(\.lines).joined(separator: "\n"))
        if !exchanges.isEmpty, !exchanges.contains(where: { $0.failed?.disposition == .unknown }) {
            let outcomes = exchanges.map { exchange -> String? in
                let last = exchange.request.last
                // Nothing listens at other ports, or where the packet ends by itself.
                let isServed = exchange.request.hops.last?.host == "s" && last.destinationPort == 9400
                return exchange.isComplete && isServed ? "\(last.source)" : nil
            }
            prediction.outcomes = Set(outcomes)
        }
        let large = self.exchanges(family == .v4 ? "icmp" : "ipv6-icmp", size: Self.largeSize)
        if !large.isEmpty, !large.contains(where: { $0.failed?.disposition == .unknown }) {
            // One echo request is sent: what becomes of those after its answer is not seen.
            prediction.large = Set(large.map { $0.reply?.disposition == .delivered && $0.isWide(family) })
        }
        return prediction
    }

    /// Of a large packet, in octets.
    static let largeSize = 1_400

    /// The ways of a packet of the client.
    private func exchanges(_ transport: String, size: Int) -> [PathExchange] {
        var map = NetworkMap()
        let states = states
        var index: [String: Int] = [:]
        for host in Self.hosts {
            var knowledge = Machine.Knowledge()
            knowledge.forwards = false
            let machine = Machine(
                name: host, role: "host", state: states[host] ?? HostState(), evidence: .read, knowledge: knowledge)
            index[host] = map.add(machine, place: "lab")
        }
        for (one, device, other, peer) in Self.cables {
            guard let left = index[one], let right = index[other] else { continue }
            map.join(
                NetworkMap.Port(machine: left, device: device), NetworkMap.Port(machine: right, device: peer))
        }
        if let left = index["a"], let right = index["b"] {
            map.join(
                NetworkMap.Port(machine: left, device: Self.meshDevice),
                NetworkMap.Port(machine: right, device: Self.meshDevice))
        }
        guard let destination = IPAddress(destination), let client = index["c"] else { return [] }
        let packet = Packet(
            from: IPAddress(family: family, bits: 0), to: destination, transport: transport,
            ports: transport == "tcp" ? (source: 40_000, destination: Int(target.port)) : (0, 0))
        return NetworkWalk(map, toward: "lab", size: size).exchanges(of: packet, from: .machine(client))
    }

    // MARK: - What the kernel is told

    /// Input of `ip -force -batch -` that removes what an earlier network has left on a host.
    static func cleaningCommands(_ state: HostState) -> String {
        let lines =
            state.policyRules.map { "rule del priority \($0.priority)" }
            + state.neighbours.map { "neigh del \($0.address) dev \($0.device)" }
        let flushed = ["route flush table main proto static", "route flush table 100 proto static"]
        return (lines + flushed + (state.nextHopObjects == nil ? [] : ["nexthop flush"]))
            .joined(separator: "\n") + "\n"
    }

    /// Input of `ip -batch -`, without a family, for the next hops of a host: groups have none. Empty if it has none.
    static func objectCommands(_ state: HostState) -> String {
        (state.nextHopObjects ?? []).map { "nexthop add \($0)\n" }.joined()
    }

    /// Input of `ip -batch -` for the routes of a host.
    static func routeCommands(_ state: HostState) -> String {
        let links = state.links.filter { $0.name != "lo" }.map { "link set dev \($0.name) mtu \($0.mtu ?? 1500)" }
        let lines =
            links + state.neighbours.map { "neigh replace \($0)" }
            + state.routes.filter { $0.routeProtocol == 4 }.map { "route add \($0)" }
            + state.policyRules.map { "rule add \($0)" }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Input of `bridge -force -batch -` that makes a host have its forwarding entries.
    static func bridgeCommands(_ state: HostState, after earlier: HostState?) -> String {
        func line(_ word: String, _ entry: ForwardingEntry) -> String {
            "fdb \(word) \(entry.mac) dev \(entry.device) dst \(entry.destination)\n"
        }
        return (earlier?.forwardingEntries ?? []).map { line("del", $0) }.joined()
            + state.forwardingEntries.map { line("append", $0) }.joined()
    }

    /// Input of `nft -j -f -`.
    static func filterCommands(_ state: HostState) -> String {
        let flush = JSONValue.object([("flush", .object([("ruleset", .null)]))])
        let all = state.tables.flatMap(\.json) + state.foreignItems
        let items = [flush] + all.map { .object([("add", $0)]) }
        return JSONValue.object([("nftables", .array(items))]).description
    }
}

extension PathExchange {
    /// The steps, one line for each.
    fileprivate var lines: String {
        [request, reply].compactMap(\.self).flatMap { trace in
            trace.hops.flatMap { hop in
                hop.steps.map { "  \(trace.isReply ? "<" : ">") \(hop.host) \($0.stage.rawValue): \($0.rule), \($0.after)" }
            }
        }.joined(separator: "\n")
    }

    /// True if a large echo request passes all devices, and its answer as well: hosts of IPv4 cut that on the way, those of
    /// IPv6 where it begins.
    fileprivate func isWide(_ family: AddressFamily) -> Bool {
        guard !request.steps.contains(where: { $0.code == .mtu }) else { return false }
        let later = reply?.hops.dropFirst().flatMap(\.steps).filter { $0.stage == .route }.compactMap(\.mtu) ?? []
        return family == .v4 || later.allSatisfy { $0 >= RandomNetwork.largeSize }
    }
}
