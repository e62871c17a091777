import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// The steps lead to the plan, a second look finds nothing, and the inverse leads back: for every host of every network, from a
/// fresh host and from one with foreign changes.
@Suite struct DifferenceTests {
    @Test(arguments: Networks.all)
    func `from a fresh host the steps lead to the plan, and their inverse back`(name: String) throws {
        for plan in NetworkPlanner(try Networks.inventory(name)).plans() {
            let fresh = FakeHost.fresh(plan.host)
            let steps = difference(from: fresh, to: plan)
            var state = fresh
            state.apply(steps.steps)
            let context = HostContext(records: steps.records(after: []))
            #expect(difference(from: state, to: plan, context: context).steps == [], "\(plan.host.host.name)")
            state.apply(steps.inverse)
            #expect(state.deviations(from: fresh) == [], "\(plan.host.host.name)")
        }
    }

    @Test(arguments: [(0, 0), (1, 1)])
    func `a tunnel without an address gets no filter, and a stricter one of all devices is reported`(
        all: Int, warnings: Int
    ) throws {
        let plan = try Networks.plan("node1", in: Networks.inventory(yaml: Self.bareTunnel))
        var state = FakeHost.fresh(plan.host)
        state.settings[KernelSetting(family: .v4, device: "all", name: .reversePathFilter)] = all
        let steps = difference(from: state, to: plan)
        let line = "+ sysctl -w net.ipv4.conf.tunl0.rp_filter=0  # was 1; path office -> prod via relay\n"
        #expect(steps.steps.map(\.text) == [line])
        #expect(steps.notes.filter { $0.message.contains("tunl0 has no address") }.count == warnings)
        state.addresses.append(
            InterfaceAddress(device: "tunl0", address: try #require(IPAddress("10.7.1.0")), length: 32))
        #expect(difference(from: state, to: plan).steps == [])
    }

    private static let bareTunnel = """
        clusters:
          prod:
            pods: [10.7.0.0/16]
            cni: calico-ipip
            nodes:
              node1: { address: 192.168.0.21, pods: [10.7.1.0/24] }
              relay: { address: 192.168.0.22, pods: [10.7.2.0/24] }
        sites:
          office: { networks: [10.8.0.0/24], router: 192.168.0.1 }
        paths:
          - { from: office, to: prod, via: relay, relays: [relay] }

        """

    /// From several next hops to the first of them and back: the kernel cannot tell the two apart.
    @Test func `a route that keeps its first next hop is replaced by way of another metric`() throws {
        let near = NextHop(gateway: IPAddress("10.0.0.1"), device: "eth0")
        let far = NextHop(gateway: IPAddress("10.0.0.2"), device: "eth0")
        let prefix = try IPPrefix(parsing: "10.9.0.0/16")
        let one = Route(destination: prefix, nextHops: [near])
        let two = Route(destination: prefix, nextHops: [near, far])
        let commands = Step(.replace(.route(two), with: .route(one)), because: "").commands.map(\.argumentLine)
        #expect(
            commands == [
                "route prepend 10.9.0.0/16 via 10.0.0.1 dev eth0 proto 78 metric 2",
                "route del 10.9.0.0/16 proto 78 metric 1 nexthop via 10.0.0.1 dev eth0 nexthop via 10.0.0.2 dev eth0",
                "route prepend 10.9.0.0/16 via 10.0.0.1 dev eth0 proto 78 metric 1",
                "route del 10.9.0.0/16 via 10.0.0.1 dev eth0 proto 78 metric 2",
            ])
        #expect(Step(.replace(.route(one), with: .route(two)), because: "").commands.count == 4)
    }

    /// Fields of its own came with the policy that takes them (Linux 5.14).
    @Test(arguments: [(true, true, [3]), (true, false, [1]), (false, false, [])])
    func `an older kernel gets the policy for several next hops that it has`(
        hasPolicy: Bool, hasFields: Bool, values: [Int]
    ) throws {
        let plan = try Networks.plan("router", in: Networks.inventory(yaml: Self.twoRelays))
        var state = FakeHost.fresh(plan.host)
        let all = "all"
        let policy = KernelSetting(family: .v6, device: all, name: .multipathHashPolicy)
        if !hasPolicy { state.settings[policy] = nil }
        if !hasFields {
            state.settings[KernelSetting(family: .v6, device: all, name: .multipathHashFields)] = nil
        }
        let steps = difference(from: state, to: plan)
        #expect(!steps.isRefused)
        let set = steps.steps.compactMap { step -> Int? in
            if case .set(policy, _, let value) = step.change { value } else { nil }
        }
        #expect(set == values)
        let warnings = steps.notes.filter { $0.severity == .warning && $0.message.contains("this kernel") }
        #expect(warnings.count == (hasFields ? 0 : 1), "\(steps.notes)")
    }

    private static let twoRelays = """
        clusters:
          prod:
            pods: ["fd00:32::/48"]
            nodes: { n1: { address: "fd00:14::11", pods: ["fd00:32:0:1::/64"] } }
            hosts: { r1: { address: "fd00:14::61" }, r2: { address: "fd00:14::62" } }
        sites:
          office:
            networks: ["fd00:16::/64"]
            router: "fd00:14::1"
            hosts: { router: { address: "fd00:14::1" } }
        paths:
          - { from: office, to: prod, via: relay, relays: [r1, r2] }

        """

    @Test func `a foreign route after ours is reported and not a fault`() throws {
        let plan = try Networks.plan("001", in: Networks.inventory("vxlan-mesh"))
        var state = FakeHost.fresh(plan.host)
        let steps = difference(from: state, to: plan)
        state.apply(steps.steps)
        let context = HostContext(records: steps.records(after: []))
        let ours = try #require(plan.routes.first?.value)
        let elsewhere = NextHop(gateway: IPAddress("192.168.0.99"), device: "eth0")
        state.routes.append(
            Route(destination: ours.destination, routeProtocol: 4, metric: 0, nextHops: [elsewhere]))
        #expect(!HostStatus(of: plan, on: state, context: context).isFine, "the foreign one wins until the next apply")
        state.apply(difference(from: state, to: plan, context: context).steps)
        let status = HostStatus(of: plan, on: state, context: context)
        #expect(status.isFine && status.rows.filter { $0.condition == .preceded }.count == 1)
    }

    @Test(arguments: Networks.all)
    func `an empty plan removes all of ours and nothing else`(name: String) throws {
        for plan in NetworkPlanner(try Networks.inventory(name)).plans() {
            let fresh = FakeHost.fresh(plan.host)
            let steps = difference(from: fresh, to: plan)
            var state = fresh
            state.apply(steps.steps)
            let context = HostContext(records: steps.records(after: []))
            let removal = difference(from: state, to: HostPlan(host: plan.host), context: context)
            state.apply(removal.steps)
            #expect(state.deviations(from: fresh) == [], "\(plan.host.host.name)")
            #expect(removal.records(after: context.records) == [])
        }
    }

    @Test(arguments: Networks.all, 0..<8)
    func `one round of steps repairs any change to our objects`(
        name: String, seed: Int
    ) throws {
        var random = SplitMix64(seed: UInt64(seed))
        for plan in NetworkPlanner(try Networks.inventory(name)).plans() {
            var state = FakeHost.fresh(plan.host)
            let first = difference(from: state, to: plan)
            state.apply(first.steps)
            let records = first.records(after: [])
            state.disturb(&random)
            let disturbed = state
            let repair = difference(from: state, to: plan, context: HostContext(records: records))
            state.apply(repair.steps)
            let context = HostContext(records: repair.records(after: records))
            let rest = difference(from: state, to: plan, context: context).steps
            #expect(rest == [], "seed \(seed), \(plan.host.host.name)")
            state.apply(repair.inverse)
            #expect(state.deviations(from: disturbed) == [], "seed \(seed), \(plan.host.host.name)")
        }
    }

    @Test func `the plan of a new file replaces that of an earlier one`() throws {
        let before = try Networks.plan("001", in: Networks.inventory("vxlan-mesh"))
        var inventory = try Networks.inventory("vxlan-mesh")
        guard case .vxlan(var mesh) = inventory.paths[0].carrier else { return }
        mesh.id = 10002
        mesh.endpoints[1].mac = nil
        inventory.paths[0].carrier = .vxlan(mesh)
        inventory.clusters[1].nodes.removeLast()
        let after = try Networks.plan("001", in: inventory)
        var state = FakeHost.fresh(before.host)
        state.apply(difference(from: state, to: before).steps)
        let old = state
        let steps = difference(from: state, to: after)
        state.apply(steps.steps)
        #expect(difference(from: state, to: after).steps == [])
        let part = old.partConcerned(by: steps.steps)
        state.apply(restoration(of: part, settings: [], making: [], from: state))
        #expect(state.deviations(from: old) == [])
    }

    @Test func `a route is added after all that it needs, and removed before it`()
        throws
    {
        let plan = try Networks.plan("001", in: Networks.inventory("vxlan-mesh"))
        let fresh = FakeHost.fresh(plan.host)
        let there = difference(from: fresh, to: plan).steps.map(\.change.kind)
        #expect(there == there.sorted(), "\(there)")
        var state = fresh
        state.apply(difference(from: fresh, to: plan).steps)
        let back = difference(from: state, to: HostPlan(host: plan.host)).steps.map(\.change.kind)
        #expect(back == back.sorted(by: >), "\(back)")
    }

    @Test func `a setting that another program changed after us stays`() throws {
        let plan = try Networks.plan("web02", in: Networks.inventory("relay-between-clusters"))
        var state = FakeHost.fresh(plan.host)
        let steps = difference(from: state, to: plan)
        state.apply(steps.steps)
        let filter = KernelSetting(family: .v4, device: "eth0", name: .reversePathFilter)
        #expect(state.settings[filter] == 2)
        state.settings[filter] = 0
        let context = HostContext(records: steps.records(after: []))
        state.apply(difference(from: state, to: HostPlan(host: plan.host), context: context).steps)
        let forwarding = KernelSetting(family: .v4, device: "eth0", name: .forwarding)
        #expect(state.settings[filter] == 0 && state.settings[forwarding] == 0)
    }

    /// As Docker and cluster nodes do, whose containers would be cut off.
    @Test(arguments: [(0, 1, 1), (0, 0, 0), (1, 1, 0)])
    func `forwarding that another program has enabled for all devices since stays`(before: Int, after: Int, left: Int) throws {
        let plan = try Networks.plan("web02", in: Networks.inventory("relay-between-clusters"))
        var state = FakeHost.fresh(plan.host)
        let all = KernelSetting(family: .v4, device: "all", name: .forwarding)
        let ours = KernelSetting(family: .v4, device: "eth0", name: .forwarding)
        state.settings[all] = before
        let steps = difference(from: state, to: plan)
        state.apply(steps.steps)
        let records = steps.records(after: [], among: [all: before])
        state.settings[all] = after
        let nothing = HostPlan(host: plan.host)
        var removed = state
        removed.apply(difference(from: state, to: nothing, context: HostContext(records: records)).steps)
        #expect(removed.settings[ours] == left)
        // An apply that is taken back goes by the same rule.
        var restored = state
        restored.apply(restoration(of: HostState(), settings: records, making: [], from: state))
        #expect(restored.settings[ours] == left)
    }

    @Test func `a foreign device of that name is refused and not changed`() throws {
        let plan = try Networks.plan("001", in: Networks.inventory("vxlan-mesh"))
        var state = FakeHost.fresh(plan.host)
        state.links.append(Link(name: "vxlan-test", kind: .other("dummy")))
        let found = difference(from: state, to: plan)
        #expect(found.isRefused)
        #expect(!found.steps.contains { if case .add(.link) = $0.change { true } else { false } })
    }
}

extension Change {
    /// The rank of what is changed in the order in which a plan comes about.
    fileprivate var kind: Int {
        switch self {
        case .add(let object), .remove(let object), .replace(_, let object):
            switch object {
            case .namespace, .link: 0
            case .address: 1
            case .neighbour: 3
            case .forwardingEntry, .extraForwardingEntry: 4
            case .table: 5
            case .iptablesRule: 6
            case .nextHop, .route, .policyRule: 7
            }
        case .set: 2
        case .forget: 8
        case .inside: 0
        }
    }
}

extension HostState {
    /// Does what people and programs do to our objects.
    fileprivate mutating func disturb(_ random: inout SplitMix64) {
        for _ in 0..<4 {
            switch Int.random(in: 0..<13, using: &random) {
            case 0: tables.removeAll(where: \.isOurs)
            case 1:
                if let index = tables.firstIndex(where: \.isOurs), !tables[index].chains.isEmpty {
                    tables[index].chains[0].rules.append(FilterRule([], .drop))
                }
            case 2: routes.removeAll(where: \.isOurs)
            case 3:
                if let index = routes.indices.filter({ routes[$0].isOurs }).randomElement(using: &random) {
                    routes[index].nextHops = [NextHop(gateway: IPAddress(v4: 0x0A00_0001), device: "eth0")]
                }
            case 4:
                for link in links.filter(\.isOurs) { apply(.remove(.link(link))) }
            case 5: neighbours.shuffle(using: &random); neighbours = Array(neighbours.dropLast())
            case 6:
                if let entry = forwardingEntries.randomElement(using: &random) {
                    forwardingEntries.append(
                        ForwardingEntry(
                            device: entry.device, mac: entry.mac, destination: IPAddress(v4: 0x0A00_0002)))
                }
            case 7:
                for index in links.indices where links[index].isOurs {
                    links[index].mtu = 1400
                    links[index].isUp = Bool.random(using: &random)
                }
            case 8: for key in settings.keys where key.name == .forwarding { settings[key] = 0 }
            case 9: for namespace in namespaces { apply(.remove(.namespace(namespace.name))) }
            case 10:
                for index in namespaces.indices {
                    namespaces[index].state?.tables = []
                    namespaces[index].state?.routes.removeAll(where: \.isOurs)
                    for key in namespaces[index].state?.settings.keys.map(\.self) ?? [] {
                        namespaces[index].state?.settings[key] = 2
                    }
                }
            case 11: policyRules.removeAll(where: \.isOurs)
            default:
                for index in iptables.indices {
                    for chain in iptables[index].chains.indices { iptables[index].chains[chain].rules = [] }
                }
            }
        }
    }
}
