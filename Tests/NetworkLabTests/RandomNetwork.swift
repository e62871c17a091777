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

    /// One setting.
    struct Feature: CustomStringConvertible {
        /// The host that has it.
        let host: String
        /// As a reader would type it.
        let description: String
        /// Makes the host's state have it.
        let change: (inout HostState) -> Void
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
        return states
    }

    private static func base(_ host: String) -> HostState {
        var state = HostState(links: [Link(name: "lo", kind: .other(""))])
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

    /// What is said of the packet: whether it arrives and its source there; nil as reached: not known.
    func prediction() -> (reached: Bool?, source: String?, text: String) {
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
        guard let destination = IPAddress(target.address), let client = index["c"] else { return (nil, nil, "") }
        let packet = Packet(
            from: IPAddress(v4: 0), to: destination, ports: (source: 40_000, destination: Int(target.port)))
        let exchanges = NetworkWalk(map, toward: "lab").exchanges(of: packet, from: .machine(client))
        let text = exchanges.flatMap { exchange in
            [exchange.request, exchange.reply].compactMap(\.self).flatMap { trace in
                trace.hops.flatMap { hop in
                    hop.steps.map { "  \(trace.isReply ? "<" : ">") \(hop.host) \($0.stage.rawValue): \($0.rule), \($0.after)" }
                }
            }
        }.joined(separator: "\n")
        guard let exchange = exchanges.first, exchanges.count == 1 else { return (nil, nil, text) }
        if exchange.failed?.disposition == .unknown { return (nil, nil, text) }
        let last = exchange.request.last
        // Nothing listens at other ports, or where the packet ends by itself.
        let isServed = exchange.request.hops.last?.host == "s" && last.destinationPort == 9400
        return (exchange.isComplete && isServed, "\(last.source)", text)
    }

    // MARK: - What the kernel is told

    /// Input of `ip -force -batch -` that replaces what an earlier network has left on a host.
    static func routeCommands(_ state: HostState, before: HostState?) -> String {
        var lines = (before?.policyRules ?? []).map { "rule del priority \($0.priority)" }
        lines += ["route flush table main proto static", "route flush table 100 proto static"]
        lines += state.routes.filter { $0.routeProtocol == 4 }.map { "route add \($0)" }
        lines += state.policyRules.map { "rule add \($0)" }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Input of `nft -j -f -`.
    static func filterCommands(_ state: HostState) -> String {
        let flush = JSONValue.object([("flush", .object([("ruleset", .null)]))])
        let items = [flush] + state.foreignItems.map { .object([("add", $0)]) }
        return JSONValue.object([("nftables", .array(items))]).description
    }
}
