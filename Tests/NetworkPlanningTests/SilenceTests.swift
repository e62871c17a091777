import IPAddressing
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// A next hop that does not answer is reported, but not one that was asked for the first time a moment ago.
@Suite struct SilenceTests {
    private func router() throws -> HostPlan {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  prod:
                    pods: [10.32.0.0/16]
                    services: [10.20.0.0/16]
                    cni: calico-bgp
                    nodes: { n1: { address: 10.14.0.11, pods: [10.32.1.0/24] } }
                    hosts: { r1: { address: 10.14.0.61 }, r2: { address: 10.14.0.62 } }
                sites:
                  office:
                    networks: [172.16.0.0/18]
                    router: 10.14.0.1
                    hosts: { gate: { address: 10.14.0.1 } }
                paths: [{ from: office, to: prod, via: relay, relays: [r1, r2] }]
                """)
        return try Networks.plan("gate", in: inventory)
    }

    private func unresolved(_ address: String, _ device: String = "eth0") throws -> UnresolvedNeighbour {
        UnresolvedNeighbour(device: device, address: try #require(IPAddress(address)))
    }

    @Test func `the status shows a silent next hop once, with its routes, and is not fine`() throws {
        let plan = try router()
        var state = FakeHost.fresh(plan.host)
        let steps = difference(from: state, to: plan)
        state.apply(steps.steps)
        let context = HostContext(records: steps.records(after: []))
        // A foreign neighbour does not concern us.
        state.unresolvedNeighbours = [try unresolved("10.14.0.99")]
        #expect(HostStatus(of: plan, on: state, context: context).isFine)
        state.unresolvedNeighbours.append(try unresolved("10.14.0.62"))
        let status = HostStatus(of: plan, on: state, context: context)
        #expect(!status.isFine)
        #expect(
            status.rows.filter { $0.condition == .silent }.map(\.object)
                == ["next hop 10.14.0.62 on eth0 of the route to 10.32.0.0/16 and 1 more"])
        #expect(difference(from: state, to: plan, context: context).steps == [], "it is not ours to put back")
    }

    @Test func `two checks in a row find a next hop silent, one makes it suspected`() throws {
        func hop(_ address: String) throws -> SilentNextHop {
            SilentNextHop(gateway: try #require(IPAddress(address)), device: "eth0", destinations: [], because: "")
        }
        let (one, two) = (try hop("10.0.0.1"), try hop("10.0.0.2"))
        var watch = SilenceWatch()
        #expect(watch.look([one]) == SilenceWatch.News(began: [], ended: [], isDoubtful: true))
        #expect(watch.look([]) == SilenceWatch.News(began: [], ended: [], isDoubtful: false), "it was asked just then")
        _ = watch.look([one])
        #expect(watch.look([one, two]) == SilenceWatch.News(began: [one], ended: [], isDoubtful: true))
        #expect(watch.look([one, two]) == SilenceWatch.News(began: [two], ended: [], isDoubtful: false))
        #expect(watch.look([one, two]) == SilenceWatch.News(began: [], ended: [], isDoubtful: false), "told once")
        #expect(watch.look([two]) == SilenceWatch.News(began: [], ended: [one], isDoubtful: false))
        #expect(watch.silent == [two])
    }
}
