import IPAddressing
import NetworkModel

extension NamespacePlan {
    /// What makes the namespace, without what is in it.
    var commands: [Command] { Change.add(.namespace(name)).commands }

    /// What brings about what is in it, once the devices that lead there are made; without its table.
    var contentCommands: [Command] {
        let up = content.links.map { Command(.ip, ["link", "set", "dev", .word($0.value.name), "up"]) }
        let addresses = content.addresses.flatMap { Change.add(.address($0.value)).commands }
        let routes = content.routes.flatMap { Change.add(.route($0.value)).commands }
        let commands = up + addresses + content.settings.map(\.value.command) + routes
        return commands.map { command in
            var command = command
            command.namespace = name
            return command
        }
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
