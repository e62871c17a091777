import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// Connections that another relay has begun are INVALID to a firewall: where it drops them, a plan says so.
@Suite struct UnknownConnectionTests {
    private static func inventory(source: String, relays: String = "r1, r2") throws -> Inventory {
        try Networks.inventory(
            yaml: """
                clusters:
                  prod:
                    pods: [10.244.0.0/16]
                    map: { 10.244.0.0/16: 10.200.0.0/16 }
                    nodes: { n1: { address: 192.168.10.11, pods: [10.244.0.0/24] } }
                sites:
                  office:
                    networks: [172.16.0.0/18]
                    map: { 172.16.0.0/18: 10.250.0.0/18 }
                    router: 172.16.0.1
                    hosts:
                      r1: { address: [172.16.0.5, 192.168.10.5] }
                      r2: { address: [172.16.0.6, 192.168.10.6] }
                paths: [{ from: office, to: prod, via: relay, relays: [\(relays)], source: \(source) }]
                """)
    }

    private func conflicts(_ inventory: Inventory, _ rules: String, policy: String = "ACCEPT") throws -> [Conflict] {
        let plan = try Networks.plan("office/r1", in: inventory)
        var state = FakeHost.fresh(plan.host)
        state.iptables = [
            IPTablesState(
                family: .v4,
                saved: "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD \(policy) [0:0]\n:OUTPUT ACCEPT [0:0]\n\(rules)COMMIT\n")
        ]
        return difference(from: state, to: plan).conflicts
    }

    private let dropsInvalid = "-A FORWARD -m conntrack --ctstate INVALID -j DROP\n"

    @Test(arguments: ["keep", "map"]) func `a firewall that drops INVALID packets is named with the remedy`(source: String) throws
    {
        let found = try conflicts(Self.inventory(source: source), dropsInvalid)
        #expect(found.count == 1 && found[0].message.contains("drops INVALID packets"), "\(found)")
        let lines = found.first?.remedy ?? []
        let client = source == "map" ? "10.250.0.0/18" : "172.16.0.0/18"
        for line in [
            "iptables -t raw -I PREROUTING 1 -s 172.16.0.0/18 -d 10.200.0.0/16 -j CT --notrack",
            "iptables -t raw -I PREROUTING 1 -s 10.200.0.0/16 -d 172.16.0.0/18 -j CT --notrack",
            "iptables -t raw -I PREROUTING 1 -s \(client) -d 10.244.0.0/16 -j CT --notrack",
            "iptables -t raw -I PREROUTING 1 -s 10.244.0.0/16 -d \(client) -j CT --notrack",
        ] {
            #expect(lines.contains(line), "\(line) is missing in \(lines)")
        }
        #expect(lines.count == 4, "\(lines)")
    }

    @Test func `where answers alone are accepted, untracked ones get a rule too`() throws {
        let rules = dropsInvalid + "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
        let found = try conflicts(Self.inventory(source: "keep"), rules, policy: "DROP").filter { !$0.isHarmless }
        let lines = found.flatMap(\.remedy)
        #expect(
            lines.contains(
                "iptables -t filter -I FORWARD 1 -s 10.200.0.0/16 -d 172.16.0.0/18 -m conntrack --ctstate UNTRACKED"
                    + " -j ACCEPT"), "\(found)")
    }

    @Test func `a path that masks its sources, and a relay that is alone, have none`() throws {
        #expect(try conflicts(Self.inventory(source: "snat"), dropsInvalid) == [])
        #expect(try conflicts(Self.inventory(source: "keep", relays: "r1"), dropsInvalid) == [])
    }

    @Test func `what the remedy excludes from connection tracking is found fine`() throws {
        let plan = try Networks.plan("office/r1", in: Self.inventory(source: "keep"))
        var state = FakeHost.fresh(plan.host)
        let raw = [("172.16.0.0/18", "10.200.0.0/16"), ("172.16.0.0/18", "10.244.0.0/16")].flatMap {
            ["-A PREROUTING -s \($0) -d \($1) -j CT --notrack\n", "-A PREROUTING -s \($1) -d \($0) -j CT --notrack\n"]
        }.joined()
        state.iptables = [
            IPTablesState(
                family: .v4,
                saved: "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\(raw)COMMIT\n"
                    + "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\(dropsInvalid)COMMIT\n")
        ]
        #expect(difference(from: state, to: plan).conflicts == [])
    }
}
