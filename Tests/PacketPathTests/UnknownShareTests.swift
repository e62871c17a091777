import IPAddressing
import NetworkModel
import PacketPath
import Testing

/// How many packets through the rules of real hosts end at a rule that the reader does not understand.
@Suite struct UnknownShareTests {
    /// Rules of hosts with one program, and with several.
    private static let hosts = [
        ["docker.save"], ["firewalld.json"], ["ufw.save"], ["kube-proxy.save"], ["kube-proxy.json"], ["calico.save"],
        ["tailscale.save"], ["netbird.json"], ["openshift.json"], ["nixos.json"], ["nixos.save"],
        ["kube-proxy.json", "docker.save"], ["kube-proxy.save", "firewalld.json"], ["calico.save", "netbird.json"],
        ["ufw.save", "kube-proxy.json"], ["tailscale.save", "firewalld.json"], ["openshift.json", "docker.save"],
    ]

    @Test func `of packets through the rules of real hosts less than a twentieth is unknown`() throws {
        var (all, unknown) = (0, 0)
        var table: [String] = []
        for rules in Self.hosts {
            let exchanges = try Self.exchanges(on: rules)
            let open = exchanges.filter { $0.failed?.disposition == .unknown }
            let places = Set(open.compactMap { $0.failed?.culprit?.step.rule })
            all += exchanges.count
            unknown += open.count
            table.append("\(rules.joined(separator: " + ")): \(open.count) of \(exchanges.count) \(places.sorted().prefix(3))")
            #expect(exchanges.count > 200)
        }
        print("unknown on real hosts' rules: \(unknown) of \(all) packets\n" + table.joined(separator: "\n"))
        #expect(unknown * 20 < all, "\(table.joined(separator: "\n"))")
    }

    /// Senders and the devices that their packets come in by.
    private static let senders = [
        ("172.16.3.50", "eth1"), ("10.244.1.5", "cali0ef24ba"), ("192.168.5.12", "eth0"), ("10.244.2.9", "tunl0"),
        ("100.101.1.1", "tailscale0"), ("100.92.10.7", "wt0"), ("172.17.0.2", "docker0"), ("10.50.1.1", "eth0"),
    ]
    private static let destinations = [
        "10.244.2.8", "10.244.1.5", "10.244.1.6", "10.96.0.10", "10.96.0.1", "10.96.7.7", "172.16.0.2", "10.50.1.1",
        "172.16.3.60", "172.17.0.2", "8.8.8.8",
    ]
    private static let services = [("tcp", 80), ("tcp", 443), ("tcp", 22), ("udp", 53), ("icmp", 0)]

    /// The ways of every packet from every sender, with their answers.
    private static func exchanges(on rules: [String]) throws -> [PathExchange] {
        var state = try TestHost.state()
        for name in rules {
            let other = try TestHost.state(name)
            state.foreignItems += other.foreignItems
            state.iptables += other.iptables
        }
        var knowledge = Machine.Knowledge()
        knowledge.edgeDevices = ["eth0", "eth1", "tunl0", "cali0ef24ba", "cali1db7cc2", "docker0", "wt0", "tailscale0"]
        var map = NetworkMap()
        let node = map.add(
            Machine(name: "node", role: "node", state: state, evidence: .read, knowledge: knowledge), place: "prod")
        // What is behind the other node, and behind the gateway.
        for (name, text) in [("node2", "192.168.5.12"), ("gateway", "192.168.5.1")] {
            var far = HostState(links: [Link(name: "eth0", kind: .other("")), Link(name: "pods", kind: .other("veth"))])
            let own = InterfaceAddress(device: "eth0", address: try TestHost.address(text), length: 24)
            far.addresses.append(own)
            if let route = own.connectedRoute { far.routes.append(route) }
            for (prefix, gateway, device) in [
                ("0.0.0.0/0", "192.168.5.11", "eth0"), ("10.244.2.0/24", nil, "pods"), ("8.0.0.0/8", nil, "pods"),
            ] as [(String, String?, String)] {
                far.routes.append(
                    Route(
                        destination: try IPPrefix(parsing: prefix), routeProtocol: 4,
                        nextHops: [NextHop(gateway: gateway.flatMap { IPAddress($0) }, device: device)]))
            }
            var known = Machine.Knowledge()
            known.edgeDevices = ["pods"]
            map.add(Machine(name: name, role: "node", state: far, evidence: .read, knowledge: known), place: "prod")
        }
        let walk = NetworkWalk(map, toward: "prod")
        return try senders.flatMap { source, device in
            try destinations.filter { $0 != source }.flatMap { destination in
                try services.flatMap { transport, port in
                    let packet = Packet(
                        from: try TestHost.address(source), to: try TestHost.address(destination), transport: transport,
                        ports: port == 0 ? (0, 0) : (47_001, port))
                    return walk.exchanges(of: packet, from: .behind(NetworkMap.Port(machine: node, device: device)))
                }
            }
        }
    }
}
