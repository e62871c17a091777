import Foundation
import Testing

/// An apply that would cut packets which arrive, and packets that `explain` sends for real.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct ApplyProtectionTests {
    private static let hosts = ["relay1", "master1", "node3"]
    private static let probe = Probe(host: "pc", address: "172.17.54.10")

    private static func office(_ name: String) throws -> (Lab, String) {
        let lab = try Lab(
            name, hosts: OfficeTests.hosts, script: OfficeTests.script, answering: ["p1", "p3", "node3"])
        return (lab, try lab.file("office.yaml", OfficeTests.configuration))
    }

    @Test func `a path that leaves the file is not cut unasked`() throws {
        let (lab, file) = try Self.office("apg")
        for (host, result) in zip(Self.hosts, try lab.net(each: Self.hosts, "apply --config \(file)")) {
            #expect(result.code == 0, "\(host): \(result.output)")
        }
        #expect(try lab.probe([Self.probe]).first?.outcome.isWhole == true)
        let bare = OfficeTests.configuration.split(separator: "\n").filter { $0 != "paths:" && !$0.contains("via: relay") }
        let other = try lab.file("bare.yaml", bare.joined(separator: "\n") + "\n")
        let before = try lab.snapshot("relay1")

        let refused = try lab.net("relay1", "apply --config \(other)")
        #expect(refused.code == 1 && refused.output.contains("office -> prod pods, all packets: ok -> "), "\(refused.output)")
        #expect(refused.output.contains("--accept-loss"), "\(refused.output)")
        #expect(try lab.snapshot("relay1") == before)
        let failed = try lab.net("relay1", "apply --config \(other) --output json 2>/dev/null")
        #expect(failed.code == 1 && failed.output.contains("\"outcome\": \"failed\""), "\(failed.output)")
        let wrong = try lab.net("relay1", "apply --config \(other) --accept-loss 'ofice->prod'")
        #expect(wrong.code == 2 && wrong.output.contains("did you mean \"office\""), "\(wrong.output)")
        #expect(try lab.probe([Self.probe]).first?.outcome.isWhole == true)

        let accepted = try lab.net("relay1", "apply --config \(other) --accept-loss 'office->prod' --output json 2>/dev/null")
        let object = try JSONSerialization.jsonObject(with: Data(accepted.output.utf8)) as? [String: Any]
        #expect(accepted.code == 0 && object?["outcome"] as? String == "applied", "\(accepted.output)")
        #expect((object?["steps"] as? [Any])?.isEmpty == false, "\(accepted.output)")
        #expect(try lab.probeInVain([Self.probe]).first?.outcome.isBroken == true)
        // Whether it is there again is told too.
        let again = try lab.net("relay1", "apply --config \(file)")
        #expect(again.code == 0 && again.output.contains("office -> prod pods, all packets: "), "\(again.output)")
        #expect(try lab.probe([Self.probe]).first?.outcome.isWhole == true)
    }

    /// What no reasoning sees, since another host does it: the connection to the far side is tried before and after.
    @Test func `a connection that an apply costs undoes it within the confirmation`() throws {
        let (lab, _) = try Self.office("apc")
        let file = try lab.file(
            "probed.yaml",
            OfficeTests.configuration.replacing(
                "relays: [relay1] }", with: "relays: [relay1], probe: { targets: [\"172.17.54.10:9400\"] } }"))
        // The packets of the relay come through another node, until its own route leads them to the one that drops them.
        try lab.script(
            """
            ip -n ${P}relay1 route add 172.17.32.0/19 via 172.17.14.11
            on node3 sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.tunl0.rp_filter=0
            on node3 iptables -A FORWARD -i eth0 -d 172.17.54.10 -j DROP
            """)
        #expect(try lab.probe([Probe(host: "relay1", address: "172.17.54.10")]).first?.outcome.tcp != nil)
        let before = try lab.snapshot("relay1")
        let result = try lab.net("relay1", "apply --config \(file) --confirm 60s")
        #expect(result.code == 1 && result.output.contains("172.17.54.10:9400 (prod) answered before"), "\(result.output)")
        #expect(result.output.contains("everything was undone"), "\(result.output)")
        #expect(try lab.snapshot("relay1") == before)
    }

    @Test func `packets that are sent agree with what is reasoned, and what is not known shows`() throws {
        let (lab, file) = try Self.office("app")
        #expect(try lab.net("relay1", "apply --config \(file)").code == 0)
        try lab.observe(Self.hosts)
        let call = "explain --config \(file) --state \(lab.path("observed")) --probe"
        func explain(_ arguments: String) throws -> Shell.Result {
            try lab.on("relay1", "env NAMEBRIDGE_NET_STATE=\(lab.state(of: "relay1")) \(Shell.program) \(call) \(arguments)")
        }
        for arguments in ["172.17.33.10:9400", "172.17.54.10:9400", "172.17.33.10:9", "172.17.33.10 --protocol icmp"] {
            let said = try explain("prod/relay1 \(arguments)")
            #expect(said.code == 0 && said.output.contains(", as reasoned"), "\(arguments): \(said.output)")
        }
        let foreign = try explain("office 172.17.33.10:9400")
        #expect(foreign.code == 2 && foreign.output.contains("is not this host"), "\(foreign.output)")

        // On a host that was observed: reasoned and seen are the same.
        try lab.script("ip -n ${P}relay1 route add blackhole 172.17.33.10/32")
        let cut = try explain("prod/relay1 172.17.33.10:9400")
        #expect(cut.code == 1 && cut.output.contains("as reasoned") && cut.output.contains("NO_ROUTE"), "\(cut.output)")
        try lab.script("ip -n ${P}relay1 route del blackhole 172.17.33.10/32")
        // In a pod, which no state tells of: only the packet shows it.
        try lab.script(
            "on p1 nft add table ip lab; on p1 nft 'add chain ip lab in { type filter hook input priority 0; policy drop; }'")
        let hidden = try explain("prod/relay1 172.17.33.10:9400 --output json")
        #expect(hidden.code == 3 && hidden.output.contains("\"agreement\": \"disagrees\""), "\(hidden.output)")
    }
}
