import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import Testing

/// One machine that is written under each cluster whose relay it is.
@Suite struct SharedRelayTests {
    @Test func `a relay under two clusters is one host with the parts of both`() throws {
        let planner = NetworkPlanner(try Networks.inventory(yaml: Self.file("192.168.0.2")))
        #expect(planner.hosts.filter { $0.host.name == "relay" }.map(\.place) == ["prod"])
        let own = try #require(IPAddress("192.168.11.2"))
        let found = planner.hosts(carrying: [own])
        #expect(found.count == 1 && found == planner.host(named: "staging/relay").map { [$0] })
        let plan = planner.plan(for: try #require(found.first))
        #expect(plan.host.host.addresses.map(\.description) == ["192.168.10.2", "192.168.0.2", "192.168.11.2"])
        #expect(plan.namespaces.map(\.value.name) == ["nb-prod", "nb-staging"])
        let destinations = plan.routes.map { "\($0.value.destination)" }
        #expect(destinations.contains("10.200.0.0/16") && destinations.contains("10.201.0.0/16"))
    }

    @Test func `kept sources of two clusters behind one device of the host are refused, and behind two are not`() throws {
        let planner = NetworkPlanner(try Networks.inventory(yaml: Self.file("192.168.0.2")))
        let plan = planner.plan(for: try #require(planner.host(named: "prod/relay")))
        #expect(!plan.isRefused)
        for (second, isRefused) in [("up0", true), ("up1", false)] {
            var state = HostState(links: ["lo", "eth0", "up0", "up1"].map { Link(name: $0, kind: .other("")) })
            for (device, address) in [("eth0", "192.168.0.2"), ("up0", "192.168.10.2"), (second, "192.168.11.2")] {
                let own = InterfaceAddress(device: device, address: try #require(IPAddress(address)), length: 24)
                state.addresses.append(own)
                if let route = own.connectedRoute { state.routes.append(route) }
            }
            let notes = plan.resolved(on: state).notes
            #expect(notes.contains { $0.message.contains("come from both clusters by one device") } == isRefused, "\(notes)")
        }
    }

    /// An error has the addresses of the relay and of the client alone.
    @Test func `what a relay tells clients of several clusters goes the way of the packet that it is about`() throws {
        let planner = NetworkPlanner(try Networks.inventory(yaml: Self.file("192.168.0.2")))
        let plan = planner.plan(for: try #require(planner.host(named: "prod/relay")))
        let rules = plan.rules.map(\.value).filter { $0.inDevice == "lo" }
        #expect(Set(rules.map(\.mark)).count == 2 && rules.allSatisfy { $0.mark != nil }, "\(rules)")
        let chain = try #require(plan.table.chains.first { $0.name == "errors" })
        for (key, rule) in zip(["prod", "staging"], rules) {
            let mark = FilterAction.setMark(Int(rule.mark?.value ?? 0))
            #expect(chain.rules.contains { $0.matches.first == .inDevice(["nb-\(key)"]) && $0.action == mark }, "\(chain)")
        }
        let settings = plan.settings.map(\.value).filter { $0.setting.name == .markReflection }
        #expect(settings.map(\.value) == [1], "\(settings)")
        // The only cluster of its clients needs no mark.
        let single = Self.file("192.168.0.2").split(separator: "\n").filter { !$0.contains("to: staging") }
        let alone = NetworkPlanner(try Networks.inventory(yaml: single.joined(separator: "\n") + "\n"))
        let other = alone.plan(for: try #require(alone.host(named: "prod/relay")))
        #expect(other.rules.contains { $0.value.inDevice == "lo" && $0.value.mark == nil })
        #expect(!other.table.chains.contains { $0.name == "errors" })
    }

    @Test func `hosts with one name and no common address are two`() throws {
        let planner = NetworkPlanner(try Networks.inventory(yaml: Self.file("192.168.0.3")))
        #expect(planner.hosts.filter { $0.host.name == "relay" }.map(\.place) == ["prod", "staging"])
        let plan = planner.plan(for: try #require(planner.host(named: "staging/relay")))
        #expect(plan.namespaces.map(\.value.name) == ["nb-staging"])
    }

    /// A relay that is no node sends packets for services to every entry node, relays among them.
    @Test func `a relay that is a node translates requests for services from the relays that are none`() throws {
        let inventory = try Networks.inventory("office-to-cluster")
        let relay = try Networks.plan("relay1", in: inventory)
        let services = relay.routes.map(\.value).filter { "\($0.destination)" == "172.17.16.0/20" }
        let hops = services.flatMap(\.nextHops).compactMap(\.gateway)
        #expect(hops.map(\.description) == ["172.17.14.11", "172.17.14.23"])
        for node in ["master1", "k8s-node03"] {
            let text = try Networks.plan(node, in: inventory).text
            let rule = text.split(separator: "\n").first {
                $0.contains("172.17.14.60") && $0.contains("172.17.16.0/20") && $0.contains("masquerade")
            }
            #expect(rule != nil, "\(text)")
        }
    }

    /// - Parameter second: The relay's other address as it stands under `staging`; under `prod` it is 192.168.0.2.
    private static func file(_ second: String) -> String {
        """
        clusters:
          prod:
            dns: [10.96.0.10]
            pods: [10.244.0.0/16]
            map: { 10.244.0.0/16: 10.200.0.0/16 }
            hosts: { relay: { address: [192.168.10.2, 192.168.0.2] } }
            nodes: { n1: { address: 192.168.10.11, pods: [10.244.0.0/24] } }
          staging:
            dns: [10.97.0.10]
            pods: [10.244.0.0/16]
            map: { 10.244.0.0/16: 10.201.0.0/16 }
            hosts: { relay: { address: [192.168.11.2, \(second)] } }
            nodes: { n1: { address: 192.168.11.11, pods: [10.244.0.0/24] } }
        sites:
          office: { networks: [172.16.0.0/18], router: 172.16.0.1 }
        paths:
          - { from: office, to: prod, via: relay, relays: [relay], source: keep }
          - { from: office, to: staging, via: relay, relays: [relay], source: keep }

        """
    }
}
