import Inventory
import JSON
import NetworkPlanning

extension HostPlan {
    /// The plan for programs.
    ///
    /// - Parameter hasCommands: True for the commands too, as for a host that has nothing of it yet.
    func json(hasCommands: Bool) -> JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("host", .string("\(host.place)/\(host.host.name)")), ("part", .string(part)),
            ("refused", .boolean(isRefused)), ("objects", .integer(plannedObjectCount)),
            ("routes", .integer(routes.count)), ("notes", .array(notes.map { .string("\($0)") })),
        ]
        if hasCommands { members.append(("steps", .array(steps))) }
        return .object(members)
    }

    /// One entry for each line that is a command.
    private var steps: [JSONValue] {
        text.split(separator: "\n").filter { $0.hasPrefix("+ ") }.map { line in
            let comment = line.firstRange(of: "  # ")
            let command = line[..<(comment?.lowerBound ?? line.endIndex)].dropFirst(2)
            return .object([
                ("action", .string("add")), ("commands", .array([.string(String(command))])),
                ("because", .optional(comment.map { String(line[$0.upperBound...]) })),
            ])
        }
    }
}
