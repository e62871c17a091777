import Inventory

/// A unit that makes the plan at each boot and takes it away when it is stopped.
///
/// It makes the whole plan anew from the file: nothing is appended twice, and nothing has to wait for pods,
/// which
/// kubelet starts long after any unit.
struct SystemdRendering {
    private let plan: HostPlan

    init(_ plan: HostPlan) { self.plan = plan }

    var text: String {
        let name = "\(plan.host.place)/\(plan.host.host.name)"
        return """
            # /etc/systemd/system/namebridge-net.service
            # Once a boot; "namebridge net agent" as Type=simple instead puts back what others take away.
            [Unit]
            Description=Namebridge routes and translation of \(name)
            Wants=network-online.target
            After=network-online.target nftables.service docker.service firewalld.service

            [Service]
            Type=oneshot
            RemainAfterExit=yes
            ExecStart=/usr/bin/namebridge net apply --host \(name)
            ExecReload=/usr/bin/namebridge net apply --host \(name)
            ExecStop=/usr/bin/namebridge net remove

            [Install]
            WantedBy=multi-user.target

            """
    }
}
