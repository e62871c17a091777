import IPAddressing
import Inventory
import NetworkModel
import PacketPath
import PathExplanation
import Testing

/// A node that takes packets for services from a relay that is none.
@Suite struct EntryRuleTests {
    private static let file = """
        clusters:
          prod:
            pods: [10.32.0.0/16]
            services: [10.20.0.0/16]
            cni: flannel-host-gw
            kube-proxy: { mode: ipvs }
            nodes:
              n1: { address: 192.168.10.11, pods: [10.32.1.0/24] }
              n2: { address: 192.168.10.12, pods: [10.32.2.0/24] }
        sites:
          office:
            networks: [172.16.0.0/18]
            router: 172.16.0.1
            hosts: { relay1: { address: [10.14.0.61, 192.168.10.1] } }
        paths:
          - { from: office, to: prod, via: relay, relays: [relay1], source: snat }
        """

    /// The node as it is before any plan: it forwards, and hides no client.
    private static func node(_ number: Int) throws -> HostState {
        var state = HostState()
        for (device, kind) in [("lo", ""), ("eth0", ""), ("cni0", "bridge")] {
            state.links.append(Link(name: device, kind: .other(kind), mtu: 1500))
            state.settings[KernelSetting(family: .v4, device: device, name: .forwarding)] = 1
        }
        state.addresses = [
            InterfaceAddress(device: "eth0", address: try #require(IPAddress("192.168.10.1\(number)")), length: 24),
            InterfaceAddress(device: "cni0", address: try #require(IPAddress("10.32.\(number).1")), length: 24),
        ]
        state.routes = state.addresses.compactMap(\.connectedRoute)
        let other = 3 - number
        for (prefix, gateway) in [("10.32.\(other).0/24", "192.168.10.1\(other)"), ("0.0.0.0/0", "192.168.10.1")] {
            state.routes.append(
                Route(
                    destination: try IPPrefix(parsing: prefix), routeProtocol: 3, metric: 0,
                    nextHops: [NextHop(gateway: IPAddress(gateway), device: "eth0")]))
        }
        return state
    }

    @Test func `the fix is no setting that the file has already`() throws {
        let inventory = try CodeTests.inventory(Self.file)
        let question = ExplainedQuestion(
            from: try #require(ExplainedEnd("office", in: inventory)),
            to: try #require(ExplainedEnd("prod/services", in: inventory)))
        let observed = ["prod/n1": try Self.node(1), "prod/n2": try Self.node(2)]
        let explanation = Explanation(question, in: inventory, observed: observed)
        let text = ExplanationText(explanation).lines.map(\.text).joined(separator: "\n")
        #expect(explanation.code == .replyBypassesRelay, "\(text)")
        #expect(!explanation.fix.contains("(now `snat`)"), "\(text)")
        #expect(explanation.fix.contains("net apply on n1"), "\(text)")
    }
}
