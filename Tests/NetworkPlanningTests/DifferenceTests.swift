import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// The steps lead to the plan, a second look finds nothing, and the inverse leads back: for every host of every
/// network, from a fresh host and from one that somebody has been at.
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

    @Test(arguments: Networks.all)
    func `a plan of nothing takes away all of ours and nothing else`(name: String) throws {
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
    func `whatever somebody has done to ours, one round of steps puts it right`(
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

    @Test func `what another file wants replaces what an earlier one wanted`() throws {
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
        state.apply(steps.inverse)
        #expect(state.deviations(from: old) == [])
    }

    @Test func `packets are led by a route only after all that it needs, and no longer than it stands`()
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

    @Test func `a setting that somebody changed after us stays as he left it`() throws {
        let plan = try Networks.plan("web02", in: Networks.inventory("relay-between-clusters"))
        var state = FakeHost.fresh(plan.host)
        let steps = difference(from: state, to: plan)
        state.apply(steps.steps)
        let filter = KernelSetting(family: .v4, device: .named("eth0"), name: .reversePathFilter)
        #expect(state.settings[filter] == 2)
        state.settings[filter] = 0
        let context = HostContext(records: steps.records(after: []))
        state.apply(difference(from: state, to: HostPlan(host: plan.host), context: context).steps)
        let forwarding = KernelSetting(family: .v4, device: .named("eth0"), name: .forwarding)
        #expect(state.settings[filter] == 0 && state.settings[forwarding] == 0)
    }

    @Test func `a device of that name that is not ours is refused and left alone`() throws {
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
            case .link: 0
            case .address: 1
            case .neighbour: 3
            case .forwardingEntry, .extraForwardingEntry: 4
            case .table: 5
            case .iptablesRule: 6
            case .route, .policyRule: 7
            }
        case .set: 2
        case .forget: 8
        }
    }
}

extension HostState {
    /// Does what people and programs do to our objects.
    fileprivate mutating func disturb(_ random: inout SplitMix64) {
        for _ in 0..<4 {
            switch Int.random(in: 0..<10, using: &random) {
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
                    links[index].mtu = .octets(1400)
                    links[index].isUp = Bool.random(using: &random)
                }
            case 8: for key in settings.keys where key.name == .forwarding { settings[key] = 0 }
            default:
                for index in iptables.indices {
                    for chain in iptables[index].chains.indices { iptables[index].chains[chain].rules = [] }
                }
            }
        }
    }
}
