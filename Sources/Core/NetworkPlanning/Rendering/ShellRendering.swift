import Inventory
import NetworkModel

/// The commands that people type today: in the right order, and right when typed twice where that can be had.
struct ShellRendering {
    private let plan: HostPlan

    init(_ plan: HostPlan) { self.plan = plan }

    var text: String {
        var text = "#!/bin/sh\n# \(plan.host.place)/\(plan.host.host.name):"
        text += " \(plan.roles.map(\.rawValue).joined(separator: ", "))\n"
        text += "# Typed by hand this lasts until the next boot, firewall reload or restart of Docker;"
        text += " \"namebridge net agent\" keeps it.\n"
        for note in plan.notes { text += "# \(note)\n" }
        text += "set -e\n" + IPTablesRendering.function
        var because = ""
        for step in plan.desiredSteps {
            if case .add(.table) = step.change {
                text += "\n" + IPTablesRendering(plan).rules
                because = ""
                continue
            }
            if step.because != because {
                because = step.because
                text += "\n# \(because)\n"
            }
            for command in step.commands { text += Self.line(command) }
        }
        return text
    }

    /// Asks the host for the devices that the inventory does not name.
    static func line(_ command: Command) -> String {
        var line = command.line
        // Each turn takes one "<device ...>" away: the loop ends.
        while let start = line.range(of: "<device "), let end = line[start.upperBound...].firstIndex(of: ">")
        {
            let words = line[start.upperBound..<end].split(separator: " ")
            let subject = words.last.map(String.init) ?? ""
            let ask =
                words.first == "of"
                ? "$(ip -o addr show to \(subject) | awk '{print $2; exit}')"
                : "$(ip route get \(subject.split(separator: "/").first ?? "") | sed -n 's/.* dev \\([^"
                    + " ]*\\).*/\\1/p')"
            line.replaceSubrange(start.lowerBound...end, with: ask)
        }
        if command.program == .sysctl, line.contains("$(") {
            line = "-w \"" + line.dropFirst(3) + "\""
        }
        return "\(command.program.rawValue) \(line)\n"
    }
}

extension String {
    /// Where `other` stands first; nil where it does not.
    fileprivate func range(of other: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {  // one character further each turn
            if self[start...].hasPrefix(other) { return start..<index(start, offsetBy: other.count) }
            start = index(after: start)
        }
        return nil
    }
}
