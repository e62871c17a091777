import IPAddressing
import NetworkModel
import NetworkPlanning
import PathHealth
import TestSupport
import Testing

/// What relays get that others are led to by BGP or VRRP.
@Suite struct AnnouncementTests {
    private static func file(_ path: String) -> String {
        """
        clusters:
          prod:
            dns: [10.20.0.10]
            pods: [10.32.0.0/16, "fd00:32::/48"]
            services: [10.20.0.0/16]
            nodes: { n1: { address: [10.15.0.11, "fd00:15::11"], pods: [10.32.1.0/24, "fd00:32:0:1::/64"] } }
            hosts:
              r1: { address: [10.14.0.61, "fd00:14::61", 10.15.0.61], device: eth7 }
              r2: { address: [10.14.0.62, "fd00:14::62", 10.15.0.62] }
        sites:
          office:
            networks: [172.16.0.0/18, "fd00:16::/64"]
            router: [172.16.0.1, "fd00:16::1"]
            hosts: { gate: { address: [172.16.0.1, "fd00:16::1", 10.14.0.1, "fd00:14::1"] } }
        paths:
          - { from: office, to: prod, via: relay, relays: [{ host: r1, priority: 200 }, r2], \(path) }
        """
    }

    private func plan(_ host: String, _ path: String, announced: Bool = false) throws -> HostPlan {
        var choices = RelayChoices()
        if announced { choices.announced = ["office -> prod via \(host)"] }
        let planner = NetworkPlanner(try Networks.inventory(yaml: Self.file(path)), choices: choices)
        return planner.plan(for: try #require(planner.host(named: host)))
    }

    @Test func `a relay announces the prefixes while its agent says so, from a table that routes nothing`() throws {
        let silent = try plan("r1", "failover: bgp")
        #expect(silent.relayedPaths.map(\.name) == ["office -> prod via r1"])
        #expect(silent.relayedPaths.first?.probed.origin.mark == 0)
        #expect(silent.routes.allSatisfy { $0.value.table != 78 })
        let routes = try plan("r1", "failover: bgp", announced: true).routes.map(\.value).filter { $0.table == 78 }
        #expect(
            routes.map { "\($0.kind) \($0.destination)" }
                == ["blackhole 10.32.0.0/16", "blackhole 10.20.0.0/16", "blackhole fd00:32::/48"])
        #expect(try plan("gate", "failover: bgp").routes.isEmpty, "the router learns its routes")
    }

    /// FRR announces no prefix to which the main table has a route from elsewhere.
    @Test func `a relay leads packets for what it announces by the halves of the prefix, announced or not`() throws {
        let text = RelayOffice(
            cluster: ["map: { 10.32.0.0/16: 10.200.0.0/16 }"],
            path: [
                "relays: [relay1, relay2]", "source: keep", "failover: bgp", "probe: { targets: [\"10.200.1.10:9\"] }",
            ]
        ).yaml
        for announced: Set<String> in [[], ["office -> prod via relay1"]] {
            var choices = RelayChoices()
            choices.announced = announced
            let planner = NetworkPlanner(try Networks.inventory(yaml: text), choices: choices)
            let plan = planner.plan(for: try #require(planner.host(named: "relay1")))
            let outer = try IPPrefix(parsing: "10.200.0.0/16")
            let routes = plan.resolved(on: FakeHost.fresh(plan.host)).routes.map(\.value)
                .filter { outer.contains($0.destination.address) }
            let main = Set(routes.filter { $0.table == 254 }.map { "\($0.destination)" })
            #expect(main == ["10.200.0.0/17", "10.200.128.0/17"], "\(routes)")
            let table = routes.filter { $0.table == 78 }.map { "\($0.kind) \($0.destination)" }
            #expect(table == (announced.isEmpty ? [] : ["blackhole 10.200.0.0/16"]), "\(routes)")
        }
    }

    @Test func `the router sends packets to the virtual address`() throws {
        let vrrp = "failover: vrrp, vrrp: { id: 78, address: 10.14.0.60 }"
        let hops = try plan("gate", vrrp).routes.flatMap(\.value.nextHops).compactMap(\.gateway?.description)
        #expect(Set(hops) == ["10.14.0.60"])
        #expect(try plan("r1", vrrp).relayedPaths.count == 1 && plan("r1", vrrp).routes.allSatisfy { $0.value.table != 78 })
    }

    @Test func `forwarders announce their common address while their agents say so`() throws {
        let file = """
            dns: { announce: { address: [172.20.0.53, "fd00:20::53"], hosts: [{ host: d1, priority: 200 }, d2] } }
            clusters: { prod: { dns: [10.20.0.10] } }
            sites:
              office:
                networks: [172.16.0.0/18]
                router: 172.16.0.1
                hosts: { gate: { address: 172.16.0.1 }, d1: { address: 172.16.0.61 }, d2: { address: 172.16.0.62 } }
            """
        var choices = RelayChoices()
        choices.announced = ["dns 172.20.0.53, fd00:20::53 on d1"]
        let planner = NetworkPlanner(try Networks.inventory(yaml: file), choices: choices)
        let plans = try ["d1", "d2", "gate"].map { planner.plan(for: try #require(planner.host(named: $0))) }
        #expect(plans.map { $0.announcedServices.map(\.hostName) } == [["d1"], ["d2"], []])
        #expect(plans.map(\.roles) == [[.forwarder], [.forwarder], []])
        #expect(
            plans.map { $0.routes.map { "\($0.value.kind) \($0.value.destination) \($0.value.table)" } }
                == [["blackhole 172.20.0.53/32 78", "blackhole fd00:20::53/128 78"], [], []])

        let renderer = Renderer(try Networks.inventory(yaml: file))
        let text = try ["d1", "gate"].map { try renderer.render(.bird, for: $0) }
        #expect(text[0].contains("neighbor 172.16.0.1 as 65000") && text[0].contains("bgp_med = 55"), "\(text[0])")
        #expect(text[1].contains("net ~ [ 172.20.0.53/32 ]") && text[1].contains("neighbor 172.16.0.62 as 65078"), "\(text[1])")
        let frr = try ["d1", "gate"].map { try renderer.render(.frr, for: $0).contains("must be a local route") }
        #expect(frr == [true, false])
        let commands = "ip route add local 172.20.0.53 dev lo; ip address add fd00:20::53/128 dev lo"
        #expect(plans[0].notes.contains { $0.message.contains(commands) }, "\(plans[0].notes)")
        let vrrp = file.replacing(
            "address: [172.20.0.53, \"fd00:20::53\"],", with: "failover: vrrp, vrrp: { id: 53 }, address: 172.16.0.60,")
        let keepalived = try Renderer(try Networks.inventory(yaml: vrrp)).render(.keepalived, for: "d2")
        #expect(keepalived.contains("net health dns/172.16.0.60") && keepalived.contains("virtual_router_id 53"), "\(keepalived)")
    }

    @Test func `formats without anything to write say what would give them something`() throws {
        let learned = Renderer(try Networks.inventory(yaml: Self.file("failover: bgp")))
        let entered = Renderer(try Networks.inventory(yaml: Self.file("failover: agent")))
        #expect(throws: RenderError.routesByBGP(site: "office")) { try learned.render(.vyos, for: "office") }
        #expect(throws: RenderError.routesByBGP(site: "office")) { try learned.render(.vyos) }
        for (format, word) in [(RenderFormat.bird, "bgp"), (.frr, "bgp"), (.keepalived, "vrrp")] {
            let error = #expect(throws: RenderError.self) { try entered.render(format, for: "r1") }
            #expect(error?.description.hasSuffix("for r1: set \"failover: \(word)\" in its path") == true)
        }
    }

    @Test func `what nothing shows to work is not announced`() throws {
        #expect(try plan("r1", "failover: bgp, probe: off").isRefused)
    }

    @Test func `both ends of each session are written, with the addresses of one network`() throws {
        let renderer = Renderer(try Networks.inventory(yaml: Self.file("failover: bgp, bgp: { as: 64512 }")))
        let relay = try renderer.render(.bird, for: "r2")
        for line in [
            "local 10.14.0.62 as 64512;", "neighbor 10.14.0.1 as 65000;", "local fd00:14::62 as 64512;",
            "bgp_med = 155;", "kernel table 78;", "bfd on;",
        ] {
            #expect(relay.contains(line), "\(line)\n\(relay)")
        }
        let router = try renderer.render(.bird, for: "gate")
        #expect(router.contains("neighbor 10.14.0.61 as 64512;") && router.contains("if net ~ [ 10.32.0.0/16, 10.20.0.0/16 ]"))
        let frr = try renderer.render(.frr, for: "r1")
        #expect(frr.contains("ip import-table 78") && frr.contains(" set metric 55") && frr.contains("redistribute table 78"))
        let virtual = "failover: vrrp, prefer: first, vrrp: { id: 78, address: 10.14.0.60 }"
        let keepalived = try Renderer(Networks.inventory(yaml: Self.file(virtual))).render(.keepalived, for: "r1")
        #expect(keepalived.contains("interface eth7") && keepalived.contains("priority 200"))
        let other = try Renderer(Networks.inventory(yaml: Self.file(virtual))).render(.keepalived, for: "r2")
        #expect(other.contains("    # the device that has 10.14.0.62:\n    interface INTERFACE\n"), "\(other)")
        #expect(!keepalived.contains("nopreempt") && keepalived.contains("net health office/prod"))
        #expect(keepalived.contains("file \"/run/namebridge-net/works-office_prod\"\n    weight 0\n    init_file 1\n"))
    }
}
