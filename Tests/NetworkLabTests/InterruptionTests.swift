import Foundation
import Testing

/// An apply that is killed, not confirmed, refused or called twice leaves the host as it was or as planned.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct InterruptionTests {
    @Test func `an apply that is killed at any time is undone by the next run`() throws {
        let lab = try Self.lab("kill")
        let file = try lab.file("mesh.yaml", Self.configuration)
        let before = try lab.snapshot("host")
        for milliseconds in stride(from: 20, through: 300, by: 40) {
            _ = try lab.on(
                "host",
                "env NAMEBRIDGE_NET_STATE=\(lab.state(of: "host")) timeout -s KILL 0.\(milliseconds < 100 ? "0" : "")"
                    + "\(milliseconds) \(Shell.program) net apply --config \(file)")
            let result = try lab.net("host", "remove")
            #expect(result.code == 0, "\(result.output)")
            #expect(try lab.snapshot("host") == before, "killed after \(milliseconds) ms")
        }
    }

    @Test func `without a confirmation everything is undone, even when the apply is killed`() async throws {
        let lab = try Self.lab("undo")
        let file = try lab.file("mesh.yaml", Self.configuration)
        let before = try lab.snapshot("host")
        let applied = try lab.net("host", "apply --config \(file) --confirm 6s")
        #expect(applied.code == 0, "\(applied.output)")
        #expect(try lab.snapshot("host") != before)
        let second = try lab.net("host", "apply --config \(file)")
        #expect(second.code == 1 && second.output.contains("waits for \"namebridge net confirm\""), "\(second.output)")
        #expect(try await lab.wait { try lab.snapshot("host") == before })
        #expect(try lab.net("host", "confirm").code == 1)

        _ = try lab.on(
            "host",
            "env NAMEBRIDGE_NET_STATE=\(lab.state(of: "host")) timeout -s KILL 0.2 \(Shell.program) net apply"
                + " --config \(file) --confirm 2s")
        #expect(try await lab.wait { try lab.snapshot("host") == before })
    }

    /// A terminal whose login was cut off takes no more text, in the middle of what an apply has to say.
    @Test func `an apply whose reader is gone continues, and is undone in time`() async throws {
        let lab = try Self.lab("stuck")
        let file = try lab.file("large.yaml", Self.large)
        let before = try lab.snapshot("host")
        let call = "env NAMEBRIDGE_NET_STATE=\(lab.state(of: "host")) \(Shell.program) net apply --config \(file) --confirm 3s"
        try lab.script("on host sh -c '\(call) | sleep 100' </dev/null >/dev/null 2>&1 &")
        let journal = lab.state(of: "host") + "/journal", log = lab.state(of: "host") + "/undo.log"
        #expect(try await lab.wait { try lab.script("cat \(log) 2>/dev/null || true").contains("undone") })
        #expect(!FileManager.default.fileExists(atPath: journal))
        #expect(try lab.snapshot("host") == before)
    }

    @Test func `a confirmed apply stays`() async throws {
        let lab = try Self.lab("keep")
        let file = try lab.file("mesh.yaml", Self.configuration)
        #expect(try lab.net("host", "apply --config \(file) --confirm 4s").code == 0)
        #expect(try lab.net("host", "confirm").code == 0)
        // The timer is the only process there.
        #expect(try await lab.wait { try lab.script("ip netns pids ${P}host") == "" })
        #expect(try lab.net("host", "status --config \(file)").code == 0)
        #expect(try lab.net("host", "remove").code == 0)
    }

    /// Keys that come before the countdown are thrown away: they were meant for something else.
    @Test(.enabled(if: Lab.has("script")))
    func `in a terminal Enter confirms while the time is counted down, and q leaves it`() async throws {
        let lab = try Self.lab("keys")
        let file = try lab.file("mesh.yaml", Self.configuration)
        let before = try lab.snapshot("host")
        func apply(key: String, _ seconds: Int) throws -> Shell.Result {
            let call = "env NAMEBRIDGE_NET_STATE=\(lab.state(of: "host")) \(Shell.program) net apply --config \(file)"
            return try lab.on(
                "host",
                "sh -c '(for i in $(seq 80); do sleep 0.25; printf \"\(key)\"; done) 2>/dev/null"
                    + " | script -qec \"\(call) --confirm \(seconds)s\" /dev/null'")
        }
        let confirmed = try apply(key: "\\r", 30)
        for words in ["undone without a confirmation:", "undone in ", "Enter keeps it", "confirmed: "] {
            #expect(confirmed.output.contains(words), "\(words): \(confirmed.output)")
        }
        #expect(try lab.net("host", "status --config \(file)").code == 0)
        #expect(try lab.net("host", "remove").code == 0)
        let left = try apply(key: "q", 5)
        #expect(left.output.contains("left: undone unless"), "\(left.output)")
        #expect(try await lab.wait { try lab.snapshot("host") == before })
    }

    @Test func `a command that fails in the middle undoes everything`() throws {
        let lab = try Self.lab("fail")
        let file = try lab.file("mesh.yaml", Self.configuration)
        // Another's device has the port with other features, which the kernel refuses when ours is switched on.
        try lab.script("ip -n ${P}host link add hers type vxlan id 7 dstport 4899 gbp; ip -n ${P}host link set hers up")
        let before = try lab.snapshot("host")
        let result = try lab.net("host", "apply --config \(file)")
        #expect(result.code == 1 && result.output.contains("everything was undone"), "\(result.output)")
        #expect(try lab.snapshot("host") == before)
    }

    @Test(arguments: [
        ("a pod prefix that the host is connected to", "on host ip addr add 10.235.88.7/24 dev eth0"),
        (
            "a route over the default gateway",
            "on host ip addr add 10.235.88.2/32 dev eth0; "
                + "on host ip route replace default via 10.235.88.1 dev eth0 onlink"
        ),
        ("the segment's network is in use", "on host ip addr add 10.255.1.9/24 dev eth0"),
        ("a foreign device has that name", "on host ip link add nbvx10001 type veth peer name other"),
        ("a foreign device has that number and port", "on host ip link add hers type vxlan id 10001 dstport 4899 dev eth0"),
        ("a foreign device takes every number", "on host ip link add hers type vxlan external dstport 4899"),
    ])
    func `a dangerous plan is refused before any change`(what: String, command: String) throws {
        let lab = try Self.lab("refuse")
        let file = try lab.file("mesh.yaml", Self.configuration)
        try lab.script(command)
        let before = try lab.snapshot("host")
        let result = try lab.net("host", "apply --config \(file)")
        #expect(result.code == 1 && result.output.contains("refusal"), "\(what): \(result.output)")
        #expect(try lab.snapshot("host") == before)
    }

    /// Docker's default network holds many a cluster's prefixes, and few containers.
    @Test func `a wider network is in the way only if a neighbour lives in the prefix`() throws {
        let lab = try Self.lab("docker")
        let file = try lab.file("mesh.yaml", Self.configuration)
        try lab.script("wire host docker0 net box; address host docker0 10.235.0.1/16; address net box 10.235.88.9/16")
        let free = try lab.net("host", "apply --config \(file)")
        #expect(free.code == 0 && free.output.contains("lies in 10.235.0.0/16"), "\(free.output)")
        #expect(try lab.net("host", "remove").code == 0)
        #expect(try lab.on("host", "ping -c 1 -W 5 10.235.88.9").code == 0)
        let taken = try lab.net("host", "apply --config \(file)")
        #expect(taken.code == 1 && taken.output.contains("10.235.88.9, a neighbour that answers"), "\(taken.output)")
    }

    @Test(arguments: [("kube-ipvs0", false), ("eth0", true)])
    func `an address that IPVS holds is none that we listen at`(device: String, isOurs: Bool) throws {
        let lab = try Self.lab("ipvs")
        try lab.script("ip -n ${P}host link add kube-ipvs0 type bridge; on host ip addr add 10.96.0.10/32 dev \(device)")
        let file = try lab.file(
            "dns.yaml",
            """
            dns: { listen: ["0.0.0.0:53"] }
            clusters: { c1: { dns: [10.96.0.10], pods: [10.234.64.0/18] } }

            """)
        let result = try lab.on("host", "\(Shell.program) check --config \(file)")
        #expect(result.output.contains("itself listens") == isOurs && (result.code != 0) == isOurs, "\(result.output)")
    }

    @Test func `a half-written journal and a foreign lock are reported, and the host is not changed`() throws {
        let lab = try Self.lab("state")
        let file = try lab.file("mesh.yaml", Self.configuration)
        let state = lab.state(of: "host")
        let before = try lab.snapshot("host")
        try lab.script("mkdir -p \(state); printf '{\"version\":1' > \(state)/journal")
        let damaged = try lab.net("host", "apply --config \(file)")
        #expect(damaged.code == 1 && damaged.output.contains("cut short or was changed"), "\(damaged.output)")
        try lab.script("rm \(state)/journal")
        let locked = try Shell.run(
            "flock \(state)/lock ip netns exec \(lab.name(of: "host")) env NAMEBRIDGE_NET_STATE=\(state) \(Shell.program)"
                + " net apply --config \(file)")
        #expect(locked.code == 1 && locked.output.contains("another namebridge is changing this host"), "\(locked.output)")
        #expect(try lab.snapshot("host") == before)
    }

    private static func lab(_ name: String) throws -> Lab {
        try Lab(
            name, hosts: ["net", "host"],
            script: """
                wire host eth0 net host; address net host 192.168.0.1/24; address host eth0 192.168.0.21/24
                ip -n ${P}host route add default via 192.168.0.1
                on host iptables -P FORWARD DROP
                """)
    }

    /// Its commands are more text than a pipe holds.
    private static let large = configuration.replacing(
        "b: { address: 192.168.0.16, pods: [10.235.88.0/24] }",
        with: (0..<400).map {
            "b\($0): { address: 192.168.\(1 + $0 / 200).\(1 + $0 % 200), "
                + "pods: [10.235.\(64 + $0 / 8).\($0 % 8 * 32)/27] }"
        }.joined(separator: ", ")
    )
    .replacing("10.255.1.0/24", with: "10.255.0.0/16")

    private static let configuration = LabFile.twoClusters
}
