import IPAddressing
import NetworkModel
import NetworkPlanning
import PacketPath
import TestSupport
import Testing

/// Routes that others have made, and rules of which table is asked, must not lead packets of the plan elsewhere unseen.
@Suite struct RouteCheckTests {
    private func router(services: String = "10.96.0.0/16") throws -> HostPlan {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  prod:
                    pods: [10.244.0.0/16]
                    services: [\(services)]
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

    /// What the difference says of ways once the plan is applied, after `change`, with the answers of the model.
    private func told(_ change: (inout HostState) throws -> Void) throws -> [Conflict] {
        let plan = try router()
        var state = FakeHost.fresh(plan.host)
        let steps = difference(from: state, to: plan)
        state.apply(steps.steps)
        try change(&state)
        let lookup = RouteLookup(state)
        for question in plan.routeQuestions(on: state) { state.routeAnswers[question] = lookup.answer(to: question) }
        #expect(!state.routeAnswers.isEmpty)
        return difference(from: state, to: plan).conflicts
    }

    private func foreign(_ text: String, table: Int = Route.mainTable, kind: RouteKind = .unicast) throws -> Route {
        Route(
            destination: try IPPrefix(parsing: text), kind: kind, table: table, routeProtocol: 4, metric: 0,
            nextHops: kind == .unicast ? [NextHop(gateway: IPAddress("192.168.5.99"), device: "eth0")] : [])
    }

    @Test func `a host as planned has no conflict`() throws { #expect(try told { _ in } == []) }

    @Test func `a longer prefix, a black hole and a rule are reported with the command that removes them`() throws {
        let longer = try told { $0.routes.append(try foreign("10.244.3.0/24")) }
        #expect(longer.count == 1 && longer[0].message.contains("the route \"10.244.3.0/24 via 192.168.5.99 dev eth0 proto 4\""))
        #expect(longer.flatMap(\.remedy) == ["ip route del 10.244.3.0/24 via 192.168.5.99 dev eth0 proto 4"])

        let hole = try told { $0.routes.append(try foreign("10.96.4.0/24", kind: .blackhole)) }
        #expect(hole.count == 1 && hole[0].message.contains("lets no packet to 10.96.0.0/16 through"), "\(hole)")

        let rule = try told { state in
            state.routes.append(try foreign("0.0.0.0/0", table: 52))
            state.policyRules.append(
                PolicyRule(
                    family: .v4, priority: 5270, destination: try IPPrefix(parsing: "10.96.0.0/12"),
                    action: .lookup(table: 52), ruleProtocol: 0))
        }
        #expect(rule.count == 1 && rule[0].message.contains("the policy rule \"from all to 10.96.0.0/12 lookup 52"), "\(rule)")
        #expect(rule.flatMap(\.remedy) == ["ip rule add to 10.96.0.0/16 lookup main priority 5269"])
        #expect(!rule[0].isHarmless && !rule[0].isUnknown)
    }

    /// Halves stand for our prefix: what others have for less than it leads, as beside the whole.
    @Test(arguments: [0, 1, 100])
    func `a foreign route of one half leads its packets, is reported, and stays when others are adopted`(metric: Int) throws {
        let plan = try router()
        var state = FakeHost.fresh(plan.host)
        var half = try foreign("10.96.0.0/17")
        half.metric = metric
        state.routes += [try foreign("10.96.0.0/16"), half]
        state.apply(difference(from: state, to: plan).steps)
        let lookup = RouteLookup(state)
        #expect(lookup.decide(.init(try #require(IPAddress("10.96.4.1"))))?.route == half)
        let other = lookup.decide(.init(try #require(IPAddress("10.96.200.1"))))?.route
        #expect(other?.destination == (try IPPrefix(parsing: "10.96.128.0/17")) && other?.isOurs == true)
        for question in plan.routeQuestions(on: state) { state.routeAnswers[question] = lookup.answer(to: question) }
        let again = difference(from: state, to: plan)
        #expect(again.steps.map(\.text) == [])
        #expect(again.conflicts.flatMap(\.adoption).isEmpty, "\(again.conflicts)")
        let told = again.conflicts.filter { !$0.isHarmless }
        #expect(told.count == 1 && told.allSatisfy { $0.message.contains("the route \"10.96.0.0/17 via") }, "\(told)")
    }

    /// Two halves would be shorter than nothing: the foreign route stays, and is asked after ours.
    @Test func `a single address that a foreign route hides is led by a table of ours`() throws {
        let plan = try router(services: "10.96.0.10/32")
        var state = FakeHost.fresh(plan.host)
        let other = try foreign("10.96.0.10/32")
        state.routes.append(other)
        let steps = difference(from: state, to: plan).steps
        let texts = steps.map(\.text).joined()
        #expect(texts.contains("ip route prepend 10.96.0.10/32 via 192.168.5.11"), "\(texts)")
        #expect(texts.contains(" table 790000 proto 78"), "\(texts)")
        #expect(texts.contains("to 10.96.0.10/32 lookup 790000 priority 790 protocol 78"), "\(texts)")
        state.apply(steps)
        #expect(state.routes.contains(other))
        let lookup = RouteLookup(state)
        let address = try #require(IPAddress("10.96.0.10"))
        #expect(lookup.decide(.init(address))?.route?.nextHops.first?.gateway == IPAddress("192.168.5.11"))
        for question in plan.routeQuestions(on: state) { state.routeAnswers[question] = lookup.answer(to: question) }
        #expect(state.routeAnswers.keys.contains { $0.destination == address })
        let again = difference(from: state, to: plan)
        #expect(again.steps.map(\.text) == [])
        #expect(again.conflicts.map(\.isHarmless) == [true])
        #expect(again.conflicts.allSatisfy { $0.message.contains("ours, in table 790000, takes precedence") })

        state.routes.removeAll { $0 == other }
        let back = difference(from: state, to: plan).steps
        state.apply(back)
        #expect(state.policyRules.filter(\.isOurs) == [])
        #expect(state.routes.filter(\.isOurs).allSatisfy { $0.table == Route.mainTable })
    }

    @Test(arguments: ["10.200.0.0/16", "10.200.0.0/32"])
    func `the blackhole behind a hidden route goes with it, so that nothing takes a foreign way`(_ outer: String) throws {
        let length = outer.split(separator: "/")[1]
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  prod:
                    pods: [10.244.0.0/\(length)]
                    map: { 10.244.0.0/\(length): \(outer) }
                    cni: flannel-host-gw
                    nodes: { n1: { address: 192.168.5.11, pods: [10.244.0.0/\(length == "32" ? "32" : "24")] } }
                sites: { office: { networks: [192.168.7.0/24], router: 192.168.5.1 } }
                paths: [{ from: office, to: prod, via: relay, relays: [n1], source: snat, targets: [pods] }]
                """)
        let plan = try Networks.plan("prod/n1", in: inventory)
        var state = FakeHost.fresh(plan.host)
        let other = try foreign(outer)
        state.routes.append(other)
        state.apply(difference(from: state, to: plan).steps)
        #expect(difference(from: state, to: plan).steps.map(\.text) == [])
        func kind() throws -> RouteKind? {
            RouteLookup(state).decide(.init(try #require(IPAddress("10.200.0.0"))))?.route?.kind
        }
        #expect(try kind() == .unicast && state.routes.contains(other))
        // The device of the cluster's namespace is gone, and its routes with it.
        state.routes.removeAll { $0.isOurs && $0.kind == .unicast }
        #expect(try kind() == .blackhole)
    }

    @Test func `other prefixes, unused tables and rules for others are no conflict`() throws {
        let told = try told { state in
            state.routes += [
                try foreign("10.245.3.0/24"), try foreign("10.244.3.0/24", table: 100), try foreign("10.0.0.0/8"),
            ]
            state.policyRules.append(
                PolicyRule(
                    family: .v4, priority: 90, source: try IPPrefix(parsing: "192.168.8.0/24"), action: .lookup(table: 100),
                    ruleProtocol: 0))
        }
        #expect(told == [])
    }

    @Test func `services that IPVS delivers need an accept in INPUT`() throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  prod:
                    pods: [10.244.0.0/16]
                    services: [10.96.0.0/16]
                    cni: calico-bgp
                    kube-proxy: { mode: ipvs }
                    nodes: { n1: { address: 192.168.5.11, pods: [10.244.1.0/24] } }
                sites: { office: { networks: [192.168.7.0/24], router: 192.168.5.1 } }
                paths: [{ from: office, to: prod, via: relay, relays: [n1] }]
                """)
        let plan = try Networks.plan("prod/n1", in: inventory)
        var state = FakeHost.fresh(plan.host)
        state.iptables = [IPTablesState(family: .v4, saved: "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\nCOMMIT\n")]
        #expect(difference(from: state, to: plan).acceptRules == [], "without IPVS nothing is delivered")
        state.links.append(Link(name: "kube-ipvs0", kind: .other("dummy")))
        state.addresses.append(
            InterfaceAddress(device: "kube-ipvs0", address: try #require(IPAddress("10.96.0.10")), length: 32))
        let found = difference(from: state, to: plan)
        #expect(
            found.acceptRules.map { $0.value.description } == [
                "INPUT -s 192.168.7.0/24 -d 10.96.0.0/16 -m comment --comment"
                    + " \"namebridge: path office -> prod via n1\" -j ACCEPT"
            ])
        #expect(found.conflicts == [])
        state.apply(found.steps)
        #expect(difference(from: state, to: plan).steps == [])
    }
}
