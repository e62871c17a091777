import Foundation
import Testing

/// What would cut a host off, and what cannot work, is said in clear words, and the host is left as it is.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct RefusalTests {
    @Test func `every reason to refuse an apply is reported, and the host is not changed`() throws {
        let lab = try Lab("refused", hosts: ["net", "host"], script: Self.network)
        let file = try lab.file("mesh.yaml", Self.configuration)
        let old = try lab.file("old-nft", "#!/bin/sh\necho 'nftables v0.9.2 (Scram)'\n")
        let resolver = try lab.file("resolv.conf", "nameserver 10.235.88.53\n")
        try lab.script("chmod 755 \(old)")
        let before = try Self.settled(lab)
        for trial in Self.trials {
            let wrap = trial.wrap.replacing("OLD", with: old).replacing("RESOLVER", with: resolver)
                .replacing("STATE", with: lab.state(of: "host"))
            // "ip netns exec" has a mount namespace of its own: what is mounted over a file is gone with it.
            let command = """
                sh -c '\(wrap) env NAMEBRIDGE_NET_STATE=\(lab.state(of: "host")) \(trial.variables) \(trial.user) \
                \(Shell.program) net apply --config \(file) \(trial.arguments)'
                """
            let result = try lab.on("host", command)
            #expect(result.code == trial.code, "\(trial.what): \(result.output)")
            #expect(result.output.contains(trial.says), "\(trial.what): \(result.output)")
            let changes = try lab.snapshot("host").split(separator: "\n").difference(from: before.split(separator: "\n"))
            #expect(changes.isEmpty, "\(trial.what): \(changes)")
            try lab.script("rm -rf \(lab.state(of: "host"))")
        }
        // The same host without what was in the way.
        #expect(try lab.net("host", "apply --config \(file)").code == 0)
    }

    /// One thing that is wrong.
    private struct Trial {
        let what: String

        /// Shell commands that make it so for one call.
        var wrap = ""
        var variables = ""

        /// Changes the calling user.
        var user = ""
        var arguments = ""
        var code: Int32 = 1
        let says: String
    }

    private static let trials = [
        Trial(
            what: "a name server of the host in a peer's pods", wrap: "mount --bind RESOLVER /etc/resolv.conf;",
            says: "the route to 10.235.88.0/24 would cover 10.235.88.53, a name server of this host"),
        Trial(
            what: "the far end of the ssh session", variables: "SSH_CONNECTION=\"10.235.88.9 50000 192.168.0.21 22\"",
            says: "the route to 10.235.88.0/24 would cover 10.235.88.9, the other end of an ssh session"),
        Trial(
            what: "no such host", arguments: "--host missing", code: 2,
            says: "\"missing\" is no host of"),
        Trial(
            what: "no nft", wrap: "mount --bind /dev/null $(command -v nft);",
            says: "the program nft is not installed: install the package nftables"),
        Trial(
            what: "an old nft", wrap: "mount --bind OLD $(command -v nft);",
            says: "nft is of version 0.9.2, and 0.9.3 is the oldest that will do"),
        Trial(
            what: "a user who may not", user: "setpriv --reuid 65534 --clear-groups",
            says: "only root can read and change routes and rules"),
        Trial(
            what: "a half-written journal", wrap: "mkdir -p STATE; echo [{ >STATE/journal;",
            says: "it is cut short or was changed"),
        Trial(
            what: "half-written records", wrap: "mkdir -p STATE; echo [{ >STATE/settings;",
            says: "it is cut short or was changed"),
        Trial(
            what: "a file that is none", arguments: "--config /dev/null", code: 2, says: "namebridge"),
    ]

    @Test(arguments: [
        ("10.235.88.2/32", "ip route replace default via 10.235.88.1 dev eth0 onlink", "10.235.88.1, the default gateway"),
        ("10.235.88.7/24", "true", "10.235.88.0/24, which this host is connected to on eth0"),
        ("10.255.1.9/24", "true", "overlaps 10.255.1.0/24, which this host is connected to on eth0"),
    ])
    func `a host with overlapping networks is not changed`(address: String, command: String, says: String) throws {
        let lab = try Lab("covered", hosts: ["net", "host"], script: Self.network)
        let file = try lab.file("mesh.yaml", Self.configuration)
        try lab.script("on host ip addr add \(address) dev eth0; on host \(command)")
        let before = try Self.settled(lab)
        let result = try lab.net("host", "apply --config \(file)")
        #expect(result.code == 1 && result.output.contains(says), "\(result.output)")
        #expect(try lab.snapshot("host") == before)
    }

    @Test func `no route of a router covers its relays`() throws {
        let lab = try Lab("relays", hosts: ["net", "host"], script: Self.network)
        let file = try lab.file("office.yaml", Self.office)
        let before = try Self.settled(lab)
        let result = try lab.net("host", "apply --config \(file)")
        #expect(result.code == 1 && result.output.contains("would cover 10.7.0.60, a relay of the path"), "\(result.output)")
        #expect(try lab.snapshot("host") == before)
    }

    @Test func `two applies at once have the result of one`() throws {
        let lab = try Lab("twice", hosts: ["net", "host"], script: Self.network)
        let file = try lab.file("mesh.yaml", Self.configuration)
        let before = try Self.settled(lab)
        let call = "env NAMEBRIDGE_NET_STATE=\(lab.state(of: "host")) \(Shell.program) net apply --config \(file)"
        let output = try lab.script(
            """
            for i in 1 2 3; do ( on host \(call) >\(lab.path("out"))$i 2>&1; echo "exit $?" >>\(lab.path("out"))$i ) & done
            wait; cat \(lab.path("out"))?
            """)
        let applied = output.components(separatedBy: ": applied, ").count - 1
        let waited = output.components(separatedBy: "\nnothing to do\n").count - 1
        let refused = output.components(separatedBy: "another namebridge is changing this host").count - 1
        #expect(applied == 1 && applied + waited + refused == 3, "\(output)")
        #expect(try lab.net("host", "status --config \(file)").code == 0)
        #expect(try lab.net("host", "remove").code == 0)
        #expect(try lab.snapshot("host") == before)
    }

    // MARK: - Foreign firewalls

    @Test func `a firewall that drops is reported with the line that opens it, and the line does`() throws {
        let lab = try Lab(
            "wall", hosts: ["pc", "host", "p1"],
            script: """
                wire pc eth0 host office; address pc eth0 10.6.0.2/24; address host office 10.6.0.1/24
                ip -n ${P}pc route add default via 10.6.0.1
                pod host p1 10.235.1.1 10.235.1.10
                on host nft -f - <<'END'
                table inet site {
                    chain forward {
                        type filter hook forward priority 0; policy drop;
                        tcp dport 22 accept
                    }
                }
                END

                """, answering: ["p1"])
        let file = try lab.file(
            "office.yaml",
            """
            clusters:
              prod:
                pods: [10.235.1.0/24]
                cni: calico-ipip
                nodes: { n1: { address: 10.6.0.1, pods: [10.235.1.0/24] } }
            sites:
              office: { networks: [10.6.0.0/24], router: 10.6.0.254 }
            paths:
              - { from: office, to: prod, via: relay, relays: [n1], targets: [pods] }

            """)
        #expect(try lab.net("host", "apply --config \(file)").code == 0)
        let probe = Probe(host: "pc", address: "10.235.1.10")
        #expect(try lab.probeInVain([probe]).allSatisfy(\.outcome.isBroken))
        let status = try lab.net("host", "status --config \(file)")
        #expect(status.code == 1 && status.output.contains("shadowed"), "\(status.output)")
        let plan = try lab.net("host", "plan --config \(file)").output
        let lines = plan.split(separator: "\n").filter { $0.hasPrefix("#   nft 'insert rule inet site forward ") }
        #expect(lines.count == 2, "\(plan)")
        for line in lines { try lab.script("on host \(line.dropFirst(4))") }
        #expect(try lab.probe([probe]).allSatisfy(\.outcome.isWhole))
        let after = try lab.net("host", "status --config \(file)")
        #expect(after.code == 0, "\(after.output)")
    }

    // MARK: - The network

    /// A snapshot once the kernel has done what it does by itself to a new device.
    private static func settled(_ lab: Lab) throws -> String {
        var last = try lab.snapshot("host")
        for _ in 0..<20 {
            try lab.script("sleep 0.1")
            let next = try lab.snapshot("host")
            if next == last { break }
            last = next
        }
        return last
    }

    private static let network = """
        wire host eth0 net host; address net host 192.168.0.1/24; address host eth0 192.168.0.21/24
        ip -n ${P}host route add default via 192.168.0.1
        on host iptables -P FORWARD DROP

        """

    private static let configuration = LabFile.twoClusters

    private static let office = """
        clusters:
          prod:
            pods: [10.7.0.0/16]
            cni: calico-ipip
            nodes: { n1: { address: 192.168.0.16, pods: [10.7.1.0/24] } }
            hosts: { relay: { address: [192.168.0.60, 10.7.0.60] } }
        sites:
          office:
            networks: [10.8.0.0/24]
            router: 192.168.0.21
            hosts: { gate: { address: 192.168.0.21 } }
        paths:
          - { from: office, to: prod, via: relay, relays: [relay], targets: [pods] }

        """
}
