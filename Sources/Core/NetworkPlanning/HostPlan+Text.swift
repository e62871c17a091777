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

    /// Where the reader finds why something is there.
    package enum Reasons: Sendable {
        /// Behind each line, as a comment.
        case onEachLine
        /// On a line of its own, before the lines that it is the because of.
        case asHeadings
    }

    /// Writes `text`: the commands that bring the plan about on a host that has nothing of it, in their
    /// order. Foreign chains are looked at only there.
    package func write(to writer: inout LineWriter, reasons: Reasons = .onEachLine) {
        writer.write("# \(host.place)/\(host.host.name)")
        writer.write(": \(part)\n")
        for note in notes { writer.write("# \(note)\n") }
        var lines = PlanLines(writer: consume writer, reasons: reasons)
        for link in links { lines.write(link.value.commands, link.because) }
        for address in addresses {
            lines.write(Change.add(.address(address.value)).commands, address.because)
        }
        for setting in settings { lines.write([setting.value.command], setting.because) }
        for setting in settingsOfBareTunnels {
            lines.writeCommented(
                "+ \(setting.value.value.command)  # only if \(setting.value.tunnel) has no address;"
                    + " \(setting.because)\n")
        }
        for neighbour in neighbours {
            lines.write(neighbour.because) {
                $0.write("+ ip neigh replace")
                neighbour.value.write(to: &$0)
            }
        }
        for entry in forwardingEntries {
            lines.write(entry.because) {
                $0.write("+ bridge fdb replace")
                entry.value.write(to: &$0)
            }
        }
        if !table.chains.isEmpty {
            lines.writeCommented(Step(.add(.table(table)), because: tableBecause).text)
        }
        for route in routes {
            lines.write(route.because) {
                $0.write(
                    route.value.destination.family == .v4 ? "+ ip route prepend" : "+ ip route replace")
                route.value.write(to: &$0)
            }
        }
        for accept in accepts {
            let rule = accept.value.rule(in: "FORWARD", because: accept.because)
            lines.writeCommented(
                "+ \(rule.program) -t filter -I \(rule)  # only where a foreign FORWARD drops\n")
        }
        writer = lines.writer
    }

    /// What the host does, in words.
    var part: String {
        if !roles.isEmpty { return roles.map(\.rawValue).joined(separator: ", ") }
        return isEmpty ? "no part in any path" : "settings alone"
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

/// Writes the lines of a plan, each with its because.
private struct PlanLines {
    var writer: LineWriter
    let reasons: HostPlan.Reasons

    /// The because of the last line that had none of its own.
    private var heading = ""

    init(writer: consuming LineWriter, reasons: HostPlan.Reasons) {
        self.writer = writer
        self.reasons = reasons
    }

    mutating func write(_ commands: [Command], _ because: String) {
        for command in commands { write(because) { $0.write("+ \(command)") } }
    }

    mutating func write(_ because: String, _ line: (inout LineWriter) -> Void) {
        if reasons == .asHeadings, because != heading {
            heading = because
            writer.write("# ")
            writer.write(because)
            writer.write(":\n")
        }
        line(&writer)
        if reasons == .onEachLine {
            writer.write("  # ")
            writer.write(because)
        }
        writer.write("\n")
    }

    /// Lines that say themselves why they are there.
    mutating func writeCommented(_ text: String) { writer.write(text) }
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
        for command in change.commands { text += "\(sign) \(command)  # \(because)\n" }
        return text
    }

    /// Rules carry their because themselves.
    private static func lines(of new: FilterTable, from old: FilterTable?) -> String {
        let before = Set((old?.description ?? "").split(separator: "\n"))
        let after = new.description.split(separator: "\n")
        var text = ""
        if let old {
            let kept = Set(after)
            for line in old.description.split(separator: "\n") where !kept.contains(line) {
                text += "- nft: \(line)\n"
            }
        }
        for line in after {
            text += before.contains(line) ? "  nft: " : "+ nft: "
            text += line
            text += "\n"
        }
        return text
    }
}
