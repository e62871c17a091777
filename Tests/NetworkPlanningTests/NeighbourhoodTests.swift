import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// What is on a host already: refused is what the kernel would refuse or what takes living addresses away, no more.
@Suite struct NeighbourhoodTests {
    private static let relay = """
        clusters:
          shop:
            pods: [172.17.32.0/19]
            nodes: { n1: { address: 192.168.0.11, pods: [172.17.33.0/24] } }
            hosts: { gate: { address: 192.168.0.5 } }
        sites:
          office: { networks: [10.14.0.0/21] }
        paths:
          - { from: office, to: shop, via: relay, relays: [gate], source: snat }
        """

    @Test(
        arguments: [
            ("172.17.0.1", nil, false, "Docker's default network with no container in the prefix"),
            ("172.17.0.1", "172.17.33.5", true, "a container that answers is in the prefix"),
            ("172.17.0.1", "172.17.0.2", false, "the container is elsewhere"),
            ("172.17.33.1", nil, true, "the host itself is in the prefix"),
        ] as [(String, String?, Bool, String)])
    func `a wider network is in the way only if an address of the prefix lives there`(
        bridge: String, container: String?, isRefused: Bool, what: String
    ) throws {
        let plan = try Networks.plan("gate", in: Networks.inventory(yaml: Self.relay))
        var state = FakeHost.fresh(plan.host)
        state.links.append(Link(name: "docker0", kind: .other("bridge"), mtu: 1500))
        state.addresses.append(
            InterfaceAddress(device: "docker0", address: try #require(IPAddress(bridge)), length: 16))
        if let container {
            state.livingNeighbours = [
                LivingNeighbour(device: "docker0", address: try #require(IPAddress(container)))
            ]
        }
        let notes = difference(from: state, to: plan).notes.filter { $0.message.contains("172.17.0.0/16") }
        #expect(notes.map(\.severity) == [isRefused ? .refusal : .warning], "\(what): \(notes)")
    }

    @Test(
        arguments: [
            ("10.9.0.2", "10.9.0.0/24", "its own next hop"), ("10.9.0.2", "10.9.7.0/24", nil),
        ] as [(String, String, String?)])
    func `a route over its own next hop is refused before a host is looked at`(
        node: String, pods: String, role: String?
    ) throws {
        let file = """
            clusters:
              near: { pods: [10.1.0.0/16], nodes: { n: { address: 10.9.0.1, pods: [10.1.0.0/24] } } }
              far: { pods: [10.9.0.0/16], nodes: { f: { address: \(node), pods: [\(pods)] } } }
            paths: [{ between: [near, far], via: routed }]
            """
        let plan = try Networks.plan("n", in: Networks.inventory(yaml: file))
        let refusals = plan.notes.filter { $0.severity == .refusal }.map(\.message)
        #expect(refusals.count == (role == nil ? 0 : 1) && refusals.allSatisfy { $0.contains(role ?? "") }, "\(refusals)")
    }

    @Test func `of hosts with one address, the one with an address of its own is meant`() throws {
        let file = """
            clusters:
              c1: { pods: [10.234.0.0/16], nodes: { n1: { address: [192.168.0.1, 10.1.0.1] } } }
              c2: { pods: [10.235.0.0/16], nodes: { n1: { address: [192.168.0.1, 10.2.0.1] } } }
            """
        let planner = NetworkPlanner(try Networks.inventory(yaml: file))
        func places(_ addresses: String...) -> [String] {
            planner.hosts(carrying: addresses.compactMap { IPAddress($0) }).map(\.place)
        }
        #expect(places("192.168.0.1", "10.2.0.1") == ["c2"])
        #expect(places("192.168.0.1", "10.1.0.1", "172.17.0.1") == ["c1"])
        #expect(places("192.168.0.1") == ["c1", "c2"])
        #expect(places("192.168.0.1", "10.1.0.1", "10.2.0.1") == ["c1", "c2"])
        #expect(places("192.168.0.9") == [])
    }
}
