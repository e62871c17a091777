import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// What would cut a host off is refused before any change; what others have made is named.
@Suite struct RefusalTests {
    private func router() throws -> HostPlan {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  prod:
                    dns: [10.96.0.10]
                    pods: [10.244.0.0/16]
                    services: [10.96.0.0/16]
                    cni: calico-bgp
                    nodes: { n1: { address: 192.168.5.11, pods: [10.244.1.0/24] } }
                sites:
                  office:
                    networks: [192.168.7.0/24]
                    router: 192.168.5.2
                    hosts: { gate: { address: 192.168.5.2 } }
                paths: [{ from: office, to: prod, via: relay, relays: [n1] }]
                """)
        return try Networks.plan("office/gate", in: inventory)
    }

    private func refusals(
        _ context: HostContext = HostContext(), _ change: (inout HostState) -> Void = { _ in }
    ) throws -> [String] {
        let plan = try router()
        var state = FakeHost.fresh(plan.host)
        change(&state)
        return difference(from: state, to: plan, context: context).notes.filter { $0.severity == .refusal }
            .map(\.message)
    }

    @Test func `a sane router is not refused, although it asks the cluster for names`() throws {
        let resolver = try #require(IPAddress("10.96.0.10"))
        #expect(try refusals(HostContext(resolvers: [resolver])) == [])
    }

    @Test func `a route must not cover a name server of the host`() throws {
        let found = try refusals(HostContext(resolvers: [try #require(IPAddress("10.96.0.53"))]))
        #expect(found.count == 1 && found[0].contains("would cover 10.96.0.53, a name server"))
    }

    /// What can be kept is, though a route of it stands as its halves beside a foreign one.
    @Test func `of a plan that is refused the routes stay that are not`() throws {
        let plan = try router()
        var state = FakeHost.fresh(plan.host)
        state.routes.append(
            Route(
                destination: try IPPrefix(parsing: "10.244.0.0/16"), routeProtocol: 4, metric: 0,
                nextHops: [NextHop(gateway: IPAddress("192.168.5.99"), device: "eth0")]))
        for (resolver, kept) in [("10.96.0.53", "10.244.0.0/16"), ("10.244.200.1", "10.96.0.0/16")] {
            let context = HostContext(resolvers: [try #require(IPAddress(resolver))])
            let part = plan.possiblePart(on: state, context: context)
            #expect(part.routes.map(\.value.destination.description) == [kept], "\(resolver)")
        }
    }

    @Test func `a route must not cover the far end of a session`() throws {
        let found = try refusals(HostContext(sessions: [try #require(IPAddress("10.244.9.9"))]))
        #expect(
            found.count == 1 && found[0].contains("would cover 10.244.9.9, the other end of an ssh session"))
    }

    @Test func `a route must not cover the default gateway`() throws {
        let found = try refusals { state in
            state.routes[0].nextHops = [NextHop(gateway: IPAddress("10.244.0.1"), device: "eth0")]
        }
        #expect(found.count == 1 && found[0].contains("would cover 10.244.0.1, the default gateway"))
    }

    @Test func `a route must not overlap a network that the host is in`() throws {
        let found = try refusals { state in
            guard let address = IPAddress("10.244.200.1") else { return }
            state.addresses.append(InterfaceAddress(device: "docker0", address: address, length: 24))
        }
        #expect(
            found.count == 1
                && found[0].contains("overlaps 10.244.200.0/24, which this host is connected to on docker0"))
    }

    @Test func `an unreachable gateway is refused with what to do`() throws {
        let found = try refusals { state in
            state.addresses[0].address = IPAddress(v4: 0x0A0B_0C0D)
        }
        #expect(
            found.contains {
                $0.contains("the gateway 192.168.5.11") && $0.contains("is in no network of this host")
            })
    }

    @Test func `a route must not cover a relay`() throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  prod:
                    pods: [10.10.0.0/16]
                    cni: vpc
                    nodes: { n1: { address: 10.10.0.11 } }
                sites:
                  office:
                    networks: [192.168.7.0/24]
                    router: 192.168.7.1
                    hosts: { gate: { address: [192.168.7.1] } }
                paths: [{ from: office, to: prod, via: relay, relays: [n1], targets: [pods] }]
                """)
        let plan = try Networks.plan("gate", in: inventory)
        let notes = difference(from: FakeHost.fresh(plan.host), to: plan).notes
        #expect(
            notes.contains {
                $0.severity == .refusal && $0.message.contains("would cover 10.10.0.11, a relay")
            })
    }

    @Test(arguments: [
        ("", "r1", "needs routes back", "no nodes are known"),
        (
            "nodes: { n1: { address: 192.168.5.11 }, n2: { address: 192.168.5.12 } }", "r1, n2",
            "through relays that have not",
            "two relays"
        ),
        (
            """
            nodes: { n1: { address: 192.168.5.11 } }
                subnets: { s: { networks: [192.168.5.0/24] } }
            """, "n1", "iptables.masqueradeAll: true", "answers bypass the entry node"
        ),
    ])
    func `source keep is refused where answers would not come back`(
        nodes: String, relays: String, message: String, reason: String
    ) throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  prod:
                    pods: [10.244.0.0/16]
                    services: [10.96.0.0/16]
                    hosts: { r1: { address: 192.168.5.60 } }
                    \(nodes)
                sites:
                  office: { networks: [192.168.7.0/24], router: 192.168.7.1 }
                paths: [{ from: office, to: prod, via: relay, relays: [\(relays)], source: keep }]
                """)
        let plan = try Networks.plan(String(relays.prefix(2)), in: inventory)
        let refusals = plan.notes.filter { $0.severity == .refusal }
        #expect(refusals.contains { $0.message.contains(message) }, "\(reason): \(refusals)")
    }

    @Test func `rules and routes made by hand for the same traffic are reported, and can be adopted`() throws {
        let plan = try Networks.plan("node1", in: Networks.inventory("office-over-vpn"))
        var state = FakeHost.fresh(plan.host)
        let saved = """
            *nat
            :POSTROUTING ACCEPT [0:0]
            -A POSTROUTING -s 192.168.40.0/22 -d 10.20.0.0/16 -j MASQUERADE
            -A POSTROUTING -s 192.168.0.0/20 -j MASQUERADE
            COMMIT
            """
        state.iptables = [IPTablesState(family: .v4, saved: saved)]
        let found = difference(from: state, to: plan)
        #expect(
            found.conflicts.map(\.message) == [
                "\"iptables -t nat -A POSTROUTING -s 192.168.40.0/22 -d 10.20.0.0/16 -j MASQUERADE\" does the same as"
                    + " \"path shanghai -> shop via node1\"; ours decides first"
            ])
        let commands = found.conflicts.flatMap(\.adoption).flatMap(\.commands).map(\.description)
        #expect(
            commands == [
                "iptables -w 5 -t nat -D POSTROUTING -s 192.168.40.0/22 -d 10.20.0.0/16 -j MASQUERADE"
            ])
        #expect(!found.steps.contains { if case .remove = $0.change { true } else { false } })
    }

    @Test func `a rule by hand for more than ours stays, since other traffic may need it`() throws {
        let plan = try Networks.plan("node1", in: Networks.inventory("office-over-vpn"))
        var state = FakeHost.fresh(plan.host)
        let saved = "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -s 192.168.0.0/16 -d 10.20.0.0/16 -j MASQUERADE\nCOMMIT\n"
        state.iptables = [IPTablesState(family: .v4, saved: saved)]
        let found = difference(from: state, to: plan).conflicts
        #expect(found.count == 1 && found[0].message.contains("is for more than"))
        #expect(found.flatMap(\.adoption) == [])
    }

    @Test(arguments: [(3, true), (4, true), (12, false), (16, false)])
    func `only routes made by hand are adopted, those of daemons stay`(
        routeProtocol: Int, isByHand: Bool
    ) throws {
        let plan = try router()
        var state = FakeHost.fresh(plan.host)
        let same = Route(
            destination: try IPPrefix(parsing: "10.96.0.0/16"), routeProtocol: routeProtocol,
            nextHops: [NextHop(gateway: IPAddress("192.168.5.11"), device: "eth0")])
        state.routes.append(same)
        let found = difference(from: state, to: plan).conflicts
        #expect(found.map(\.adoption.count) == (isByHand ? [1] : []))
    }

    @Test func `a firewall that drops is reported with the lines that open it, until they exist`() throws {
        let plan = try router()
        var state = FakeHost.fresh(plan.host)
        let hook = FilterHook(type: .filter, point: .forward, priority: 10)
        // The newest first, as the kernel asks them.
        for name in ["firewalld", "site"] {
            let chain = FilterChain(
                name: name == "site" ? "forward" : "filter_FORWARD", hook: hook,
                rules: [
                    FilterRule([.connectionState(["established", "related"])], .accept),
                    FilterRule([], .reject(.other("{}"))),
                ])
            state.tables.append(FilterTable(family: .inet, name: name, chains: [chain]))
        }
        let found = difference(from: state, to: plan).conflicts
        let comment = "comment \"path office -> prod via n1\"'"
        #expect(
            found.map(\.remedy) == [
                [
                    "nft 'insert rule inet site forward ip saddr 192.168.7.0/24 ip daddr 10.244.0.0/16"
                        + " counter accept \(comment)",
                    "nft 'insert rule inet site forward ip saddr 192.168.7.0/24 ct original ip daddr 10.96.0.0/16"
                        + " counter accept \(comment)",
                ],
                [
                    "firewall-cmd --permanent --new-policy namebridge",
                    "firewall-cmd --permanent --policy namebridge --add-ingress-zone ANY",
                    "firewall-cmd --permanent --policy namebridge --add-egress-zone ANY",
                    "firewall-cmd --permanent --policy namebridge --add-rich-rule 'rule family=\"ipv4\""
                        + " source address=\"192.168.7.0/24\" destination address=\"10.244.0.0/16\" accept'",
                    "firewall-cmd --permanent --policy namebridge --add-rich-rule 'rule family=\"ipv4\""
                        + " source address=\"192.168.7.0/24\" destination address=\"10.96.0.0/16\" accept'",
                    "firewall-cmd --reload",
                ],
            ])
        for index in state.tables.indices where ["site", "firewalld"].contains(state.tables[index].name) {
            let source = PrefixSet([try IPPrefix(parsing: "192.168.0.0/16")])
            let destination = PrefixSet([try IPPrefix(parsing: "10.0.0.0/8")])
            let paths = FilterChain(
                name: "paths",
                rules: [
                    FilterRule([.source(source), .destination(destination)], .accept),
                    FilterRule([.source(source), .originalDestination(destination)], .accept),
                ])
            state.tables[index].chains.append(paths)
        }
        #expect(difference(from: state, to: plan).conflicts.count == 2, "nothing jumps to the chains")
        for index in state.tables.indices where ["site", "firewalld"].contains(state.tables[index].name) {
            state.tables[index].chains[0].rules.insert(FilterRule([], .jump("paths")), at: 0)
        }
        #expect(difference(from: state, to: plan).conflicts == [])
    }

    @Test(arguments: [
        (0, "192.168.5.99", "ours, the halves of the prefix, take precedence", ["10.96.0.0/17", "10.96.128.0/17"]),
        (1, "192.168.5.99", "ours, the halves of the prefix, take precedence", ["10.96.0.0/17", "10.96.128.0/17"]),
        (100, "192.168.5.99", "leads elsewhere; ours takes precedence", ["10.96.0.0/16"]),
        (0, "192.168.5.11", "does the same as ours", ["10.96.0.0/16"]),
    ])
    func `a foreign route for our prefix stays, and is reported`(
        metric: Int, gateway: String, message: String, ours: [String]
    ) throws {
        let plan = try router()
        var state = FakeHost.fresh(plan.host)
        let prefix = try IPPrefix(parsing: "10.96.0.0/16")
        let foreign = Route(
            destination: prefix, routeProtocol: 4, metric: metric,
            nextHops: [NextHop(gateway: IPAddress(gateway), device: "eth0")])
        state.routes.append(foreign)
        let found = difference(from: state, to: plan)
        #expect(
            found.conflicts.count == 1 && found.conflicts[0].message.contains(message)
                && found.conflicts[0].isHarmless)
        state.apply(found.steps)
        #expect(state.routes.contains(foreign))
        #expect(state.routes.filter { $0.isOurs && prefix.contains($0.destination) }.map(\.destination.description) == ours)
        #expect(difference(from: state, to: plan).steps.isEmpty)
        state.routes.removeAll { $0 == foreign }
        state.apply(difference(from: state, to: plan).steps)
        #expect(state.routes.filter { $0.isOurs && prefix.contains($0.destination) }.map(\.destination) == [prefix])
    }

    @Test(arguments: [
        (":FORWARD ACCEPT [0:0]", nil, "nothing drops"),
        (":FORWARD DROP [0:0]", "FORWARD", "a policy that drops"),
        (
            ":FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER", "DOCKER-USER",
            "where Docker asks first"
        ),
        (":FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]", "FORWARD", "nothing jumps to Docker's chain"),
        (
            ":FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]\n:first - [0:0]\n-A FORWARD -j first\n"
                + "-A FORWARD -j DOCKER-USER\n-A first -i eth0 -j REJECT",
            "FORWARD", "a chain before Docker's rejects"
        ),
        (
            ":FORWARD ACCEPT [0:0]\n:block - [0:0]\n-A FORWARD -j block\n-A block -d 10.0.0.0/8 -j DROP", "FORWARD",
            "a policy that accepts, and a jump to a chain that drops"
        ),
        (
            ":FORWARD ACCEPT [0:0]\n:block - [0:0]\n-A block -d 10.0.0.0/8 -j DROP", nil,
            "nothing jumps to the chain that drops"
        ),
        (
            ":FORWARD DROP [0:0]\n-A FORWARD -s 192.168.0.0/16 -j ACCEPT\n-A FORWARD -d 192.168.0.0/16 -j ACCEPT", nil,
            "rules that accept all of it"
        ),
        (
            ":FORWARD ACCEPT [0:0]\n-A FORWARD -j REJECT --reject-with icmp-host-prohibited", "FORWARD",
            "a last rule that rejects"
        ),
    ])
    func `accepts are in a foreign chain only if one drops`(
        chains: String, chain: String?, reason: String
    ) throws {
        let plan = try router()
        var state = FakeHost.fresh(plan.host)
        state.iptables = [IPTablesState(family: .v4, saved: "*filter\n\(chains)\nCOMMIT\n")]
        let rules = difference(from: state, to: plan).steps.compactMap { step -> IPTablesRule? in
            if case .add(.iptablesRule(let rule)) = step.change { rule } else { nil }
        }
        #expect(Set(rules.map(\.chain)) == Set([chain].compactMap(\.self)), "\(reason)")
        #expect(rules.allSatisfy { $0.isOurs })
    }
}
