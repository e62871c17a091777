import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import PathHealth
import TestSupport
import Testing

/// Relays that share a path are members of a group of next hops, which keeps connections where they are.
@Suite struct NextHopGroupTests {
    private static func file(_ relays: String = "{ host: r1, weight: 3 }, r2", v6: Bool = false) -> String {
        """
        clusters:
          prod:
            dns: [10.20.0.10]
            pods: [10.32.0.0/16\(v6 ? ", \"fd32::/48\"" : "")]
            services: [10.20.0.0/16]
            cni: calico-bgp
            nodes: { n1: { address: [10.14.0.11\(v6 ? ", \"fd14::11\"" : "")], pods: [10.32.1.0/24] } }
            hosts:
              r1: { address: [10.14.0.61\(v6 ? ", \"fd14::61\"" : "")] }
              r2: { address: [10.14.0.62\(v6 ? ", \"fd14::62\"" : "")] }
        sites:
          office:
            networks: [172.16.0.0/18\(v6 ? ", \"fd16::/48\"" : "")]
            router: 172.16.0.1
            hosts: { gate: { address: [172.16.0.1, 10.14.0.1\(v6 ? ", \"fd16::1\", \"fd14::1\"" : "")] } }
        paths: [{ from: office, to: prod, via: relay, relays: [\(relays)] }]
        """
    }

    private func plan(_ file: String = Self.file(), carrying: [String]) throws -> HostPlan {
        let choices = RelayChoices(["office -> prod via r1, r2": carrying])
        let planner = NetworkPlanner(try Networks.inventory(yaml: file), choices: choices)
        return planner.plan(for: try #require(planner.host(named: "gate")))
    }

    private func commands(_ steps: [Step]) -> [String] { steps.flatMap(\.commands).map { "\($0)" } }

    @Test func `a relay that comes or goes changes the group alone, and never a route`() throws {
        let first = try plan(carrying: ["r1"])
        var state = FakeHost.fresh(first.host)
        let fresh = state
        let made = commands(difference(from: state, to: first).steps)
        #expect(made.contains("sysctl -w net.ipv4.fib_multipath_hash_policy=1"), "\(made)")
        let objects = made.filter { $0.hasPrefix("ip nexthop") }
        let hop = try #require(objects.first?.split(separator: " ")[4])
        let group = try #require(objects.last?.split(separator: " ")[4])
        #expect(
            objects == [
                "ip nexthop replace id \(hop) via 10.14.0.61 dev eth0 proto 78",
                "ip nexthop replace id \(group) group \(hop) type resilient buckets 1024 idle_timer 60 proto 78",
            ], "\(objects)")
        #expect(made.contains("ip route prepend 10.32.0.0/16 nhid \(group) proto 78 metric 1"), "\(made)")

        for (carrying, expected) in [(["r1", "r2"], ",3/"), (["r2"], " group "), (["r2", "r1"], ",3/")] {
            state.apply(difference(from: state, to: try plan(carrying: carrying == ["r2"] ? ["r1", "r2"] : ["r1"])).steps)
            let steps = difference(from: state, to: try plan(carrying: carrying)).steps
            #expect(commands(steps).allSatisfy { $0.hasPrefix("ip nexthop ") }, "\(commands(steps))")
            #expect(commands(steps).contains { $0.contains("id \(group) group") && $0.contains(expected) }, "\(steps)")
            state.apply(steps)
            #expect(difference(from: state, to: try plan(carrying: carrying)).steps == [])
            let ours = state.routes.filter { $0.isOurs && $0.nextHopID != nil }
            #expect(ours.count == 2 && ours.allSatisfy { $0.nextHops.count == carrying.count })
        }
        #expect(HostStatus(of: try plan(carrying: ["r1", "r2"]), on: state, context: HostContext()).isFine)
        state.apply(difference(from: state, to: HostPlan(host: first.host)).steps)
        #expect(state.nextHopObjects == [] && !state.routes.contains(where: \.isOurs))
        #expect(state.routes.count == fresh.routes.count)
    }

    @Test func `what a flush or a link takes away is made again, in an order that the kernel accepts`() throws {
        let plan = try plan(Self.file(v6: true), carrying: ["r1", "r2"])
        var whole = FakeHost.fresh(plan.host)
        whole.apply(difference(from: whole, to: plan).steps)
        let objects = whole.nextHopObjects ?? []
        #expect(objects.count == 6, "two hops and a group of each family: \(objects)")
        for object in objects {
            var state = whole
            state.apply(.remove(.nextHop(object)))
            let kernel = FakeKernel(state)
            try kernel.perform(difference(from: state, to: plan).steps) { _ in }
            #expect(kernel.state.deviations(from: whole) == [], "without \(object)")
        }
        var changed = whole
        changed.nextHopObjects?[0].content = .hop(NextHop(gateway: IPAddress("10.14.0.99"), device: "eth0"))
        let steps = difference(from: changed, to: plan).steps
        #expect(steps.count == 1 && commands(steps)[0].hasPrefix("ip nexthop replace id "), "\(commands(steps))")
        // At whichever step an apply is interrupted, all is as before.
        let fresh = FakeHost.fresh(plan.host)
        let before = fresh.partConcerned(by: difference(from: fresh, to: plan).steps)
        for count in 0...difference(from: fresh, to: plan).steps.count {
            var state = fresh
            state.apply(Array(difference(from: fresh, to: plan).steps.prefix(count)))
            let back = restoration(of: before, settings: [], making: [], from: state)
            state.apply(back)
            #expect(state.nextHopObjects == [] && !state.routes.contains(where: \.isOurs), "after \(count) steps")
        }
    }

    @Test func `the numbers are the same for each process, and those of other programs are left alone`() throws {
        let plan = try plan(carrying: ["r1", "r2"])
        var state = FakeHost.fresh(plan.host)
        let ids = plan.resolved(on: state).nextHopObjects.map(\.value.id)
        #expect(ids == plan.resolved(on: state).nextHopObjects.map(\.value.id) && Set(ids).count == 3)
        let foreign = NextHopObject(id: ids[2], .hop(NextHop(gateway: nil, device: "eth0")), madeBy: 11)
        state.nextHopObjects = [foreign]
        let moved = plan.resolved(on: state).nextHopObjects.map(\.value.id)
        #expect(moved == [ids[0], ids[1], ids[2] + 1])
        state.apply(difference(from: state, to: plan).steps)
        state.apply(difference(from: state, to: HostPlan(host: plan.host)).steps)
        #expect(state.nextHopObjects == [foreign])
    }

    @Test func `one relay at a time, and a kernel without groups, get plain routes`() throws {
        let single = try plan(Self.file("{ host: r1, priority: 200 }, r2"), carrying: ["r1"])
        let alone = single.resolved(on: FakeHost.fresh(single.host))
        #expect(alone.nextHopObjects == [])
        // How the host deals connections to the hops of its other routes is not ours to change.
        #expect(!alone.settings.contains { $0.value.setting.name == .multipathHashPolicy })
        let shared = try plan(carrying: ["r1", "r2"])
        for change: (inout HostState) -> Void in [
            { $0.nextHopObjects = nil },
            { $0.settings = $0.settings.filter { $0.key.name != .multipathHashFields } },
        ] {
            var state = FakeHost.fresh(shared.host)
            change(&state)
            let lines = commands(difference(from: state, to: shared).steps)
            #expect(!lines.contains { $0.contains("nexthop replace") || $0.contains("nhid") })
            #expect(!lines.contains { $0.contains("fib_multipath_hash_policy") }, "\(lines)")
            #expect(
                lines.contains(
                    "ip route prepend 10.32.0.0/16 proto 78 metric 1 nexthop via 10.14.0.61 weight 3 nexthop via 10.14.0.62"),
                "\(lines)")
        }
    }

    @Test func `the objects are read and written, and give routes their hops`() throws {
        let text = """
            [{"id":780000001,"gateway":"10.14.0.61","dev":"e0","scope":"link","protocol":"78","flags":[]},\
            {"id":780000002,"gateway":"10.14.0.62","dev":"e0","scope":"link","protocol":"78","flags":["onlink"]},\
            {"id":781000000,"group":[{"id":780000001,"weight":3},{"id":780000002}],"type":"resilient",\
            "resilient_args":{"buckets":128,"idle_timer":60,"unbalanced_timer":0,"unbalanced_time":0},"protocol":"78"},\
            {"id":7,"blackhole":null,"protocol":"zebra","flags":[]}]
            """
        let objects = try NextHopObject.read(Array(text.utf8))
        #expect(
            objects.map(\.description) == [
                "id 780000001 via 10.14.0.61 dev e0 proto 78", "id 780000002 via 10.14.0.62 dev e0 onlink proto 78",
                "id 781000000 group 780000001,3/780000002 type resilient buckets 128 idle_timer 60 proto 78",
                "id 7 proto 11",
            ])
        let row = #"[{"type":"unicast","dst":"10.32.0.0/16","nhid":781000000,"protocol":"78","metric":1,"flags":[]}]"#
        var state = HostState(routes: try Route.read(Array(row.utf8), family: .v4))
        state.nextHopObjects = objects
        state.expandNextHops()
        #expect(state.routes[0].nextHops.map(\.weight) == [3, 1])
        #expect(state.routes[0].description == "10.32.0.0/16 nhid 781000000 proto 78 metric 1")
        let copy = try HostState(json: state.json)
        #expect(copy.nextHopObjects == objects && copy.routes == state.routes)
    }
}
