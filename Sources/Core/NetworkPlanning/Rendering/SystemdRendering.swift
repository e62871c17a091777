import Inventory

/// A unit that establishes the plan at each boot and removes it when stopped: the installed unit, for a host
/// that is named instead of found by its addresses.
///
/// It establishes the whole plan from the file: nothing is appended twice, and nothing waits for pods, which
/// kubelet starts long after any unit.
struct SystemdRendering {
    /// The plan.
    private let plan: HostPlan

    /// The rendering of `plan`.
    init(_ plan: HostPlan) { self.plan = plan }

    /// The text.
    var text: String {
        let name = "\(plan.host.place)/\(plan.host.host.name)"
        let apply = "/usr/bin/namebridge net apply --config /etc/namebridge/namebridge.yaml --host \(name)"
        return """
            # /etc/systemd/system/namebridge-net.service
            # Once a boot; "namebridge net agent" restores what others remove later.
            [Unit]
            Description=Routes and translation of \(name)
            Documentation=man:namebridge-net(8) man:namebridge.yaml(5)
            Wants=network-online.target
            After=network-online.target systemd-networkd.service NetworkManager.service
            After=nftables.service netfilter-persistent.service ufw.service firewalld.service docker.service
            Before=kubelet.service k3s.service k3s-agent.service

            [Service]
            Type=oneshot
            RemainAfterExit=yes
            ExecStartPre=+/usr/bin/touch /run/xtables.lock
            ExecStart=\(apply)
            ExecReload=\(apply)
            ExecStop=/usr/bin/namebridge net remove
            Restart=on-failure
            RestartSec=10s
            RestartPreventExitStatus=2
            \(Self.sandbox)

            [Install]
            WantedBy=multi-user.target

            """
    }

    /// What the unit may do: change the network of the host, and write its state.
    private static let sandbox = """
        CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_ADMIN
        AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_ADMIN
        NoNewPrivileges=yes
        RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
        SystemCallArchitectures=native
        SystemCallFilter=@system-service @mount
        SystemCallErrorNumber=EPERM
        LockPersonality=yes
        MemoryDenyWriteExecute=yes
        RestrictNamespaces=net mnt
        RestrictRealtime=yes
        RestrictSUIDSGID=yes
        RuntimeDirectory=namebridge-net
        RuntimeDirectoryMode=0711
        RuntimeDirectoryPreserve=yes
        ProtectClock=yes
        ProtectHostname=yes
        UMask=0077
        """
}
