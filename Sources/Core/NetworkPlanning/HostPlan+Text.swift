import IPAddressing
import Inventory
import NetworkModel

extension HostPlan {
    /// The plan of a host that has nothing yet: what `net plan --desired` prints, one object a line, each
    /// with its
    /// because. Ends with a line's end.
    package var text: String {
        var text = "# \(host.place)/\(host.host.name)"
        text +=
            roles.isEmpty ? ": no part in any path\n" : ": \(roles.map(\.rawValue).joined(separator: ", "))\n"
        for note in notes { text += "# \(note)\n" }
        for step in desiredSteps {
            if case .set(let setting, _, let value) = step.change {
                text += "+ sysctl -w \(setting)=\(value)  # \(step.because)\n"
            } else {
                text += step.text
            }
        }
        for accept in accepts {
            let rule = accept.value.rule(in: "FORWARD", because: accept.because)
            text += "+ \(rule.program) -t filter -I \(rule)  # only where a foreign FORWARD drops\n"
        }
        return text
    }

    /// The additions that bring the plan about on a host that has nothing of it, in their order; devices that
    /// must
    /// be seen first stand between angle brackets. Foreign chains are not in it.
    package var desiredSteps: [Step] {
        var steps: [Step] = []
        steps.reserveCapacity(
            links.count + addresses.count + neighbours.count * 2 + routes.count + settings.count)
        for link in links { steps.append(Step(.add(.link(link.value)), because: link.because)) }
        for address in addresses {
            steps.append(Step(.add(.address(address.value)), because: address.because))
        }
        for setting in settings {
            let change = Change.set(setting.value.setting, from: 0, to: setting.value.value)
            steps.append(Step(change, because: setting.because))
        }
        for neighbour in neighbours {
            steps.append(Step(.add(.neighbour(neighbour.value)), because: neighbour.because))
        }
        for entry in forwardingEntries {
            steps.append(Step(.add(.forwardingEntry(entry.value)), because: entry.because))
        }
        if !table.chains.isEmpty { steps.append(Step(.add(.table(table)), because: tableBecause)) }
        for route in routes { steps.append(Step(.add(.route(route.value)), because: route.because)) }
        return steps
    }

    /// Why our table is there: the paths whose rules it holds.
    var tableBecause: String {
        var reasons: [String] = []
        for comment in table.chains.flatMap(\.rules).compactMap(\.comment) where !reasons.contains(comment) {
            reasons.append(comment)
        }
        return reasons.joined(separator: "; ")
    }
}

extension Step {
    /// The step as `net plan` shows it: `+` for what comes, `-` for what goes, each line with its because; of
    /// our
    /// table the lines that differ.
    package var text: String {
        switch change {
        case .add(.table(let table)): Self.lines(of: table, from: nil)
        case .remove(.table(let table)):
            "- nft delete table \(table.family.rawValue) \(table.name)  # \(because)\n"
        case .replace(.table(let old), with: .table(let new)): Self.lines(of: new, from: old)
        case .remove: lines("-", change.inverse)
        case .replace(let old, _): lines("-", .add(old)) + lines("+", change)
        case .set(let setting, let old, let new): "+ sysctl -w \(setting)=\(new)  # was \(old); \(because)\n"
        case .add, .forget: lines("+", change)
        }
    }

    private func lines(_ sign: String, _ change: Change) -> String {
        var text = ""
        for command in Command.commands(for: change) { text += "\(sign) \(command)  # \(because)\n" }
        return text
    }

    /// Rules carry their because themselves.
    private static func lines(of new: FilterTable, from old: FilterTable?) -> String {
        let before = (old?.description ?? "").split(separator: "\n", omittingEmptySubsequences: true)
        let after = new.description.split(separator: "\n", omittingEmptySubsequences: true)
        var text = ""
        for line in before where !after.contains(line) { text += "- nft: \(line)\n" }
        for line in after {
            text += before.contains(line) ? "  nft: \(line)\n" : "+ nft: \(line)\n"
        }
        return text
    }
}
