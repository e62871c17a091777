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

    /// One entry for each line that is a command, and one for each table of nft, which has several lines.
    private var steps: [JSONValue] {
        var steps: [(commands: [String], comment: String)] = []
        var isInTable = false
        for line in text.split(separator: "\n") where line.hasPrefix("+ ") {
            let mark = line.firstRange(of: "  # ")
            let command = String(line[..<(mark?.lowerBound ?? line.endIndex)].dropFirst(2))
            let comment = mark.map { String(line[$0.upperBound...]) } ?? ""
            let isOfTable = command.hasPrefix("nft")
            if isOfTable, isInTable, let last = steps.indices.last {
                steps[last].commands.append(command)
                if steps[last].comment.isEmpty { steps[last].comment = comment }
            } else {
                steps.append(([command], comment))
            }
            isInTable = isOfTable
        }
        return steps.map { Self.json($0.commands, comment: $0.comment) }
    }

    /// A step. What is needed on some hosts alone says on which ones, before its reason.
    private static func json(_ commands: [String], comment: String) -> JSONValue {
        let isConditional = comment.hasPrefix("only ")
        let parts = comment.split(separator: "; ", maxSplits: 1).map(String.init)
        let because = isConditional ? parts.dropFirst().first : comment.isEmpty ? nil : comment
        var members: [(key: String, value: JSONValue)] = [
            ("action", .string("add")), ("commands", .array(commands.map { .string($0) })),
            ("because", .optional(because)),
        ]
        if isConditional, let condition = parts.first { members.append(("condition", .string(condition))) }
        return .object(members)
    }
}
