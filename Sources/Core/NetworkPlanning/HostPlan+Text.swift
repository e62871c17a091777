import IPAddressing
import Inventory
package import NetworkModel

extension HostPlan {
    /// The plan of a host that has nothing yet: what `net plan --desired` prints, one object a line, each
    /// with
    /// its because. Ends with a line's end.
    package var text: String {
        var writer = LineWriter()
        write(to: &writer)
        return writer.text
    }

    /// Writes `text`; in the order of `desiredSteps`, whose commands the lines are.
    package func write(to writer: inout LineWriter) {
        writer.write("# \(host.place)/\(host.host.name)")
        let names = roles.map(\.rawValue).joined(separator: ", ")
        writer.write(roles.isEmpty ? ": no part in any path\n" : ": \(names)\n")
        for note in notes { writer.write("# \(note)\n") }
        for step in stepsBeforePeers {
            if case .set(let setting, _, let value) = step.change {
                writer.write("+ sysctl -w \(setting)=\(value)  # \(step.because)\n")
            } else {
                writer.write(step.text)
            }
        }
        write(neighbours, after: "+ ip neigh replace ", to: &writer) { $0.write(to: &$1) }
        write(forwardingEntries, after: "+ bridge fdb replace ", to: &writer) { $0.write(to: &$1) }
        for step in stepsForTable { writer.write(step.text) }
        let (v4, v6) = ("+ ip route prepend ", "+ ip route replace ")
        for route in routes {
            write([route], after: route.value.destination.family == .v4 ? v4 : v6, to: &writer) {
                $0.write(to: &$1)
            }
        }
        for accept in accepts {
            let rule = accept.value.rule(in: "FORWARD", because: accept.because)
            writer.write("+ \(rule.program) -t filter -I \(rule)  # only where a foreign FORWARD drops\n")
        }
    }

    /// One line for each object: the verb, the object, and its because as a comment.
    private func write<Value>(
        _ objects: [Desired<Value>], after verb: String, to writer: inout LineWriter,
        _ write: (Value, inout LineWriter) -> Void
    ) {
        for object in objects {
            writer.write(verb)
            write(object.value, &writer)
            writer.write("  # ")
            writer.write(object.because)
            writer.write("\n")
        }
    }

    /// The additions that bring the plan about on a host that has nothing of it, in their order; devices that
    /// must
    /// be seen first stand between angle brackets. Foreign chains are not in it.
    package var desiredSteps: [Step] {
        stepsBeforePeers
            + neighbours.map { Step(.add(.neighbour($0.value)), because: $0.because) }
            + forwardingEntries.map { Step(.add(.forwardingEntry($0.value)), because: $0.because) }
            + stepsForTable + routes.map { Step(.add(.route($0.value)), because: $0.because) }
    }

    /// Devices, their addresses, and settings.
    private var stepsBeforePeers: [Step] {
        links.map { Step(.add(.link($0.value)), because: $0.because) }
            + addresses.map { Step(.add(.address($0.value)), because: $0.because) }
            + settings.map {
                Step(.set($0.value.setting, from: 0, to: $0.value.value), because: $0.because)
            }
    }

    private var stepsForTable: [Step] {
        table.chains.isEmpty ? [] : [Step(.add(.table(table)), because: tableBecause)]
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
