import Foundation
import Testing

/// A mesh with a cluster that is followed: routes, neighbours and bridge entries come and go with its nodes, and the others
/// lose no packet.
@Suite(.enabled(if: Lab.isPossible && Lab.has("ping")), .serialized) struct FollowedNodesTests {
    @Test func `nodes come, move and go, and a node that stays loses no packet`() async throws {
        let lab = try Lab("follow", hosts: ["n1", "n2"], script: Self.script)
        try Self.write([], to: lab)
        let file = try lab.file("mesh.yaml", Self.configuration)
        #expect(try lab.net("n2", "apply --config \(file) --host prod/n2").code == 0)
        let agent = try RunningAgent(on: "n1", of: lab, file: file)
        #expect(try await lab.wait { try Self.routes(lab).contains("10.235.1.0/24") })
        // A shell keeps SIGINT from what it starts beside itself.
        try lab.script(
            """
            ip netns exec ${P}n1 env --default-signal=INT ping -q -i 0.02 -I 10.234.1.1 10.235.1.1 >$F/ping 2>&1 &
            echo $! >$F/ping.pid
            """)

        try Self.write([("x", 7, "10.235.7.0/26")], to: lab)
        #expect(try await lab.wait { try Self.routes(lab).contains("10.235.7.0/26 via 10.255.0.7") })
        #expect(try lab.on("n1", "bridge fdb show dev nbvx10001").output.contains("dst 192.168.0.7"))
        try Self.write([("x", 7, "10.235.8.0/26"), ("y", 9, "10.235.7.0/26")], to: lab)
        #expect(
            try await lab.wait {
                let routes = try Self.routes(lab)
                return routes.contains("10.235.8.0/26 via 10.255.0.7") && routes.contains("10.235.7.0/26 via 10.255.0.9")
            })

        // What can't be read changes nothing.
        try lab.script("echo 'facts: 9' >$F/clusters/new; mv $F/clusters/new $F/clusters/prod.yaml")
        try agent.waits(for: "facts not used", lab)
        #expect(try Self.routes(lab).contains("10.235.7.0/26 via 10.255.0.9"))

        try Self.write([("y", 9, "10.235.7.0/26")], to: lab)
        #expect(try await lab.wait { try !Self.routes(lab).contains("10.255.0.7") })
        let entries = try lab.on("n1", "bridge fdb show dev nbvx10001").output
        #expect(!entries.contains("192.168.0.7") && entries.contains("192.168.0.9"))
        #expect(try !lab.on("n1", "ip neigh show dev nbvx10001").output.contains("10.255.0.7"))
        let lost = try lab.script("kill -INT $(cat $F/ping.pid); sleep 0.5; cat $F/ping")
        #expect(lost.contains(" 0% packet loss"), "\(lost)")

        let plan = try lab.net("n1", "plan --config \(file)").output
        #expect(plan.contains("clusters.prod follows context prod"), "\(plan)")
        #expect(plan.contains("nothing to do"), "\(plan)")
        // A new agent goes on with the same facts.
        _ = try agent.end()
        #expect(try lab.net("n1", "status --config \(file)").code == 0)
        #expect(try lab.net("n1", "remove").code == 0)
    }

    @Test func `a changed file that cuts packets waits for consent, and nodes come and go meanwhile`() async throws {
        let lab = try Lab("guarded", hosts: ["n1", "n2"], script: Self.script)
        try Self.write([], to: lab)
        let file = try lab.file("mesh.yaml", Self.configuration)
        #expect(try lab.net("n2", "apply --config \(file) --host prod/n2").code == 0)
        let agent = try RunningAgent(on: "n1", of: lab, file: file)
        #expect(try await lab.wait { try Self.routes(lab).contains("10.235.1.0/24") })
        func passes() throws -> Bool { try lab.on("n1", "ping -qc 3 -i 0.2 -W 1 -I 10.234.1.1 10.235.1.1").code == 0 }
        #expect(try await lab.wait(seconds: 10) { try passes() })

        // The path is left out: what arrives now would not.
        let bare = Self.configuration.split(separator: "\n").filter { $0 != "paths:" && !$0.contains("via: vxlan") }
        _ = try lab.file("mesh.yaml", bare.joined(separator: "\n") + "\n")
        try agent.waits(for: "--accept-loss 'c1->prod'", lab)
        #expect(agent.text.contains("c1 -> prod pods, tcp,udp packets: ok -> NO_ROUTE"), "\(agent.text)")
        #expect(try passes() && Self.routes(lab).contains("10.235.1.0/24"))
        let status = try lab.net("n1", "status --config \(file)")
        #expect(status.code == 1 && status.output.contains("the changed file is not applied"), "\(status.output)")
        #expect(status.output.contains("--accept-loss 'c1->prod'"), "\(status.output)")

        // What the cluster does by itself waits for no consent.
        try Self.write([("x", 7, "10.235.7.0/26")], to: lab)
        #expect(try await lab.wait { try Self.routes(lab).contains("10.235.7.0/26 via 10.255.0.7") }, "\(agent.text)")
        try Self.write([("y", 9, "10.235.9.0/26")], to: lab)
        #expect(
            try await lab.wait {
                let routes = try Self.routes(lab)
                return !routes.contains("10.255.0.7") && routes.contains("10.235.9.0/26 via 10.255.0.9")
            }, "\(agent.text)")
        #expect(try passes())

        let consent = try lab.net("n1", "apply --config \(file) --accept-loss 'c1->prod' --accept-loss 'prod->c1'")
        #expect(consent.code == 0, "\(consent.output)")
        #expect(try !Self.routes(lab).contains("10.235."))
        try lab.script("sleep 1")
        #expect(try !Self.routes(lab).contains("10.235."), "the agent keeps what was consented to")
        #expect(
            try await lab.wait(seconds: 20) {
                let after = try lab.net("n1", "status --config \(file)")
                return after.code == 0 && !after.output.contains("not applied")
            }, "\(agent.text)")
        _ = try agent.end()
        #expect(try lab.net("n1", "remove").code == 0)
        #expect(try lab.net("n2", "remove").code == 0)
    }

    private static func routes(_ lab: Lab) throws -> String { try lab.on("n1", "ip route").output }

    /// Replaces the facts: the node that stays, and others.
    private static func write(_ others: [(name: String, number: Int, block: String)], to lab: Lab) throws {
        let since = "since: \"2026-07-01T08:30:00Z\""
        let nodes = ([("n2", 2, "10.235.1.0/24")] + others).map { name, number, block in
            "    \(name): { address: 192.168.0.\(number), pods: [\(block)], \(since) }"
        }
        let text = """
            facts: 1
            cluster: prod
            context: prod
            pods: { value: [10.235.0.0/16], \(since), from: "a pool" }
            nodes:
              from: "a list"
              \(since)
              value:
            \(nodes.joined(separator: "\n"))

            """
        let new = try lab.file("new.yaml", text)
        try lab.script("mkdir -p $F/clusters; mv \(new) $F/clusters/prod.yaml")
    }

    private static let script = """
        wire n1 eth0 n2 eth0
        address n1 eth0 192.168.0.1/24
        address n2 eth0 192.168.0.2/24
        for n in 1 2; do
            ip -n ${P}n$n link add pods type bridge; ip -n ${P}n$n link set pods up
            on n$n sysctl -qw net.ipv4.ip_forward=1
        done
        address n1 pods 10.234.1.1/24
        address n2 pods 10.235.1.1/24
        """

    private static let configuration = """
        clusters:
          c1: { pods: [10.234.0.0/16], nodes: { n1: { address: 192.168.0.1, pods: [10.234.1.0/24] } } }
          prod: { follow: { context: prod } }
        paths:
          - { between: [c1, prod], via: vxlan, vxlan: { id: 10001, port: 4899, network: 10.255.0.0/16 } }

        """
}
