import Foundation
import Testing

/// An office with addresses of both families that reaches a cluster through two relays, by a router that is ours: what
/// differs in source or destination may take another relay, and comes back by the one that it took.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct DualStackTests {
    private static let hosts = ["pc", "router", "relay1", "relay2", "node1", "node2", "p1", "p2"]
    private static let changed = ["router", "relay1", "relay2", "node1", "node2"]

    @Test func `one relay carries both families to pods and services`() throws {
        let lab = try Lab("dual", hosts: Self.hosts, script: Self.script, answering: ["p1", "p2"])
        let file = try lab.file("dual.yaml", Self.configuration(relays: "relay1"))
        try lab.expectRepair(
            by: file, on: Self.changed.filter { $0 != "relay2" },
            of: [
                Passage("pc", "10.32.1.10", from: "10.14.0.61"), Passage("pc", "10.32.2.10", from: "10.14.0.61"),
                Passage("pc", "fd00:32:0:1::a", from: "fd00:14::61"), Passage("pc", "fd00:32:0:2::a", from: "fd00:14::61"),
                // Either node may translate; the pod sees it by its address on the side where the pod is.
                Passage("pc", "10.20.0.101", port: 80, from: "10.32.1.1", "10.14.0.12"),
                Passage("pc", "10.20.0.102", port: 80, from: "10.32.2.1", "10.14.0.11"),
                Passage("pc", "fd00:20::101", port: 80, from: "fd00:32:0:1::1", "fd00:14::12"),
                Passage("pc", "fd00:20::102", port: 80, from: "fd00:32:0:2::1", "fd00:14::11"),
            ]
        ) {
            #expect(lab.transfer(from: "pc", to: "p2", at: "fd00:32:0:2::a") == 50_000_000)
        }
    }

    @Test func `two relays share the work, and each answer comes back by the relay that its question took`() throws {
        let lab = try Lab("multi", hosts: Self.hosts, script: Self.script + Self.more, answering: ["p1", "p2"])
        let file = try lab.file("multi.yaml", Self.configuration(relays: "relay1, relay2"))
        let before = try Self.changed.map { try lab.snapshot($0) }
        let four = (10...25).map { Probe(host: "pc", address: "10.32.1.\($0)") }
        let six = (10...25).map { Probe(host: "pc", address: "fd00:32:0:2::\($0)") }
        for answer in try lab.probeInVain(four + six) { #expect(answer.outcome.isBroken, "before: \(answer.probe)") }

        for result in try lab.net(each: Self.changed, "apply --config \(file)") { #expect(result.code == 0, "\(result.output)") }
        for (probes, relays) in [(four, ["10.14.0.61", "10.14.0.62"]), (six, ["fd00:14::61", "fd00:14::62"])] {
            let answers = try lab.probe(probes)
            for answer in answers {
                #expect(answer.outcome.isWhole && relays.contains(answer.outcome.tcp ?? "-"), "\(answer)")
            }
            // By chance all take one relay once in thirty thousand times.
            #expect(Set(answers.map(\.outcome.tcp)).count == 2, "\(answers)")
            // A new connection has another port, and with IPv6 another flow label, as one has that lost a packet.
            let again = try lab.probe(probes)
            #expect(again.map(\.outcome.tcp) == answers.map(\.outcome.tcp))
            #expect(again.map(\.outcome.udp) == answers.map(\.outcome.udp))
        }
        for result in try lab.net(each: Self.changed, "apply --config \(file)") {
            #expect(result.code == 0 && result.output.hasSuffix("nothing to do\n"), "\(result.output)")
        }

        for result in try lab.net(each: Self.changed, "remove") { #expect(result.code == 0, "\(result.output)") }
        #expect(try Self.changed.map { try lab.snapshot($0) } == before)
        for answer in try lab.probeInVain(four + six) { #expect(answer.outcome.isBroken, "after: \(answer.probe)") }
    }

    /// The router keeps sending what belongs to a dead relay there; its status and its agent say so.
    /// With the relay's route withdrawn the connections of the other go on, and those of the dead one open anew.
    @Test(.enabled(if: Lab.has("ping")))
    func `when one of two relays dies, the half that it carried stops until its route is withdrawn`() async throws {
        let lab = try Lab("dies", hosts: Self.hosts, script: Self.script + Self.more, answering: ["p1", "p2"])
        let file = try lab.file("multi.yaml", Self.configuration(relays: "relay1, relay2"))
        for result in try lab.net(each: Self.changed, "apply --config \(file)") { #expect(result.code == 0, "\(result.output)") }
        let probes = (10...25).map { Probe(host: "pc", address: "10.32.1.\($0)") }
        let whole = try lab.probe(probes)
        #expect(whole.allSatisfy(\.outcome.isWhole) && Set(whole.map(\.outcome.tcp)).count == 2, "\(whole)")
        let plan = try lab.net("router", "plan --config \(file)").output
        #expect(plan.contains("do not notice that one of several next hops is dead"), "\(plan)")

        try lab.script("ip -n ${P}relay2 link set eth0 down")
        let half = zip(probes, whole)
        let alive = half.filter { $0.1.outcome.tcp == "10.14.0.61" }.map(\.0)
        let dead = half.filter { $0.1.outcome.tcp == "10.14.0.62" }.map(\.0)
        for answer in try lab.probe(alive) { #expect(answer.outcome.isWhole, "\(answer)") }
        for answer in try lab.probeInVain(dead) { #expect(answer.outcome.isBroken, "\(answer)") }
        // By itself the kernel doubts an address only after up to a minute.
        try lab.script("ip -n ${P}router neigh flush to 10.14.0.62")
        let status = try await lab.waitForSilence(of: "10.14.0.62", on: "router", file)
        #expect(status.code == 1 && status.output.contains(", all as planned, 1 next hop silent\n"), "\(status.output)")
        #expect(try lab.net("relay2", "status --config \(file)").code == 1)

        let one = try lab.file("one.yaml", Self.configuration(relays: "relay1"))
        #expect(try lab.net("router", "apply --config \(one)").code == 0)
        for answer in try lab.probe(probes) {
            #expect(answer.outcome.isWhole(from: ["10.14.0.61"]), "\(answer)")
        }
    }

    @Test(.enabled(if: Lab.has("ping")))
    func `an agent on the router reports a silent next hop, and when it answers again`() throws {
        let lab = try Lab("silent", hosts: Self.hosts, script: Self.script)
        let file = try lab.file("multi.yaml", Self.configuration(relays: "relay1, relay2"))
        let agent = try RunningAgent(on: "router", of: lab, file: file, fullCheck: "1s")
        // Nothing else is sent that would make the kernel ask for the relay.
        try lab.script(
            """
            ip -n ${P}relay2 link set eth0 down; ip -n ${P}router neigh flush all
            on router ping -c 1 -W 1 10.14.0.62 || true
            """)
        try agent.waits(for: "next hop silent address=10.14.0.62 device=br0", lab, seconds: 30)
        let status = try lab.net("router", "status --config \(file)")
        #expect(status.code == 1 && status.output.contains("silent: 10.14.0.62 on br0"), "\(status.output)")
        try lab.script("ip -n ${P}relay2 link set eth0 up")
        try agent.waits(for: "next hop answers address=10.14.0.62", lab, seconds: 30)
        #expect(try lab.net("router", "status --config \(file)").code == 0)
        let log = try agent.end()
        #expect(log.components(separatedBy: "next hop silent").count == 2, "\(log)")
    }

    /// Imitates a kernel older than Linux 5.14: the file that came with policy 3 is empty.
    @Test func `an older kernel gets another policy, with a warning, and everything else`() throws {
        let lab = try Lab("older", hosts: Self.hosts, script: Self.script)
        let file = try lab.file("multi.yaml", Self.configuration(relays: "relay1, relay2"))
        let nothing = try lab.file("nothing", "")
        let result = try lab.on(
            "router",
            "sh -c 'mount --bind \(nothing) /proc/sys/net/ipv6/fib_multipath_hash_fields && "
                + "NAMEBRIDGE_NET_STATE=\(lab.state(of: "router")) \(Shell.program) net apply --config \(file)'")
        #expect(result.code == 0 && result.output.contains("this kernel is older than Linux 5.14"), "\(result.output)")
        #expect(try lab.on("router", "sysctl -n net.ipv6.fib_multipath_hash_policy").output == "1\n")
        #expect(try lab.net("router", "remove").code == 0)
        #expect(try lab.on("router", "sysctl -n net.ipv6.fib_multipath_hash_policy").output == "0\n")
    }

    private static let script = """
        wire pc eth0 router office
        address pc eth0 172.16.0.100/18 fd00:16::100/64; address router office 172.16.0.1/18 fd00:16::1/64
        ip -n ${P}pc route add default via 172.16.0.1; ip -n ${P}pc -6 route add default via fd00:16::1
        ip -n ${P}router link add br0 type bridge mcast_snooping 0; ip -n ${P}router link set br0 up
        address router br0 10.14.0.1/24 fd00:14::1/64; forward router office br0
        for h in relay1 relay2 node1 node2; do
            wire $h eth0 router $h; ip -n ${P}router link set $h master br0
            case $h in relay*) n=6${h#relay} ;; *) n=1${h#node} ;; esac
            address $h eth0 10.14.0.$n/24 fd00:14::$n/64
            ip -n $P$h route add default via 10.14.0.1; ip -n $P$h -6 route add default via fd00:14::1
        done
        for n in 1 2; do
            pod node$n p$n 10.32.$n.1 10.32.$n.10 fd00:32:0:$n::1 fd00:32:0:$n::a
            forward node$n eth0
            service node$n 10.20.0.101 10.32.1.10; service node$n 10.20.0.102 10.32.2.10
            service node$n fd00:20::101 fd00:32:0:1::a; service node$n fd00:20::102 fd00:32:0:2::a
        done
        ip -n ${P}node1 route add 10.32.2.0/24 via 10.14.0.12; ip -n ${P}node2 route add 10.32.1.0/24 via 10.14.0.11
        ip -n ${P}node1 -6 route add fd00:32:0:2::/64 via fd00:14::12
        ip -n ${P}node2 -6 route add fd00:32:0:1::/64 via fd00:14::11

        """

    /// Sixteen addresses for one pod of each family, since the way is chosen by source and destination.
    private static let more = """
        for n in 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
            ip -n ${P}p1 addr add 10.32.1.$n/32 dev eth0; ip -n ${P}node1 route add 10.32.1.$n dev calip1
        done
        for n in 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
            ip -n ${P}p2 addr add fd00:32:0:2::$n/128 dev eth0; ip -n ${P}node2 -6 route add fd00:32:0:2::$n dev calip2
        done

        """

    private static func configuration(relays: String) -> String {
        """
        clusters:
          prod:
            pods: [10.32.0.0/16, "fd00:32::/48"]
            services: [10.20.0.0/16, "fd00:20::/112"]
            cni: calico-bgp
            nodes:
              node1: { address: [10.14.0.11, "fd00:14::11"], pods: [10.32.1.0/24, "fd00:32:0:1::/64"] }
              node2: { address: [10.14.0.12, "fd00:14::12"], pods: [10.32.2.0/24, "fd00:32:0:2::/64"] }
            hosts:
              relay1: { address: [10.14.0.61, "fd00:14::61"] }
              relay2: { address: [10.14.0.62, "fd00:14::62"] }
        sites:
          office:
            networks: [172.16.0.0/18, "fd00:16::/64"]
            router: [172.16.0.1, "fd00:16::1"]
            hosts: { router: { address: [172.16.0.1, "fd00:16::1"] } }
        paths:
          - { from: office, to: prod, via: relay, relays: [\(relays)] }

        """
    }
}

extension Lab {
    /// The status of `host` once it says that the next hop `address` is silent; the last one where it never does.
    fileprivate func waitForSilence(of address: String, on host: String, _ file: String) async throws -> Shell.Result {
        var status = try net(host, "status --config \(file)")
        _ = try await wait {
            if status.output.contains("silent    next hop \(address) on ") { return true }
            // The kernel asks for a neighbour only if there is a packet for it.
            try script("on \(host) ping -c 1 -W 1 \(address) >/dev/null || true")
            status = try net(host, "status --config \(file)")
            return false
        }
        return status
    }
}
