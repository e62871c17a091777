import Foundation
import LinuxSystem
import Testing

/// The unit that is installed for hosts: systemd understands it, and what it starts needs no more than it grants.
@Suite(.enabled(if: Lab.isPossible && Lab.has("setpriv", "mount")), .serialized) struct UnitTests {
    private static let unit = InstalledUnit("net")

    @Test(.enabled(if: Lab.has("systemd-analyze"))) func `systemd finds no fault in the unit`() throws {
        let lab = try Lab("verify", hosts: [], script: "")
        let file = try lab.file(
            "namebridge-net.service", Self.unit.text.replacing("/usr/bin/namebridge", with: Shell.program))
        let result = try Shell.run("systemd-analyze verify --man=no --recursive-errors=no \(file)")
        #expect(result.code == 0 && result.output == "", "\(result.output)")
    }

    @Test(.enabled(if: Lab.has("systemd-analyze"))) func `the follower's unit has an exposure of at most 1.5`() throws {
        let file = InstalledUnit.file("follow")
        // The threshold is in tenths; systemd before version 250 can't look at a file.
        let known = try Shell.run("systemd-analyze security --help").output
        guard known.contains("--offline") else { return }
        let result = try Shell.run("systemd-analyze security --offline=true --threshold=15 --no-pager \(file.path)")
        #expect(result.code == 0, "\(result.output.suffix(300))")
    }

    @Test(arguments: ["net", "agent"])
    func `nothing gives a unit a mount namespace of its own`(name: String) throws {
        let lines = InstalledUnit(name).text.split(separator: "\n")
        // systemd.exec(5), "File system namespacing" and those that imply it.
        let keys = [
            "ProtectSystem", "ProtectHome", "ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "PrivateTmp",
            "PrivateDevices", "PrivateMounts", "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs",
            "ProtectControlGroups", "ProtectProc", "ProcSubset", "BindPaths", "TemporaryFileSystem", "RootDirectory",
            "MountAPIVFS", "DynamicUser", "PrivateUsers", "NoExecPaths", "MountFlags",
        ]
        for key in keys { #expect(!lines.contains { $0.hasPrefix(key + "=") }, "\(key)") }
        #expect(lines.contains { $0.hasPrefix("RestrictNamespaces=") && $0.contains("net") && $0.contains("mnt") })
    }

    @Test func `its commands work with its rights`() throws {
        let lab = try Lab(
            "unit", hosts: ["net", "host"],
            script: """
                wire host eth0 net host; address net host 192.168.0.1/24; address host eth0 192.168.0.21/24
                ip -n ${P}host route add default via 192.168.0.1
                on host iptables -P FORWARD DROP
                on host sysctl -qw net.ipv4.conf.all.rp_filter=1

                """)
        let file = try lab.file("namebridge.yaml", Self.configuration)
        #expect(Self.unit.values("ProtectKernelTunables") == [], "it could not write below /proc/sys/net")
        #expect(Self.unit.values("RuntimeDirectory") == ["namebridge-net"])
        let before = try lab.snapshot("host")
        let commands = ["ExecStart", "ExecReload", "ExecStop"].flatMap(Self.unit.values)
        #expect(commands.count == 3)
        // In the mount namespace of one call, with an empty /run as at boot.
        let script = """
            set -e
            mount --make-rprivate /
            mount -t tmpfs run /run
            mkdir -m 0711 /run/namebridge-net
            (umask 0077; touch /run/xtables.lock)
            namebridge() { \(Self.unit.privileges) \(Shell.program) "$@"; }

            """
            + commands.map { $0.replacing("/usr/bin/namebridge", with: "namebridge") }
            .map { $0.replacing("/etc/namebridge/namebridge.yaml", with: file) }
            .map { $0.hasSuffix("remove") ? "namebridge net status --config \(file); ls /run/namebridge-net; \($0)" : $0 }
            .joined(separator: "\n")
        let path = try lab.file("unit.sh", script)
        let result = try lab.on("host", "sh \(path)")
        #expect(result.code == 0, "\(result.output)")
        for text in [": applied, ", "\nnothing to do\n", ", all as planned", "\nsettings\n", "\nremoved, "] {
            #expect(result.output.contains(text), "\(text): \(result.output)")
        }
        #expect(try lab.snapshot("host") == before)
    }

    private static let configuration = """
        clusters:
          c1:
            pods: [10.234.64.0/18]
            cni: calico-ipip
            nodes: { a: { address: 192.168.0.21, pods: [10.234.111.0/24] } }
          c2:
            pods: [10.235.64.0/18]
            services: [10.235.0.0/18]
            cni: calico-ipip
            nodes: { b: { address: 192.168.0.16, pods: [10.235.88.0/24] } }
          c3:
            pods: [10.244.0.0/16]
            map: { 10.244.0.0/16: 10.250.0.0/16 }
            nodes: { d: { address: 192.168.0.77, pods: [10.244.1.0/24] } }
        sites:
          office: { networks: [172.16.0.0/18], router: 192.168.0.1 }
        paths:
          - { between: [c1, c2], via: vxlan, vxlan: { id: 10001, port: 4899, network: 10.255.1.0/24 } }
          - { from: office, to: c1, via: relay, relays: [a] }
          - { from: office, to: c3, via: relay, relays: [c1/a] }

        """
}
