import Inventory
import NetworkModel

/// What the plans of all hosts come to: what the reader of thousands of lines must see first.
package struct PlanSummary: Sendable {
    /// The number of hosts in the inventory.
    private let hosts: Int

    /// What hosts do, in words, and how many of them do that, in the order of the first.
    private var parts: [(part: String, hosts: Int)] = []
    private var objects = 0
    private var routes = 0

    /// The notes, each with the number of hosts and the first of them, in the order of the first.
    private var notes: [(note: PlanNote, hosts: Int, first: String)] = []
    private var position: [PlanNote: Int] = [:]

    /// - Parameter hosts: The number of hosts in the inventory.
    package init(hosts: Int) { self.hosts = hosts }

    /// Counts the plan of one more host that has a part.
    package mutating func add(_ plan: HostPlan) {
        objects += plan.plannedObjectCount
        routes += plan.routes.count
        if let index = parts.firstIndex(where: { $0.part == plan.part }) {
            parts[index].hosts += 1
        } else {
            parts.append((plan.part, 1))
        }
        for note in plan.notes {
            if let index = position[note] {
                notes[index].hosts += 1
            } else {
                position[note] = notes.count
                notes.append((note, 1, "\(plan.host.place)/\(plan.host.host.name)"))
            }
        }
    }

    /// True if a host's plan must not be applied.
    package var isRefused: Bool { notes.contains { $0.note.severity == .refusal } }

    /// The summary as comments. Ends with an empty line.
    package var text: String {
        let doing = parts.map { "\($0.hosts) \($0.part)" }.joined(separator: ", ")
        let count = parts.map(\.hosts).reduce(0, +)
        var text = "# \(count) of \(hosts) hosts have a part: \(doing)\n"
        text += "# \(objects) objects to make, \(routes) of them routes\n"
        for severity in [PlanNote.Severity.refusal, .warning, .advice] {
            let found = notes.filter { $0.note.severity == severity }
            for (note, hosts, first) in found.prefix(Self.mostNotes) {
                text += "# \(first)\(hosts == 1 ? "" : " and \(hosts - 1) more"): \(note)\n"
            }
            let rest = found.count - Self.mostNotes
            if rest > 0 { text += "# \(rest) more of \(severity.rawValue) stand with their hosts\n" }
        }
        return text + "\n"
    }

    /// Of one severity; notes that name a host are as many as there are hosts.
    private static let mostNotes = 10
}

extension HostPlan {
    /// The number of objects in the plan, each rule being one.
    package var plannedObjectCount: Int {
        links.count + addresses.count + settings.count + settingsOfBareTunnels.count + neighbours.count
            + forwardingEntries.count + routes.count + accepts.count
            + table.chains.map(\.rules.count).reduce(0, +)
    }
}
