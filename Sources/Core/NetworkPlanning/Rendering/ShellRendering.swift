import IPAddressing
import Inventory
import NetworkModel

/// The commands that people type today: in the right order, and right when typed twice.
struct ShellRendering {
    private let plan: HostPlan

    init(_ plan: HostPlan) { self.plan = plan }

    var text: String {
        var text = "#!/bin/sh\n# \(plan.host.place)/\(plan.host.host.name):"
        text += " \(plan.part)\n"
        text += "# Typed by hand this lasts until the next boot, firewall reload or restart of Docker;"
        text += " \"namebridge net agent\" keeps it.\n"
        for note in plan.notes { text += "# \(note)\n" }
        let steps = plan.desiredSteps
        text += "set -e\n" + IPTablesRendering.function
        if steps.contains(where: { $0.commands.contains { $0.program == .ip } }) { text += Self.function }
        let settings = plan.settings.map(\.value.setting)
        if settings.contains(where: { $0.name == .forceForwarding }) { text += Self.forwardingFunction }
        if !plan.routes.isEmpty { text += RouteScript.function }
        var because = ""
        for step in steps {
            if case .add(.table) = step.change {
                text += "\n" + IPTablesRendering(plan).rules
                because = ""
                continue
            }
            if step.because != because {
                because = step.because
                text += "\n# \(because)\n"
            }
            switch step.change {
            case .set(let setting, _, let value):
                text += Self.line(SettingValue(setting, value), step.commands)
            case .add(.route(let route)): text += RouteScript.line(route) + "\n"
            default:
                for command in step.commands {
                    text += (command.program == .ip ? "new " : "") + Self.line(command)
                }
            }
        }
        return text + bareTunnels
    }

    /// Settings of tunnel devices that are there and have no address.
    private var bareTunnels: String {
        plan.settingsOfBareTunnels.map { desired in
            let (tunnel, value) = (desired.value.tunnel, desired.value.value)
            let change = Change.set(value.setting, from: 0, to: value.value)
            let lines = Step(change, because: desired.because).commands.map(Self.line).joined()
            return "\n# \(desired.because)\n"
                + "if ip link show dev \(tunnel) >/dev/null 2>&1 &&\n"
                + "    [ -z \"$(ip -o -4 addr show dev \(tunnel))\" ]; then\n"
                + "    \(lines)fi\n"
        }.joined()
    }

    /// Makes something unless it is there.
    private static let function = """
        new() {
            error=$("$@" 2>&1) && return
            # Of an address, Linux says it in words of its own.
            case $error in *"File exists"* | *"already assigned"*) ;; *) echo "$error" >&2; return 1 ;; esac
        }

        """

    /// What brings the wanted effect about on the kernel that the script meets.
    private static func line(_ value: SettingValue, _ commands: [Command]) -> String {
        let lines = commands.map(line).joined()
        switch value.setting.name {
        case .forceForwarding:
            let device = value.setting.device
            return "forward6 \(device.name ?? "\"\(question(about: device))\"")\n"
        case .multipathHashPolicy:
            // Policy 3 came with Linux 5.14; with policy 1 connections stay with their next hop, too, but
            // fragments of large UDP packets may take another one.
            return "\(lines.dropLast()) ||\n    sysctl -w \(value.setting)=1\n"
        default: return lines
        }
    }

    /// Forwards what comes in by a device. Before Linux 6.17 IPv6 does so on all devices or on none, and then
    /// stops learning the default route from the router unless told otherwise.
    private static let forwardingFunction = """
        forward6() {
            sysctl -w "net.ipv6.conf.$1.force_forwarding=1" 2>/dev/null && return
            for d in $(ip -6 route show default proto ra | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p'); do
                sysctl -w "net.ipv6.conf.$d.accept_ra=2"
            done
            sysctl -w net.ipv6.conf.all.forwarding=1
        }

        """

    /// Asks the host for the devices that the inventory does not name.
    static func line(_ command: Command) -> String {
        var writer = LineWriter()
        writer.write(command.head.joined(separator: " "))
        for argument in command.arguments {
            switch argument {
            case .device(let device) where device.name == nil: writer.write(" " + question(about: device))
            case .assignment(let setting, let value) where setting.device.name == nil:
                writer.write(" \"\(setting.text(device: question(about: setting.device)))=\(value)\"")
            default: writer.add(argument)
            }
        }
        writer.write("\n")
        return writer.text
    }

    /// What the shell replaces by the name of the device.
    private static func question(about device: DeviceReference) -> String {
        switch device {
        case .named(let name): name
        case .carrying(let address): "$(ip -o addr show to \(address) | awk '{print $2; exit}')"
        case .toward(let prefix):
            "$(ip route get \(prefix.address) | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')"
        }
    }
}
