import IPAddressing
import NetworkModel

extension NamespacePlan {
    /// What makes the namespace, without what is in it.
    var commands: [Command] { Change.add(.namespace(name)).commands }

    /// What brings about what is in it, once the devices that lead there are made; without its table.
    var contentCommands: [Command] {
        func inside(_ change: Change) -> [Command] { Change.inside(name, change).commands }
        let links = content.links.map(\.value).flatMap { planned in
            planned.link.isMesh
                ? planned.link.commands(underlay: nil, mtu: planned.mtu.octets(), in: name)
                : [Command(.ip, ["link", "set", "dev", .word(planned.name), "up"], in: name)]
        }
        let settings = content.settings.map(\.value.command).map { command in
            var command = command
            command.namespace = name
            return command
        }
        return links + content.addresses.flatMap { inside(.add(.address($0.value))) } + settings
            + content.neighbours.flatMap { inside(.add(.neighbour($0.value))) }
            + content.forwardingEntries.flatMap { inside(.add(.forwardingEntry($0.value))) }
            + content.routes.flatMap { inside(.add(.route($0.value))) }
    }

    /// What makes the table in it.
    var tableCommands: [Command] { tableStep.commands }

    /// The table in it as `net plan` shows it.
    var tableText: String { tableStep.text }

    private var tableStep: Step {
        Step(.inside(name, .add(.table(content.table))), because: content.tableBecause)
    }
}

extension HostPlan {
    /// What makes each policy rule, and why; devices may be described instead of named.
    var ruleCommands: [(commands: [Command], because: String)] {
        rules.map { (Change.add(.policyRule($0.value)).commands, $0.because) }
            + rulesOfDevices.map { ($0.value.commands, $0.because) }
    }
}

extension DeviceRule {
    /// What makes the rule.
    fileprivate var commands: [Command] {
        var rule = rule
        rule.inDevice = device.description
        return Change.add(.policyRule(rule)).commands.map { command in
            guard device.name == nil else { return command }
            var command = command
            command.arguments = command.arguments.map { argument in
                argument == .word(device.description)
                    ? .unresolved(before: "", device, after: "") : argument
            }
            return command
        }
    }
}
