import IPAddressing
import Inventory
package import NetworkModel

extension HostPlan {
    /// The plan for an empty host, as `net plan --desired` prints it: one object a line, each with its
    /// reason. Ends with a newline.
    package var text: String {
        var writer = LineWriter()
        write(to: &writer)
        return writer.text
    }

    /// Where the reason of an object is printed.
    package enum Reasons: Sendable {
        /// After each line, as a comment.
        case onEachLine
        /// On its own line, before the lines that it applies to.
        case asHeadings
    }

    /// Writes `text`: the commands that bring the plan about on a host that has nothing of it, in their
    /// order. Foreign chains are looked at only there.
    package func write(to writer: inout LineWriter, reasons: Reasons = .onEachLine) {
        writer.write("# \(host.place)/\(host.host.name)")
        writer.write(": \(part)\n")
        for note in notes { writer.write("# \(note)\n") }
        var lines = PlanLines(writer: consume writer, reasons: reasons)
        for namespace in namespaces { lines.write(namespace.value.commands, namespace.because) }
        for link in links { lines.write(link.value.commands, link.because) }
        for namespace in namespaces {
            lines.write(namespace.value.contentCommands, namespace.because)
            lines.writeCommented(namespace.value.tableText)
        }
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
                $0.write(literal: "+ ip neigh replace")
                $0.add(neighbour.value)
            }
        }
        for entry in forwardingEntries {
            lines.write(entry.because) {
                $0.write(literal: "+ bridge fdb replace")
                $0.add(entry.value)
            }
        }
        if !table.chains.isEmpty {
            lines.writeCommented(Step(.add(.table(table)), because: tableBecause).text)
        }
        for route in routes {
            lines.write(route.because) {
                $0.write(
                    literal: route.value.destination.family == .v4
                        ? "+ ip route prepend" : "+ ip route replace")
                $0.add(route.value)
            }
        }
        for (commands, because) in ruleCommands { lines.write(commands, because) }
        for accept in accepts {
            let rule = accept.value.rule(in: "FORWARD", because: accept.because)
            lines.writeCommented(
                "+ \(rule.program) -t filter -I \(rule)  # only where a foreign FORWARD drops\n")
        }
        writer = lines.writer
    }

    /// What the host does, in words.
    package var part: String {
        if !roles.isEmpty { return roles.map(\.rawValue).joined(separator: ", ") }
        return isEmpty ? "no part in any path" : "settings alone"
    }

    /// The reason of our table: the paths whose rules it holds.
    var tableBecause: String {
        var reasons: [String] = []
        for comment in table.chains.flatMap(\.rules).compactMap(\.comment) where !reasons.contains(comment) {
            reasons.append(comment)
        }
        return reasons.joined(separator: "; ")
    }
}

/// Writes the lines of a plan, each with its reason.
private struct PlanLines {
    /// The destination of the lines.
    var writer: LineWriter
    /// The place of the reasons.
    let reasons: HostPlan.Reasons

    /// The reason printed last on a line of its own.
    private var heading = ""

    /// Creates a writer of plan lines.
    init(writer: consuming LineWriter, reasons: HostPlan.Reasons) {
        self.writer = writer
        self.reasons = reasons
    }

    mutating func write(_ commands: [Command], _ because: String) {
        for command in commands { write(because) { $0.write("+ \(command)") } }
    }

    /// Writes a line with its reason.
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

    /// Lines that contain their reason.
    mutating func writeCommented(_ text: String) { writer.write(text) }
}

extension Step {
    /// The step as `net plan` shows it: `+` for an addition, `-` for a removal, each line with its reason;
    /// for our table, the lines that differ.
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
        case .inside(let namespace, let change): text(of: change, in: namespace)
        }
    }

    private func text(of change: Change, in namespace: String) -> String {
        switch change {
        case .add(.table(let table)): Self.lines(of: table, from: nil, in: namespace)
        case .replace(.table(let old), with: .table(let new)): Self.lines(of: new, from: old, in: namespace)
        case .remove(let object): lines("-", .inside(namespace, .add(object)))
        case .replace(let old, _) where !old.isLink:
            lines("-", .inside(namespace, .add(old))) + lines("+", self.change)
        case .add, .replace, .set, .forget, .inside: lines("+", self.change)
        }
    }

    /// The commands of `change` as lines that begin with `sign`; a pattern is a comment, since it cannot run.
    private func lines(_ sign: String, _ change: Change) -> String {
        var text = ""
        for command in change.commands {
            let start = command.isPattern ? Self.patternStart : "\(sign) "
            text += "\(start)\(command)  # \(because)\n"
        }
        return text
    }

    /// The beginning of a line whose command stands for several.
    package static let patternStart = "# for each of these connections: "

    /// Rules contain their reason as a comment.
    private static func lines(
        of new: FilterTable, from old: FilterTable?, in namespace: String? = nil
    ) -> String {
        let program = namespace.map { "nft in \($0)" } ?? "nft"
        let before = Set((old?.description ?? "").split(separator: "\n"))
        let after = new.description.split(separator: "\n")
        var text = ""
        if let old {
            let kept = Set(after)
            for line in old.description.split(separator: "\n") where !kept.contains(line) {
                text += "- \(program): \(line)\n"
            }
        }
        for line in after {
            text += (before.contains(line) ? "  " : "+ ") + program + ": "
            text += line
            text += "\n"
        }
        return text
    }
}

extension NetworkObject {
    fileprivate var isLink: Bool { if case .link = self { true } else { false } }
}
