import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import PathHealth
import TestSupport
import Testing

/// What a router gets for a path with several relays.
@Suite struct FailoverTests {
    private static func file(
        relays: String = "r1, r2", path: String = "", dns: String = "dns: [10.20.0.10]", gate: String = "10.14.0.1"
    ) -> String {
        """
        clusters:
          prod:
            \(dns)
            pods: [10.32.0.0/16]
            services: [10.20.0.0/16]
            cni: calico-bgp
            nodes: { n1: { address: 10.14.0.11, pods: [10.32.1.0/24] } }
            hosts: { r1: { address: 10.14.0.61 }, r2: { address: 10.14.0.62 }, r3: { address: 10.15.0.63 } }
        sites:
          office:
            networks: [172.16.0.0/18]
            router: 172.16.0.1
            hosts: { gate: { address: [172.16.0.1, \(gate)] } }
        paths: [{ from: office, to: prod, via: relay, relays: [\(relays)]\(path) }]
        """
    }

    private static let group = "office -> prod via r1, r2"

    private func plan(_ file: String, _ name: String = "gate", carrying: [String] = []) throws -> HostPlan {
        let choices = RelayChoices(carrying.isEmpty ? [:] : [Self.group: carrying])
        let planner = NetworkPlanner(try Networks.inventory(yaml: file), choices: choices)
        return planner.plan(for: try #require(planner.host(named: name)))
    }

    private func hops(_ plan: HostPlan) -> [String] {
        let routes = plan.routes.map(\.value).filter { $0.table == Route.mainTable }
        return Set(
            routes.map { route in
                route.nextHops.map { ($0.gateway?.description ?? "") + ($0.weight > 1 ? " * \($0.weight)" : "") }
                    .joined(separator: ", ")
            }
        ).sorted()
    }

    @Test func `with a range for each relay each translates its own, and the router leads each to its relay`() throws {
        let file = RelayOffice(
            cluster: ["dns: [10.32.0.10]"], relays: ["r1", "r2"],
            router: "gate: { address: [172.16.0.1, 10.14.0.1] }",
            path: [
                "failover: dns", "relays:", "  - { host: r1, map: { 10.32.0.0/16: 10.200.0.0/16 } }",
                "  - { host: r2, map: { 10.32.0.0/16: 10.201.0.0/16 } }",
            ]
        ).yaml
        let gate = try plan(file)
        #expect(gate.relayGroups.isEmpty && gate.relayedPaths.isEmpty)
        let ways = gate.routes.map(\.value).filter { $0.table == Route.mainTable }.map { route in
            "\(route.destination) via \(route.nextHops.compactMap(\.gateway).map(\.description).joined(separator: ", "))"
        }
        #expect(ways == ["10.200.0.0/16 via 10.14.0.61", "10.201.0.0/16 via 10.14.0.62"])
        for (name, own, other) in [("r1", "10.200.0.0/16", "10.201.0.0/16"), ("r2", "10.201.0.0/16", "10.200.0.0/16")] {
            let text = "\(try plan(file, name))"
            #expect(text.contains(own) && !text.contains(other), "\(text)")
        }
        let advice = NetworkPlanner(try Networks.inventory(yaml: file)).instructions().flatMap(\.routes)
        #expect(
            advice.map { "\($0.destination) \($0.nextHops.map(\.name))" }
                == ["10.200.0.0/16 [\"r1\"]", "10.201.0.0/16 [\"r2\"]"])
    }

    /// A second relay that does not work would lose its share of all packets.
    /// What names are answered with for clients of that path: addresses of the first range.
    @Test func `a plain path beside ranges of relays leads to the first range, through its own relay`() throws {
        let file = """
            clusters:
              prod:
                dns: [10.32.0.10]
                pods: [10.32.0.0/16]
                cni: flannel-host-gw
                nodes: { n1: { address: 192.168.10.11, pods: [10.32.1.0/24] } }
            sites:
              office:
                networks: [172.16.0.0/18]
                router: 172.16.0.1
                hosts: { r1: { address: [172.16.0.61, 192.168.10.1] }, r2: { address: [172.16.0.62, 192.168.10.2] } }
              branch:
                networks: [172.31.0.0/24]
                router: 172.31.0.1
                hosts: { g3: { address: [172.31.0.1, 10.15.0.1] }, r3: { address: [10.15.0.3, 192.168.10.3] } }
            paths:
              - from: office
                to: prod
                via: relay
                failover: dns
                relays:
                  - { host: r1, map: { 10.32.0.0/16: 10.200.0.0/16 } }
                  - { host: r2, map: { 10.32.0.0/16: 10.201.0.0/16 } }
              - { from: branch, to: prod, via: relay, relays: [r3] }
            """
        let planner = NetworkPlanner(try Networks.inventory(yaml: file))
        for (host, expected) in [("g3", ["10.200.0.0/16"]), ("r3", ["10.200.0.0/16"]), ("r2", ["10.201.0.0/16"])] {
            let plan = planner.plan(for: try #require(planner.host(named: host)))
            let outer = plan.routes.map { "\($0.value.destination)" }.filter { $0.hasPrefix("10.20") }
            #expect(Set(outer) == Set(expected), "\(host): \(outer) \(plan.notes)")
        }
    }

    @Test func `without an agent packets are led to one relay, and with one to those that it has chosen`() throws {
        #expect(hops(try plan(Self.file())) == ["10.14.0.61"])
        #expect(hops(try plan(Self.file(), carrying: ["r2"])) == ["10.14.0.62"])
        #expect(hops(try plan(Self.file(), carrying: ["r2", "r1"])) == ["10.14.0.61, 10.14.0.62"])
        #expect(hops(try plan(Self.file(), carrying: ["gone"])) == ["10.14.0.61"])
        let weighted = Self.file(relays: "{ host: r1, weight: 3 }, { host: r2, priority: 200 }")
        #expect(hops(try plan(weighted)) == ["10.14.0.62"])
        #expect(hops(try plan(weighted, carrying: ["r1", "r2"])) == ["10.14.0.61 * 3, 10.14.0.62"])
    }

    @Test func `each relay is probed by a mark, a rule and a table of its own, from an address of the office`() throws {
        let plan = try plan(Self.file())
        let group = try #require(plan.relayGroups.first)
        #expect(plan.relayGroups.count == 1 && group.name == Self.group)
        #expect(group.probedPaths.map(\.relays) == [["r1"], ["r2"]])
        #expect(group.probedPaths.map(\.origin.mark) == [0x4E42_0000, 0x4E42_0001])
        #expect(group.probedPaths.allSatisfy { $0.origin.sources.map(\.description) == ["172.16.0.1"] })
        #expect(group.probedPaths.allSatisfy { $0.targets.map { "\($0.endpoint)" } == ["10.20.0.10:53"] })
        let commands = plan.text
        for line in [
            "ip route prepend default via 10.14.0.61 table 770000 proto 78 metric 1",
            "ip route prepend unreachable default table 770000 proto 78 metric 4096",
            "ip route prepend default via 10.14.0.62 table 770001 proto 78 metric 1",
            "ip -4 rule add from all fwmark 0x4e420001 lookup 770001 priority 770 protocol 78",
        ] {
            #expect(commands.contains(line), "\(line)\n\(commands)")
        }
    }

    /// One router that is gone must not take the way to the office from all relays.
    @Test func `nodes probe each router of the office through each relay, and relays let them`() throws {
        let file = """
            clusters:
              prod:
                dns: [10.20.0.10]
                pods: [10.32.0.0/16]
                services: [10.20.0.0/16]
                map: { 10.32.0.0/16: 10.200.0.0/16, 10.20.0.0/16: 10.201.0.0/16 }
                cni: calico-bgp
                nodes: { n1: { address: 10.14.0.11, pods: [10.32.1.0/24] } }
                hosts: { r1: { address: 10.14.0.61 }, r2: { address: 10.14.0.62 } }
            sites:
              office:
                networks: [172.16.0.0/18]
                router: [10.14.0.1, "fd00:14::2"]
                hosts: { gate: { address: 10.14.0.1 }, gate2: { address: [10.14.0.2, "fd00:14::2"] } }
            paths: [{ from: office, to: prod, via: relay, relays: [r1, r2], source: keep }]
            """
        let group = try #require(try plan(file, "n1").relayGroups.first)
        for path in group.probedPaths {
            // The relays have no IPv6.
            #expect(path.targets.filter(\.isBehindOthers).map { "\($0.endpoint)" } == ["10.14.0.1:9", "10.14.0.2:9"])
        }
        let rules = try plan(file, "r1").text
        #expect(rules.contains("ip daddr { 10.14.0.1, 10.14.0.2 } tcp dport 9"), "\(rules)")
    }

    @Test func `connections that began before a relay was drained stay with it`() throws {
        let choices = RelayChoices([Self.group: ["r2"]], staying: [Self.group: "r1"])
        let planner = NetworkPlanner(try Networks.inventory(yaml: Self.file()), choices: choices)
        let plan = planner.plan(for: try #require(planner.host(named: "gate")))
        let rules = plan.table.chains.first { $0.name == "stay" }?.rules.map { "\($0)" } ?? []
        let there = "ip saddr 172.16.0.0/18 ip daddr { 10.20.0.0/16, 10.32.0.0/16 }"
        let end = "comment \"path office -> prod via r1, r2\""
        #expect(
            rules == [
                "\(there) ct state new tcp flags syn / syn,rst counter ct mark set ct mark | 64 \(end)",
                "\(there) ct state new meta l4proto udp counter ct mark set ct mark | 64 \(end)",
                "\(there) ct state new meta l4proto icmp counter ct mark set ct mark | 64 \(end)",
                "\(there) ct direction original ct mark & 64 == 0 counter meta mark set 1312948224 \(end)",
            ], "\(rules)")
        let back = RelayChoices([Self.group: ["r1"]], staying: [Self.group: "r1"])
        let other = NetworkPlanner(planner.inventory, choices: back)
        #expect(other.plan(for: plan.host).table.chains.allSatisfy { $0.name != "stay" })
    }

    @Test func `the plan says who chooses, and warns where nothing does`() throws {
        let words = "leads packets to those that work; while no agent runs they stay with r1"
        #expect(try plan(Self.file()).notes.contains { $0.severity == .advice && $0.message.contains(words) })
        for file in [Self.file(dns: ""), Self.file(path: ", probe: off")] {
            let blind = try plan(file)
            #expect(hops(blind) == ["10.14.0.61, 10.14.0.62"] && blind.relayGroups.isEmpty)
            #expect(blind.notes.contains { $0.severity == .warning && $0.message.contains("several next hops is dead") })
        }
        // The relays' plans warn of a router that is not ours.
        let warning = "do not notice that one of several next hops is dead"
        #expect(try !plan(Self.file(), "r1").notes.contains { $0.message.contains(warning) })
        let foreign = Self.file().replacing("hosts: { gate: { address: [172.16.0.1, 10.14.0.1] } }", with: "")
        #expect(try plan(foreign, "r1").notes.contains { $0.message.contains(warning) })
    }

    @Test func `relays behind different devices get loose filters, and one whose network is gone no probes`() throws {
        let plan = try plan(Self.file(relays: "r1, r3", gate: "10.14.0.1, 10.15.0.1"))
        var state = FakeHost.fresh(plan.host)
        func filters() -> [String] {
            plan.resolved(on: state).settings.map(\.value)
                .filter { $0.setting.name == .reversePathFilter && $0.value == 2 }.map(\.setting.device).sorted()
        }
        #expect(filters() == [])
        state.links.append(Link(name: "eth1", kind: .other("")))
        for index in state.addresses.indices where state.addresses[index].address.description == "10.15.0.1" {
            state.addresses[index].device = "eth1"
        }
        for index in state.routes.indices where state.routes[index].source?.description == "10.15.0.1" {
            state.routes[index].nextHops[0].device = "eth1"
        }
        #expect(filters() == ["eth0", "eth1"])
        #expect(plan.resolved(on: state).routes.count { $0.value.table == 770_001 } == 2)
        state.addresses.removeAll { $0.address.description == "10.15.0.1" }
        #expect(plan.resolved(on: state).routes.count { $0.value.table == 770_001 } == 1, "what is unreachable stays so")
    }
}
