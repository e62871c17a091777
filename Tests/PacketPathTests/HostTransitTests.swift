import IPAddressing
import NetworkModel
import PacketPath
import Testing

/// Packets through a whole host: translations of real rules, what they become, and what stops them.
@Suite struct HostTransitTests {
    @Test func `each endpoint that kube-proxy may draw is a way of its own, with the source that it sees`() throws {
        var state = try TestHost.state()
        state.iptables = [IPTablesState(family: .v4, saved: Self.services)]
        let exchanges = try walk(state, to: "10.96.5.5", port: 80)
        let ends = exchanges.map { "\($0.request.last)" }.sorted()
        #expect(
            ends == ["tcp 192.168.5.11:47001 > 10.244.1.5:8080", "tcp 192.168.5.11:47001 > 10.244.2.8:8080"])
        let near = try #require(exchanges.first { "\($0.request.last.destination)" == "10.244.1.5" })
        #expect(near.isComplete && near.reply?.last == near.request.packet.reply)
        // The other node is in no map.
        #expect(exchanges.contains { $0.failed?.culprit?.step.code == .notObserved })
    }

    @Test func `a pod that asks keeps its address, and so does a service without a rule`() throws {
        var state = try TestHost.state()
        state.iptables = [IPTablesState(family: .v4, saved: Self.services)]
        let exchanges = try walk(state, from: "10.244.1.6", by: "cali1db7cc2", to: "10.96.5.5", port: 80)
        #expect(exchanges.count == 2 && exchanges.allSatisfy { "\($0.request.last.source)" == "10.244.1.6" })
        let other = try #require(try walk(state, to: "10.96.5.5", port: 81).first)
        #expect("\(other.request.last.destination)" == "10.96.5.5")
    }

    @Test func `a service without endpoints is named`() throws {
        let exchange = try #require(try walk(TestHost.state("kube-proxy.save"), to: "10.96.7.7", port: 80).first)
        #expect(exchange.failed?.culprit?.step.code == .clusterIPNoEndpoint)
    }

    @Test func `nothing passes a full table of connections`() throws {
        var state = try TestHost.state()
        state.connections = ConnectionTable(count: 4096, most: 4096)
        let exchange = try #require(try walk(state, to: "10.244.1.5", port: 80).first)
        #expect(exchange.failed?.culprit?.step.code == .conntrackFull)
    }

    @Test func `a rule that is not understood makes the way unknown, and is named`() throws {
        var state = try TestHost.state()
        state.iptables = [
            IPTablesState(
                family: .v4,
                saved: "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m geoip --src-cc XX -j DROP\nCOMMIT\n")
        ]
        let exchange = try #require(try walk(state, to: "10.244.1.5", port: 80).first)
        #expect(exchange.failed?.disposition == .unknown)
        #expect(exchange.failed?.culprit?.step.rule.contains("geoip") == true)
    }

    @Test(arguments: [true, false])
    func `a pod that reaches itself through a service is told, unless its source is hidden`(isHidden: Bool) throws {
        var state = try TestHost.state()
        let rules =
            isHidden ? Self.services : Self.services.replacing("-A KUBE-SEP-A -s 10.244.1.5/32 -j KUBE-MARK-MASQ\n", with: "")
        state.iptables = [IPTablesState(family: .v4, saved: rules)]
        let exchanges = try walk(state, from: "10.244.1.5", by: "cali0ef24ba", to: "10.96.5.5", port: 80)
        let own = try #require(exchanges.first { "\($0.request.last.destination)" == "10.244.1.5" })
        #expect(own.failed?.culprit?.step.code == (isHidden ? nil : .hairpin))
        #expect(own.isComplete == isHidden)
    }

    @Test(
        arguments: [
            ("172.16.9.9", "eth1", 2, nil), ("172.16.9.9", "eth0", 1, PathStep.SourceFault.anotherDevice),
            ("172.16.9.9", "eth0", 2, nil), ("203.0.113.7", "eth0", 2, .noRoute), ("172.16.9.9", "bare", 2, .bareDevice),
            ("192.168.5.11", "eth1", 0, .ownAddress),
        ] as [(String, String, Int, PathStep.SourceFault?)])
    func `a source that is refused is told with its cause`(
        _ source: String, _ device: String, _ filter: Int, _ fault: PathStep.SourceFault?
    ) throws {
        var state = try TestHost.state()
        state.links.append(Link(name: "bare", kind: .other("")))
        state.routes.removeAll { $0.destination.length == 0 }
        state.settings[KernelSetting(family: .v4, device: device, name: .reversePathFilter)] = filter
        let exchange = try #require(try walk(state, from: source, by: device, to: "10.244.1.5", port: 80).first)
        #expect(exchange.request.culprit?.step.sourceFault == fault, "\(exchange.request.steps.map(\.rule))")
    }

    /// A counterexample of random networks: a machine that sees answers alone neither translates nor tracks echo replies.
    @Test func `an echo reply begins no connection on a machine that has not seen the request`() throws {
        let text = """
            {"nftables": [{"table": {"family": "ip", "name": "lab"}},
            {"chain": {"family": "ip", "table": "lab", "name": "a", "type": "nat", "hook": "postrouting", "prio": 100}},
            {"rule": {"family": "ip", "table": "lab", "chain": "a", "expr": [{"snat": {"addr": "10.0.3.1"}}]}}]}
            """
        var map = NetworkMap()
        func add(_ name: String, _ addresses: [String], _ routes: [(String, String)], items: String? = nil) throws -> Int {
            var state = HostState(links: [Link(name: "lo", kind: .other(""))])
            for (index, text) in addresses.enumerated() {
                let own = InterfaceAddress(device: "e\(index)", address: try TestHost.address(text), length: 24)
                state.links.append(Link(name: own.device, kind: .other("")))
                state.addresses.append(own)
                if let route = own.connectedRoute { state.routes.append(route) }
            }
            for (prefix, gateway) in routes {
                let hop = try TestHost.address(gateway)
                let device = state.addresses.first { $0.network.contains(hop) }?.device
                state.routes.append(
                    Route(
                        destination: try IPPrefix(parsing: prefix), routeProtocol: 4,
                        nextHops: [NextHop(gateway: hop, device: device)]))
            }
            if let items { state.foreignItems = try FilterTable.items(ruleset: Array(items.utf8)) }
            return map.add(Machine(name: name, role: "host", state: state, evidence: .read), place: "lab")
        }
        let client = try add("c", ["10.0.1.2"], [("0.0.0.0/0", "10.0.1.1")])
        _ = try add("there", ["10.0.1.1", "10.0.2.1"], [])
        _ = try add("back", ["10.0.1.3", "10.0.3.1"], [], items: text)
        _ = try add("s", ["10.0.2.2", "10.0.3.2"], [("10.0.1.0/24", "10.0.3.1")])
        for transport in ["icmp", "udp"] {
            let packet = Packet(
                from: try TestHost.address("10.0.1.2"), to: try TestHost.address("10.0.2.2"), transport: transport,
                ports: transport == "udp" ? (40_000, 53) : (0, 0))
            let exchange = try #require(
                NetworkWalk(map, toward: "lab").exchanges(of: packet, from: .machine(client)).first)
            #expect(exchange.isComplete == (transport == "icmp"), "\(transport): \(exchange.reply?.steps.map(\.rule) ?? [])")
        }
    }

    /// A counterexample of random networks.
    @Test func `of two chains of NAT with one priority the newer one decides`() throws {
        var state = try TestHost.state()
        let text = """
            {"nftables": [{"table": {"family": "ip", "name": "lab"}},
            {"chain": {"family": "ip", "table": "lab", "name": "a", "type": "nat", "hook": "postrouting", "prio": 100}},
            {"chain": {"family": "ip", "table": "lab", "name": "b", "type": "nat", "hook": "postrouting", "prio": 100}},
            {"rule": {"family": "ip", "table": "lab", "chain": "a", "expr": [{"snat": {"addr": "192.0.2.1"}}]}},
            {"rule": {"family": "ip", "table": "lab", "chain": "b", "expr": [{"snat": {"addr": "192.0.2.2"}}]}}]}
            """
        state.foreignItems = try FilterTable.items(ruleset: Array(text.utf8))
        let exchange = try #require(try walk(state, to: "10.244.1.5", port: 80).first)
        #expect("\(exchange.request.last.source)" == "192.0.2.2")
    }

    /// The rules of kube-proxy's iptables mode for one service with two pods.
    private static let services = """
        *nat
        :PREROUTING ACCEPT [0:0]
        :POSTROUTING ACCEPT [0:0]
        :KUBE-SERVICES - [0:0]
        :KUBE-SVC-X - [0:0]
        :KUBE-SEP-A - [0:0]
        :KUBE-SEP-B - [0:0]
        :KUBE-MARK-MASQ - [0:0]
        :KUBE-POSTROUTING - [0:0]
        -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
        -A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
        -A KUBE-SERVICES -d 10.96.5.5/32 -p tcp -m comment --comment "shop/web:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-X
        -A KUBE-SVC-X ! -s 10.244.0.0/16 -d 10.96.5.5/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ
        -A KUBE-SVC-X -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-A
        -A KUBE-SVC-X -j KUBE-SEP-B
        -A KUBE-SEP-A -s 10.244.1.5/32 -j KUBE-MARK-MASQ
        -A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.244.1.5:8080
        -A KUBE-SEP-B -s 10.244.2.8/32 -j KUBE-MARK-MASQ
        -A KUBE-SEP-B -p tcp -m tcp -j DNAT --to-destination 10.244.2.8:8080
        -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
        -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
        -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
        -A KUBE-POSTROUTING -j MASQUERADE --random-fully
        COMMIT

        """

    /// Routes that name a group are printed without hops where nexthop_compat_mode is off.
    @Test func `each member of a group of next hops is a way, and one that left the group is none`() throws {
        var state = try TestHost.state()
        let row = #"[{"type":"unicast","dst":"10.60.0.0/16","nhid":781000000,"protocol":"78","metric":1,"flags":[]}]"#
        state.routes += try Route.read(Array(row.utf8), family: .v4)
        for (members, expected) in [
            ([780_000_001, 780_000_002], ["192.168.5.61", "192.168.5.62"]), ([780_000_002], ["192.168.5.62"]),
        ] {
            let group = NextHopGroup(
                members: members.map { NextHopGroup.Member(id: $0, weight: 1) },
                resilience: NextHopGroup.Resilience(buckets: 1024, idleSeconds: 60))
            let hops = [61, 62].map { number in
                NextHopObject(
                    id: 780_000_000 + number - 60, .hop(NextHop(gateway: IPAddress("192.168.5.\(number)"), device: "eth0")))
            }
            state.nextHopObjects = hops + [NextHopObject(id: 781_000_000, .group(group))]
            state.expandNextHops()
            let exchanges = try walk(state, to: "10.60.1.2", port: 80)
            let steps = exchanges.flatMap(\.request.steps).filter { $0.stage == .route && $0.action == .forward }
            #expect(steps.allSatisfy { $0.rule.contains("by nexthop 781000000") }, "\(steps.map(\.rule))")
            #expect(steps.allSatisfy { $0.evidence == .read && $0.device == "eth0" })
            let gateways = expected.filter { gateway in steps.contains { $0.rule.contains("via \(gateway) ") } }
            #expect(gateways == expected && exchanges.count == expected.count, "\(steps.map(\.rule))")
        }
        // Without members there is nothing that leads on.
        state.nextHopObjects = [NextHopObject(id: 781_000_000, .group(NextHopGroup(members: [], resilience: nil)))]
        state.expandNextHops()
        let lost = try #require(try walk(state, to: "10.60.1.2", port: 80).first?.failed)
        #expect(lost.disposition == .lost && lost.culprit?.step.code == .noRoute, "\(lost.steps.map(\.rule))")
    }

    /// The ways of a packet through the host.
    private func walk(
        _ state: HostState, from source: String = "172.16.3.50", by device: String = "eth1", to target: String,
        port: Int
    ) throws -> [PathExchange] {
        var knowledge = Machine.Knowledge()
        knowledge.edgeDevices = ["eth0", "eth1", "tunl0", "cali0ef24ba", "cali1db7cc2"]
        var map = NetworkMap()
        let machine = Machine(name: "node", role: "node", state: state, evidence: .read, knowledge: knowledge)
        let index = map.add(machine, place: "prod")
        let packet = Packet(
            from: try TestHost.address(source), to: try TestHost.address(target), ports: (47_001, port))
        return NetworkWalk(map, toward: "prod").exchanges(
            of: packet, from: .behind(NetworkMap.Port(machine: index, device: device)))
    }
}
