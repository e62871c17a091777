import IPAddressing
import Inventory
import NetworkModel

/// The commands that an administrator would type: in the right order, and safe to run twice.
struct ShellRendering {
    /// The plan.
    private let plan: HostPlan

    /// The rendering of `plan`.
    init(_ plan: HostPlan) { self.plan = plan }

    /// The text.
    var text: String {
        var text = "#!/bin/sh\n# \(plan.host.place)/\(plan.host.host.name):"
        text += " \(plan.part)\n"
        text += "# Typed by hand this lasts until the next boot, firewall reload or restart of Docker;"
        text += " \"namebridge net agent\" keeps it.\n"
        for note in plan.notes { text += "# \(note)\n" }
        text += "set -e\n" + IPTablesRendering.function
        let body = body
        if body.usesNew { text += Self.function }
        if plan.settings.contains(where: { $0.value.setting.name == .forceForwarding }) {
            text += Self.forwardingFunction
        }
        if !plan.routes.isEmpty { text += RouteScript.function }
        return text + body.text + bareTunnels
    }

    /// Settings of tunnel devices that are there and have no address.
    private var bareTunnels: String {
        plan.settingsOfBareTunnels.map { desired in
            let tunnel = desired.value.tunnel
            return "\n# \(desired.because)\n"
                + "if ip link show dev \(tunnel) >/dev/null 2>&1 &&\n"
                + "    [ -z \"$(ip -o -4 addr show dev \(tunnel))\" ]; then\n"
                + "    \(ShellLines.line(desired.value.value.command))fi\n"
        }.joined()
    }

    /// What makes the objects of the plan, in the order of `HostPlan.text`.
    private var body: ShellLines {
        var lines = ShellLines()
        func add(_ object: NetworkObject, _ because: String) {
            lines.add(Change.add(object).commands, because: because)
        }
        for namespace in plan.namespaces { lines.add(namespace.value.commands, because: namespace.because) }
        for link in plan.links { lines.add(link.value.commands, because: link.because) }
        for namespace in plan.namespaces {
            lines.add(namespace.value.contentCommands, because: namespace.because)
            for command in namespace.value.tableCommands {
                lines.add("\(command)\n", because: namespace.because)
            }
        }
        for address in plan.addresses { add(.address(address.value), address.because) }
        for setting in plan.settings { lines.add(Self.text(of: setting.value), because: setting.because) }
        for neighbour in plan.neighbours { add(.neighbour(neighbour.value), neighbour.because) }
        for entry in plan.forwardingEntries { add(.forwardingEntry(entry.value), entry.because) }
        if !plan.table.chains.isEmpty { lines.add(section: IPTablesRendering(plan).rules) }
        for route in plan.routes {
            if route.value.isAsked {
                lines.add(RouteScript.line(route.value) + "\n", because: route.because)
            } else {
                add(.route(route.value), route.because)
            }
        }
        for (commands, because) in plan.ruleCommands { lines.add(commands, because: because) }
        return lines
    }

    /// Makes an object unless it exists.
    private static let function = """
        new() {
            error=$("$@" 2>&1) && return
            # Of an address, Linux says it in words of its own.
            case $error in *"File exists"* | *"already assigned"*) ;; *) echo "$error" >&2; return 1 ;; esac
        }

        """

    /// The settings that have the desired effect on the kernel on which the script runs.
    private static func text(of value: PlannedSetting) -> String {
        let line = ShellLines.line(value.command)
        switch value.setting.name {
        case .forceForwarding:
            let device = value.setting.device
            return "forward6 \(device.name ?? "\"\(ShellLines.question(about: device))\"")\n"
        case .multipathHashPolicy where value.value == 3:
            // Policy 3 came with Linux 5.14; with policy 1 connections stay with their next hop, too, but
            // fragments of large UDP packets may take another one.
            var older = value
            older.value = 1
            return "\(line.dropLast()) ||\n    \(ShellLines.line(older.command))"
        default: return line
        }
    }

    /// Forwards packets that arrive at a device. Before Linux 6.17 IPv6 does so on all devices or on none,
    /// and then stops learning the default route from the router unless configured otherwise.
    private static let forwardingFunction = """
        forward6() {
            sysctl -w "net.ipv6.conf.$1.force_forwarding=1" 2>/dev/null && return
            for d in $(ip -6 route show default proto ra | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p'); do
                sysctl -w "net.ipv6.conf.$d.accept_ra=2"
            done
            sysctl -w net.ipv6.conf.all.forwarding=1
        }

        """
}

/// Lines of a script, below the reasons for them.
private struct ShellLines {
    private(set) var text = ""

    /// True if a line calls `new`.
    private(set) var usesNew = false
    private var because = ""

    mutating func add(_ commands: [Command], because: String) {
        var lines = ""
        for command in commands {
            if command.program == .ip {
                lines += "new "
                usesNew = true
            }
            lines += Self.line(command)
        }
        add(lines, because: because)
    }

    mutating func add(_ lines: String, because: String) {
        if because != self.because {
            self.because = because
            text += "\n# \(because)\n"
        }
        text += lines
    }

    /// Lines that say themselves why they are there.
    mutating func add(section lines: String) {
        text += "\n" + lines
        because = ""
    }

    /// The command as a line that asks the host for the devices that the inventory does not name.
    static func line(_ command: Command) -> String {
        var writer = LineWriter()
        writer.write(command.head.joined(separator: " "))
        for argument in command.arguments {
            guard case .unresolved(let before, let device, let after) = argument else {
                writer.add(argument)
                continue
            }
            let word = before + question(about: device) + after
            writer.write(before.isEmpty && after.isEmpty ? " \(word)" : " \"\(word)\"")
        }
        writer.write("\n")
        return writer.text
    }

    /// The expression that the shell replaces by the device's name.
    static func question(about device: DeviceReference) -> String {
        switch device {
        case .named(let name): name
        case .carrying(let address): "$(ip -o addr show to \(address) | awk '{print $2; exit}')"
        case .toward(let prefix):
            "$(ip route get \(prefix.address) | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')"
        }
    }
}
