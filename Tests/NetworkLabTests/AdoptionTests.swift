import Foundation
import Testing

/// A manual setup continues to work without a gap: it is reported, ours exists beside it, and with `--adopt` ours takes its place
/// while packets pass and connections live.
@Suite(.enabled(if: Lab.isPossible && Lab.has("socat", "ping")), .serialized) struct AdoptionTests {
    @Test func `manual rules and routes are adopted while traffic passes`() throws {
        let lab = try Lab("adopt", hosts: Self.hosts, script: Self.network + Self.byHand, answering: ["p3"])
        let file = try lab.file("office.yaml", Self.configuration)
        let before = try Self.changed.map { Set(try Self.lines(lab.snapshot($0)).filter { !$0.hasPrefix("{\"nftables") }) }
        let probe = Probe(host: "pc", address: "172.17.54.10")
        #expect(try lab.probe([probe]).allSatisfy(\.outcome.isWhole), "what hands have made works")

        let plan = try lab.net("relay1", "plan --config \(file)")
        #expect(plan.output.contains("foreign: \"iptables -t nat -A POSTROUTING -s 172.16.0.0/18 -d 172.17.32.0/19 -m comment"))
        #expect(plan.output.contains("does the same as"), "\(plan.output)")
        let route = try lab.net("router", "plan --config \(file)")
        #expect(route.output.contains("foreign: \"ip route add 172.17.32.0/19 via 172.17.14.60 dev br0"), "\(route.output)")

        let traffic = try Traffic(lab)
        for host in Self.changed {
            let result = try lab.net(host, "apply --adopt --config \(file)")
            #expect(result.code == 0, "\(result.output)")
        }
        let report = try traffic.end()
        #expect(report.lost == 0 && report.sent > 100, "\(report)")
        #expect(report.isConnectionAlive, "\(report)")

        for host in Self.changed {
            let status = try lab.net(host, "status --config \(file)")
            #expect(status.code == 0, "\(host): \(status.output)")
            let again = try lab.net(host, "apply --adopt --config \(file)")
            #expect(again.code == 0 && again.output.hasSuffix("nothing to do\n"), "\(again.output)")
        }
        let rules = try lab.on("relay1", "iptables-save").output
        #expect(!rules.contains("172.17.32.0/19 -m comment --comment hand") && rules.contains("192.168.0.0/20"), "\(rules)")
        #expect(try lab.on("router", "ip route show proto boot").output == "")

        // What was adopted has become ours: it goes with the rest, and does not come back.
        for (index, host) in Self.changed.enumerated() {
            #expect(try lab.net(host, "remove").code == 0)
            let left = Set(try Self.lines(lab.snapshot(host)).filter { !$0.hasPrefix("{\"nftables") })
            #expect(left.subtracting(before[index]) == [], "\(host)")
            let gone = before[index].subtracting(left)
            #expect(!gone.isEmpty && gone.allSatisfy(Self.isByHand), "\(host): \(gone)")
        }
        #expect(try lab.probeInVain([probe]).allSatisfy(\.outcome.isBroken), "nothing is left of either")
    }

    /// Without `--adopt` both exist, and a removal leaves the manual setup byte for byte.
    @Test func `objects that are not adopted remain after a removal`() throws {
        let lab = try Lab("beside", hosts: Self.hosts, script: Self.network + Self.byHand, answering: ["p3"])
        let file = try lab.file("office.yaml", Self.configuration)
        let before = try Self.changed.map { try Self.lines(lab.snapshot($0)) }
        let traffic = try Traffic(lab)
        for host in Self.changed { #expect(try lab.net(host, "apply --config \(file)").code == 0) }
        let status = try lab.net("relay1", "status --config \(file)")
        #expect(status.code == 0 && status.output.contains("preceded  \"iptables -t nat -A POSTROUTING"), "\(status.output)")
        for host in Self.changed { #expect(try lab.net(host, "remove").code == 0) }
        let report = try traffic.end()
        #expect(report.lost <= 1 && report.sent > 100, "\(report)")
        for (index, host) in Self.changed.enumerated() {
            let changes = try Self.lines(lab.snapshot(host)).difference(from: before[index])
            #expect(changes.isEmpty, "\(host): \(changes)")
        }
    }

    /// Another path, another table: connections that a rule of ours carries, and that stays, go on.
    @Test func `a change of the plan keeps the connections that it does not concern`() throws {
        let lab = try Lab("change", hosts: Self.hosts, script: Self.network + Self.routesByHand, answering: ["p3"])
        let file = try lab.file("office.yaml", Self.configuration)
        let more = try lab.file("more.yaml", Self.configuration + Self.anotherPath)
        for host in Self.changed { #expect(try lab.net(host, "apply --config \(file)").code == 0) }
        let traffic = try Traffic(lab)
        let changed = try lab.net("relay1", "apply --config \(more)")
        #expect(changed.code == 0 && changed.output.contains("nft -f -"), "\(changed.output)")
        #expect(try lab.net("relay1", "apply --config \(file)").code == 0)
        let report = try traffic.end()
        #expect(report.lost == 0 && report.isConnectionAlive, "\(report)")
    }

    /// A flow that began without translation, and that the kernel therefore leaves untranslated, is made to begin anew.
    @Test func `a flow older than the rules works as soon as they exist`() throws {
        let lab = try Lab("flow", hosts: Self.hosts, script: Self.network + Self.routesByHand + Self.tracking, answering: ["p3"])
        let file = try lab.file("office.yaml", Self.configuration)
        try lab.script(
            """
            ip netns exec ${P}pc sh -c 'for i in $(seq 100); do echo $i; sleep 0.1; done |
                socat -T20 - UDP:172.17.54.10:9401,sourceport=5555' </dev/null >\(lab.path("answers")) 2>/dev/null &
            sleep 1.5
            """)
        let entry = try lab.on("relay1", "conntrack -L -p udp --orig-port-src 5555").output
        #expect(entry.contains("src=172.17.54.10 dst=172.16.0.100"), "it was not tracked untranslated: \(entry)")
        #expect(try lab.script("cat \(lab.path("answers"))") == "", "answers came without the rules")
        let plan = try lab.net("relay1", "plan --config \(file)").output
        let forgetting = "conntrack -D -f ipv4 -s 172.16.0.0/18 -d 172.17.32.0/19 -q <the same source>"
        #expect(plan.contains("# for each of these connections: \(forgetting)"), "\(plan)")
        #expect(try lab.net("relay1", "apply --config \(file)").code == 0)
        try lab.script("sleep 1.5")
        let after = try lab.on("relay1", "conntrack -L -p udp --orig-port-src 5555").output
        #expect(after.contains("dst=172.17.14.60") && !after.contains("src=172.17.54.10 dst=172.16.0.100"), "\(after)")
        let answers = try lab.script("cat \(lab.path("answers"))")
        #expect(answers.contains("172.17.14.60"), "the live flow got no answers: \(answers)")

        // With the rule its translations go as well.
        #expect(try lab.net("relay1", "remove").code == 0)
        let rest = try lab.on("relay1", "conntrack -L -p udp --orig-port-src 5555").output
        #expect(!rest.contains("dst=172.17.14.60"), "\(rest)")
    }

    private static func lines(_ snapshot: String) -> [String] { snapshot.split(separator: "\n").map(String.init) }

    private static func isByHand(_ line: String) -> Bool {
        line.contains("comment hand") || line.hasPrefix("unicast 172.17.32.0/19 via 172.17.14.60")
            || line.hasPrefix("unicast 172.17.54.0/24 via 172.17.14.23")
    }

    // MARK: - The network

    private static let hosts = ["pc", "router", "node3", "relay1", "p3"]
    private static let changed = ["relay1", "router"]

    private static let network = """
        wire pc eth0 router office
        ip -n ${P}router link add br0 type bridge; ip -n ${P}router link set br0 up
        for h in node3 relay1; do wire $h eth0 router $h; ip -n ${P}router link set $h master br0; done
        address router office 172.16.0.1/18; address router br0 172.17.14.1/24; forward router office br0
        address pc eth0 172.16.0.100/18; ip -n ${P}pc route add default via 172.16.0.1
        address node3 eth0 172.17.14.23/24; address relay1 eth0 172.17.14.60/24
        # The node has no way back to the office: only what comes from the relay is answered.
        ip -n ${P}relay1 route add default via 172.17.14.1
        for h in node3 relay1; do on $h sysctl -qw net.ipv4.ip_forward=1; done
        pod node3 p3 172.17.54.1 172.17.54.10
        ip netns exec ${P}p3 socat TCP-LISTEN:9500,fork,reuseaddr EXEC:cat </dev/null >/dev/null 2>&1 &
        ip netns exec ${P}p3 socat UDP-RECVFROM:9401,fork SYSTEM:'echo $SOCAT_PEERADDR' </dev/null >/dev/null 2>&1 &

        """

    private static let byHand =
        routesByHand + """
            on relay1 iptables -t nat -A POSTROUTING -s 192.168.0.0/20 -m comment --comment "another hand" -j MASQUERADE
            on relay1 iptables -t nat -A POSTROUTING -s 172.16.0.0/18 -d 172.17.32.0/19 -m comment --comment hand -j MASQUERADE

            """

    private static let routesByHand = """
        ip -n ${P}router route add 172.17.32.0/19 via 172.17.14.60
        ip -n ${P}relay1 route add 172.17.54.0/24 via 172.17.14.23

        """

    /// A foreign rule that makes the kernel track connections.
    private static let tracking = "on relay1 iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP\n"

    private static let configuration = """
        clusters:
          prod:
            pods: [172.17.32.0/19]
            cni: calico-ipip
            nodes:
              node3: { address: 172.17.14.23, pods: [172.17.54.0/24] }
            hosts:
              relay1: { address: 172.17.14.60, device: eth0 }
          other: { pods: [10.99.0.0/16], cni: flannel-host-gw }
        sites:
          office:
            networks: [172.16.0.0/18]
            router: 172.16.0.1
            hosts: { router: { address: [172.16.0.1, 172.17.14.1] } }
        paths:
          - { from: office, to: prod, via: relay, relays: [relay1], targets: [pods] }

        """

    private static let anotherPath = "  - { from: office, to: other, via: relay, relays: [prod/relay1], targets: [pods] }\n"
}

/// Traffic from the office to a pod while something is done: an echo request each 10 ms, and a connection that is asked
/// something before and after.
private final class Traffic {
    private let lab: Lab

    struct Report: CustomStringConvertible {
        let sent: Int
        let lost: Int
        let isConnectionAlive: Bool

        var description: String { "\(lost) of \(sent) lost, connection \(isConnectionAlive ? "alive" : "dead")" }
    }

    init(_ lab: Lab) throws {
        self.lab = lab
        try lab.script(
            """
            ip netns exec ${P}pc ping -i 0.01 -W 2 172.17.54.10 </dev/null >\(lab.path("ping")) 2>&1 &
            ip netns exec ${P}pc sh -c '(echo first; until [ -e $0.go ]; do sleep 0.05; done; echo second; sleep 0.5) |
                socat -T30 - TCP:172.17.54.10:9500' \(lab.path("echoed")) </dev/null >\(lab.path("echoed")) 2>/dev/null &
            sleep 0.5
            """)
    }

    func end() throws -> Report {
        try lab.script(
            """
            sleep 0.5; touch \(lab.path("echoed")).go; sleep 1
            for p in $(ip netns pids ${P}pc); do
                case "$(tr '\\0' ' ' </proc/$p/cmdline)" in ping*) kill -INT $p;; esac
            done
            sleep 0.5
            """)
        let text = try lab.script("cat \(lab.path("ping"))")
        let numbers =
            text.split(separator: "\n").last { $0.contains("packets transmitted") }?
            .split(separator: " ").compactMap { Int($0) } ?? []
        let echoed = try lab.script("cat \(lab.path("echoed"))")
        return Report(
            sent: numbers.first ?? 0, lost: (numbers.first ?? 0) - (numbers.dropFirst().first ?? 0),
            isConnectionAlive: echoed == "first\nsecond\n")
    }
}
