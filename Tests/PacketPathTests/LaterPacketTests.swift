import IPAddressing
import NetworkModel
import PacketPath
import Testing

/// What becomes of the packets that follow the first ones of a connection: counterexamples of random networks.
@Suite struct LaterPacketTests {
    @Test(
        arguments: [
            ("established", "drop", "accept", "a rule drops what follows"),
            ("new", "accept", "drop", "no rule accepts what follows"),
        ])
    func `a firewall that lets first packets in alone stops the connection`(
        _ state: String, _ verdict: String, _ policy: String, _ why: String
    ) throws {
        let rule = #"{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "\#(state)"}}, {"\#(verdict)": null}"#
        let items = Self.table("input", type: "filter", priority: 0, policy: policy, rule)
        let stream = try Self.exchange(server: items)
        #expect(stream.failed?.culprit?.step.code == .filterDrop, "\(why)")
        #expect(stream.failed?.culprit?.hop.host == "s")
        // One echo request and its answer are all there is.
        #expect(try Self.exchange("icmp", server: items).isComplete)
    }

    @Test func `a mark of a chain of NAT is the first packet's alone`() throws {
        let mark = #"{"mangle": {"key": {"meta": {"key": "mark"}}, "value": 7}}"#
        let drop = #"{"match": {"op": "!=", "left": {"meta": {"key": "mark"}}, "right": 7}}, {"drop": null}"#
        let marking = Self.table("prerouting", type: "nat", priority: -100, policy: "accept", mark)
        let dropping = Self.table("forward", type: "filter", priority: 0, policy: "accept", drop, name: "other")
        // The answer has no mark: only what goes toward the server is examined.
        let one = dropping.replacing(
            #"{"drop""#, with: #"{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "e0"}}, {"drop""#)
        let lost = try Self.exchange(router: "\(marking), \(one)")
        #expect(lost.failed?.isReply == false && lost.failed?.culprit?.step.code == .filterDrop)
    }

    @Test func `a service's answers that pass the translating host twice become another connection`() throws {
        let service =
            #"{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "10.96.0.1"}},"#
            + #" {"dnat": {"addr": "10.0.2.2", "port": 80}}"#
        let items = Self.table("prerouting", type: "nat", priority: -100, policy: "accept", service)
        #expect(try Self.exchange(to: "10.96.0.1", router: items).isComplete)
        // The first answer comes back as it is, and what follows it with another port.
        let lost = try Self.exchange(to: "10.96.0.1", router: items) { router in
            let table = try Route(
                destination: IPPrefix(parsing: "0.0.0.0/0"), table: 100, routeProtocol: 4,
                nextHops: [NextHop(gateway: TestHost.address("10.0.2.2"), device: "e1")])
            router.routes.append(table)
            var rule = PolicyRule(family: .v4, priority: 100, action: .lookup(table: 100), ruleProtocol: 0)
            rule.source = try IPPrefix(parsing: "10.0.2.0/24")
            router.policyRules.append(rule)
        }
        #expect(lost.failed?.isReply == true && lost.failed?.culprit?.step.code == .routeElsewhere)
    }

    @Test(arguments: [(1, 2, "192.0.2.2"), (2, 1, "192.0.2.1")])
    func `of two tables with a chain of one priority the newer one decides`(
        _ first: Int, _ second: Int, _ source: String
    ) throws {
        let tables = [("one", first, "192.0.2.1"), ("other", second, "192.0.2.2")].map { name, handle, address in
            Self.table(
                "postrouting", type: "nat", priority: 100, policy: "accept", #"{"snat": {"addr": "\#(address)"}}"#, name: name,
                handle: handle)
        }
        #expect("\(try Self.exchange(router: tables.joined(separator: ", ")).request.last.source)" == source)
        // Programs that use iptables make their tables after the host's own.
        let later = try Self.exchange(router: tables.joined(separator: ", ")) { router in
            let text = "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j SNAT --to-source 192.0.2.3\nCOMMIT\n"
            router.iptables = [IPTablesState(family: .v4, saved: text)]
        }
        #expect("\(later.request.last.source)" == "192.0.2.3")
    }

    // MARK: - A client, a router and a server

    /// A table with one chain of one rule, as `nft -j` lists it.
    private static func table(
        _ hook: String, type: String, priority: Int, policy: String, _ rule: String, name: String = "lab", handle: Int = 1
    ) -> String {
        """
        {"table": {"family": "ip", "name": "\(name)", "handle": \(handle)}},
        {"chain": {"family": "ip", "table": "\(name)", "name": "a", "type": "\(type)", "hook": "\(hook)",
                   "prio": \(priority), "policy": "\(policy)"}},
        {"rule": {"family": "ip", "table": "\(name)", "chain": "a", "expr": [\(rule)]}}
        """
    }

    /// The way of a packet to port 80 of the server, and back.
    private static func exchange(
        _ transport: String = "tcp", to destination: String = "10.0.2.2", server: String = "", router: String = "",
        change: (inout HostState) throws -> Void = { _ in }
    ) throws -> PathExchange {
        var map = NetworkMap()
        let client = try host(["10.0.1.2"], gateway: "10.0.1.1", rules: "")
        let origin = map.add(Machine(name: "c", role: "host", state: client, evidence: .read), place: "lab")
        var middle = try host(["10.0.1.1", "10.0.2.1"], gateway: nil, rules: router)
        try change(&middle)
        _ = map.add(Machine(name: "r", role: "host", state: middle, evidence: .read), place: "lab")
        let end = try host(["10.0.2.2"], gateway: "10.0.2.1", rules: server)
        _ = map.add(Machine(name: "s", role: "host", state: end, evidence: .read), place: "lab")
        let packet = Packet(
            from: try TestHost.address("10.0.1.2"), to: try TestHost.address(destination), transport: transport,
            ports: transport == "icmp" ? (0, 0) : (40_000, 80))
        return try #require(NetworkWalk(map, toward: "lab").exchanges(of: packet, from: .machine(origin)).first)
    }

    /// A host with a device for each address, and a default route.
    private static func host(_ addresses: [String], gateway: String?, rules: String) throws -> HostState {
        var state = HostState(links: [Link(name: "lo", kind: .other(""))])
        for (index, text) in addresses.enumerated() {
            let own = InterfaceAddress(device: "e\(index)", address: try TestHost.address(text), length: 24)
            state.links.append(Link(name: own.device, kind: .other("")))
            state.addresses.append(own)
            if let route = own.connectedRoute { state.routes.append(route) }
        }
        if let gateway {
            state.routes.append(
                Route(
                    destination: try IPPrefix(parsing: "0.0.0.0/0"), routeProtocol: 4,
                    nextHops: [NextHop(gateway: try TestHost.address(gateway), device: "e0")]))
        }
        state.foreignItems = try FilterTable.items(ruleset: Array("{\"nftables\": [\(rules)]}".utf8))
        return state
    }
}
