import Foundation
import Testing

/// An apply over ssh whose login is cut off: the host comes back by itself.
@Suite(.enabled(if: Lab.isPossible && Lab.has("sshd", "ssh", "ssh-keygen", "mount")), .serialized) struct LoginTests {
    @Test func `an apply over a login that dies is undone, and the next login works`() async throws {
        let lab = try Lab("login", hosts: ["admin", "host"], script: Self.network)
        let file = try lab.file("mesh.yaml", Self.configuration)
        let login = try await Self.server(lab)
        let before = try lab.snapshot("host")
        let state = "env NAMEBRIDGE_NET_STATE=\(lab.state(of: "host"))"
        let said = lab.path("said")
        // After the apply the login waits for its user. Then no packet comes through any more, and all processes of the
        // login are killed, as by a login manager.
        let words = try lab.script(
            """
            \(login) -tt '\(state) \(Shell.program) net apply --config \(file) --confirm 6s; cat' </dev/null >\(said) 2>&1 &
            for i in $(seq 300); do grep -q "undone in 6 s" \(said) && break; sleep 0.1; done
            ip -n ${P}host link show nbvx10001
            on admin nft -f - <<'END'
            table inet cut { chain out { type filter hook output priority 0; policy drop; }; }
            END
            for p in $(ip netns pids ${P}host); do
                case "$(tr '\\0' ' ' </proc/$p/cmdline)" in *"net undo"*|*-D*) ;; *) kill -9 $p 2>/dev/null || true ;; esac
            done
            cat \(said)
            """)
        #expect(words.contains("undone in 6 s"), "\(words)")
        #expect(try await lab.wait { try lab.snapshot("host") == before })
        try lab.script("on admin nft delete table inet cut")
        let late = try lab.script("\(login) '\(state) \(Shell.program) net confirm' || echo exit $?")
        #expect(late.contains("undone in the meantime") && late.contains("exit 1"), "\(late)")

        // By the same way, with the confirmation from a second login, it stays; and the first one ends at once.
        #expect(
            try lab.script("\(login) '\(state) \(Shell.program) net apply --config \(file) --confirm 30s'")
                .contains("undone in 30 s"))
        #expect(try lab.script("\(login) '\(state) \(Shell.program) net confirm'").contains("confirmed"))
        #expect(try lab.net("host", "status --config \(file)").code == 0)
    }

    /// Starts an ssh server on the host; the command that logs in there, in the lab's words.
    private static func server(_ lab: Lab) async throws -> String {
        let folder = lab.path("ssh")
        let settings = try lab.file(
            "sshd_config",
            """
            HostKey \(folder)/host
            AuthorizedKeysFile \(folder)/user.pub
            StrictModes no
            UsePAM no
            PermitRootLogin prohibit-password
            PidFile none

            """)
        try lab.script(
            """
            mkdir -p \(folder); ssh-keygen -q -t ed25519 -N '' -f \(folder)/host; ssh-keygen -q -t ed25519 -N '' -f \(folder)/user
            on host sh -c 'mount -t tmpfs run /run && mkdir /run/sshd && exec "$(command -v sshd)" -D -f \(settings)' \
                </dev/null >/dev/null 2>&1 &
            """)
        let login =
            "on admin ssh -i \(folder)/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
            + "-o LogLevel=ERROR -o BatchMode=yes -o ConnectTimeout=5 root@192.168.0.21"
        let isReady = try await lab.wait { (try? lab.script("\(login) true")) != nil }
        try #require(isReady, "the ssh server does not answer")
        return login
    }

    private static let network = """
        wire host eth0 admin eth0; address admin eth0 192.168.0.1/24; address host eth0 192.168.0.21/24
        ip -n ${P}host route add default via 192.168.0.1
        on host iptables -P FORWARD DROP

        """

    private static let configuration = LabFile.twoClusters
}
