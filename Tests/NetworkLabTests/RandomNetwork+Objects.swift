import IPAddressing
import Inventory
import JSON
import NetworkModel

// What Namebridge itself makes on hosts: its table, next hops as objects, a mesh; and the firewall of the far host.

extension RandomNetwork {
    /// A firewall of iptables for packets of the far host itself.
    static func hostFirewall(_ numbers: inout SeededNumbers) -> Feature {
        let device = ["eb", "ed"].draw(&numbers)
        let arriving = [
            "-i \(device)", "! -i \(device)", "-s 10.0.1.0/24", "-p tcp -m tcp --dport 9400", "-p tcp -m tcp --dport 80",
            "-m conntrack --ctstate RELATED,ESTABLISHED", "-m conntrack --ctstate NEW", "-d 10.9.0.1/32",
        ]
        let leaving = [
            "-o \(device)", "-d 10.0.1.0/24", "-p tcp -m tcp --sport 9400", "-m conntrack --ctstate RELATED,ESTABLISHED",
        ]
        let lines = (0..<Int.random(in: 1...3, using: &numbers)).map { _ in
            let isInput = Int.random(in: 0..<3, using: &numbers) > 0
            return "-A \(isInput ? "INPUT" : "OUTPUT") \((isInput ? arriving : leaving).draw(&numbers))"
                + " -j \(["ACCEPT", "ACCEPT", "DROP"].draw(&numbers))"
        }
        let policies = [["ACCEPT", "ACCEPT", "DROP"].draw(&numbers), ["ACCEPT", "ACCEPT", "DROP"].draw(&numbers)]
        return Feature(kind: .hostFirewall, host: "s", description: "s: iptables INPUT, OUTPUT \(policies) \(lines)") { state in
            guard state.iptables.isEmpty else { return }
            let head = ["*filter", ":INPUT \(policies[0]) [0:0]", ":OUTPUT \(policies[1]) [0:0]"]
            state.iptables = [
                IPTablesState(family: .v4, saved: (head + lines + ["COMMIT"]).joined(separator: "\n") + "\n")
            ]
        }
    }

    /// Our own table: a relay that hides its clients, or gives them other addresses, one for each.
    static func ownTable(_ host: String, _ numbers: inout SeededNumbers) -> Feature {
        let device = (addresses[host] ?? []).map(\.device).filter { $0 != "lo" }.draw(&numbers)
        let own = (addresses[host] ?? []).first { $0.device == device }?.address ?? ""
        let isBySource = Bool.random(using: &numbers)
        let way = Int.random(in: 0..<4, using: &numbers)
        // Answers to the other addresses come back, or do not.
        let hasWayBack = Int.random(in: 0..<4, using: &numbers) > 0
        let near = host == "b" ? "10.0.2.0/24" : "10.0.3.0/24"
        return Feature(
            kind: .ownTable, host: host,
            description: "\(host): own table \(way) for \(isBySource ? "10.0.1.0/24" : device), way back \(hasWayBack)"
        ) { state in
            guard state.tables.isEmpty, let clients = try? IPPrefix(parsing: "10.0.1.0/24"),
                let others = try? IPPrefix(parsing: hasWayBack ? near : "10.201.1.0/24"),
                let pair = PrefixTranslation(from: clients, to: others), let address = IPAddress(own)
            else { return }
            var matches: [FilterMatch] = way > 1 || isBySource ? [.source(PrefixSet([clients]))] : []
            if !isBySource { matches.append(.outDevice([device])) }
            let action: FilterAction =
                switch way {
                case 0: .masquerade(isFullyRandom: false)
                case 1: .sourceTranslation(to: address, isFullyRandom: false)
                default: .prefixTranslation(.source, [pair])
                }
            let hook = FilterHook(type: .nat, point: .postrouting, priority: 95)
            state.tables = [
                FilterTable(
                    family: .inet, name: Ownership.table,
                    chains: [FilterChain(name: "srcnat", hook: hook, rules: [FilterRule(matches, action)])])
            ]
        }
    }

    /// A route by two numbered next hops in a resilient group, as an agent makes it.
    static func objectHops(_ host: String, _ numbers: inout SeededNumbers) -> Feature {
        let prefix = ["10.9.0.0/16", "10.0.1.0/24", "10.96.0.0/16"].draw(&numbers)
        let gateways = ["a": ["10.0.2.2", "10.0.3.2"], "s": ["10.0.4.1", "10.0.5.1"]][host] ?? []
        let isResilient = Bool.random(using: &numbers)
        let isSingle = Int.random(in: 0..<4, using: &numbers) == 0
        return Feature(
            kind: .nextHopObjects, host: host,
            description: "\(host): route \(prefix) by objects via \(gateways), resilient \(isResilient), one \(isSingle)"
        ) { state in
            guard state.nextHopObjects == nil,
                !state.routes.contains(where: { "\($0.destination)" == prefix && $0.routeProtocol == 2 })
            else { return }
            let hops = gateways.prefix(isSingle ? 1 : 2).flatMap { route(prefix, $0, of: state).nextHops }
            let objects = hops.enumerated().map { NextHopObject(id: 11 + $0.offset, .hop($0.element)) }
            let group = NextHopGroup(
                members: objects.map { NextHopGroup.Member(id: $0.id, weight: 1) },
                resilience: isResilient ? NextHopGroup.Resilience(buckets: 32, idleSeconds: 60) : nil)
            state.nextHopObjects = objects + [NextHopObject(id: 10, .group(group))]
            var merged = route(prefix, gateways.first, of: state)
            merged.nextHops = hops
            merged.nextHopID = 10
            state.routes.removeAll { $0.destination == merged.destination && $0.table == 254 }
            state.routes.append(merged)
        }
    }

    // MARK: - A mesh

    /// The VXLAN device of `a` and `b`, which every network has.
    static let meshDevice = "vx0"
    /// The addresses in the mesh and around it.
    static let meshEnds = [
        "a": (address: "10.8.8.1", outer: "10.0.2.1", mac: "02:00:00:00:88:01"),
        "b": (address: "10.8.8.2", outer: "10.0.2.2", mac: "02:00:00:00:88:02"),
    ]

    /// Adds the device to a host that has it.
    static func addMeshEnd(to state: inout HostState, of host: String) {
        guard let end = meshEnds[host], let address = IPAddress(end.address), let outer = IPAddress(end.outer) else { return }
        let link = VXLANLink(id: 4096, port: 8472, local: outer, underlay: nil)
        state.links.append(Link(name: meshDevice, kind: .vxlan(link), mtu: 1450))
        let own = InterfaceAddress(device: meshDevice, address: address, length: 24)
        state.addresses.append(own)
        if let route = own.connectedRoute { state.routes.append(route) }
    }

    /// The script that makes the device.
    static var meshScript: [String] {
        meshEnds.sorted { $0.key < $1.key }.flatMap { host, end in
            [
                "ip -n ${P}\(host) link add \(meshDevice) address \(end.mac) type vxlan id 4096 dstport 8472"
                    + " local \(end.outer) nolearning",
                "ip -n ${P}\(host) link set \(meshDevice) mtu 1450 up",
                "address \(host) \(meshDevice) \(end.address)/24 \(wordInV6(end.address))/120",
            ]
        }
    }

    /// A way through the mesh, of which an entry may be missing, and around which a firewall may stand.
    static func mesh(_ numbers: inout SeededNumbers) -> [Feature] {
        let missing = Int.random(in: 0..<8, using: &numbers)
        let isOneWay = Int.random(in: 0..<4, using: &numbers) == 0
        let guarded = Int.random(in: 0..<6, using: &numbers)
        return [("a", "b", ["10.9.0.0/16", "10.0.4.0/24"]), ("b", "a", ["10.0.1.0/24"])].map { host, other, prefixes in
            let lacks = host == "a" && missing == 0 ? "neighbour" : host == "b" && missing == 1 ? "entry" : ""
            return Feature(
                kind: .mesh, host: host,
                description: "\(host): mesh to \(other), one way \(isOneWay), lacks \(lacks), guarded \(guarded)"
            ) { state in
                guard let far = meshEnds[other], let address = IPAddress(far.address), let outer = IPAddress(far.outer),
                    let mac = MACAddress(far.mac)
                else { return }
                if lacks != "neighbour" {
                    state.neighbours.append(Neighbour(device: meshDevice, address: address, mac: mac))
                }
                if lacks != "entry" {
                    state.forwardingEntries.append(ForwardingEntry(device: meshDevice, mac: mac, destination: outer))
                }
                if host == "b", guarded == 0 {
                    let isTunnel = match(payload("udp", "dport"), .integer(8472))
                    chain(&state, "filter", "input", 0, [[isTunnel, .object([("drop", .null)])]])
                }
                guard host == "a" || !isOneWay else { return }
                for prefix in prefixes {
                    let route = route(prefix, far.address, of: state)
                    state.routes.removeAll { $0.destination == route.destination && $0.table == 254 && $0.routeProtocol == 4 }
                    if !state.routes.contains(where: { $0.destination == route.destination && $0.table == 254 }) {
                        state.routes.append(route)
                    }
                }
            }
        }
    }
}

// MARK: - In IPv6

extension HostState {
    /// Changes next hops as objects, entries of the mesh and our table to the other family. What is around the mesh stays
    /// IPv4, with the addresses and routes of the cables.
    mutating func putObjectsInV6(of other: HostState) {
        nextHopObjects = nextHopObjects.map { objects in
            objects.map { object in
                guard case .hop(var hop) = object.content else { return object }
                hop.gateway = hop.gateway?.inV6
                return NextHopObject(id: object.id, .hop(hop))
            }
        }
        neighbours = neighbours.map { Neighbour(device: $0.device, address: $0.address.inV6, mac: $0.mac) }
        for table in tables.indices {
            for chain in tables[table].chains.indices {
                tables[table].chains[chain].rules = tables[table].chains[chain].rules.map(\.inV6)
            }
        }
        addresses += other.addresses
        routes += other.routes.filter { $0.routeProtocol != 4 }
    }
}

extension FilterRule {
    /// The same rule in IPv6.
    fileprivate var inV6: FilterRule {
        var rule = self
        rule.matches = matches.map { match in
            guard case .source(let prefixes) = match else { return match }
            return .source(PrefixSet(prefixes.prefixes.map(\.inV6)))
        }
        switch action {
        case .sourceTranslation(let address, let isRandom):
            rule.action = .sourceTranslation(to: address.inV6, isFullyRandom: isRandom)
        case .prefixTranslation(let end, let pairs):
            rule.action = .prefixTranslation(
                end, pairs.compactMap { PrefixTranslation(from: $0.from.inV6, to: $0.to.inV6) })
        default: break
        }
        return rule
    }
}
