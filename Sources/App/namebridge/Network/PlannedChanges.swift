import Inventory
import JSON
import NetworkPlanning

/// What would be changed on a host, for people and programs.
struct PlannedChanges {
    /// The host's plan.
    let plan: HostPlan
    /// The steps from the host as it is.
    let difference: Difference
    /// Where values of followed clusters come from, one line each.
    let origins: [String]
    /// What owners of other devices must enter.
    let instructions: [OwnerInstruction]

    /// `CLUSTER-OR-SITE/NAME`.
    private var name: String { "\(plan.host.place)/\(plan.host.host.name)" }

    /// A summary as comments, then the notes, then one line for each command.
    ///
    /// - Parameter columns: The width of the window; nil if any width will do.
    func text(within columns: Int? = nil) -> StyledText {
        func comments(_ texts: [String]) -> [StyledText] {
            texts.flatMap { "# \($0)".fitted(columns) }.map { StyledText($0) }
        }
        var lines = "# \(name): \(plan.part)".fitted(columns).map { Style.heading.paint($0) }
        lines += comments([summary] + instructions.map { "others: \($0.summary)" } + origins)
        lines += difference.noteLines(within: columns)
        lines += difference.steps.flatMap { Self.lines(of: $0.text, within: columns) }
        if difference.steps.isEmpty { lines.append(StyledText("nothing to do", .success)) }
        return .joined(lines)
    }

    /// The number of changes of each kind.
    private var summary: String {
        guard !difference.steps.isEmpty else { return "the host is as planned" }
        let kinds = [
            ("to add", "+"), ("to remove", "-"), ("to change", "~"), ("of known connections to forget", "x"),
        ].map { words, sign in
            (words: words, count: difference.steps.count { $0.sign == sign })
        }
        let parts = kinds.filter { $0.count > 0 }.map { "\($0.count) \($0.words)" }
        let routes = difference.steps.count(where: \.isRoute)
        let count = difference.steps.count
        return "\(count) change\(count == 1 ? "" : "s"): \(parts.joined(separator: ", "))"
            + (routes > 0 ? "; \(routes) of them \(routes == 1 ? "is a route" : "are routes")" : "")
    }

    /// The lines of a step, in the colours of their signs.
    static func lines(of text: String, within columns: Int?) -> [StyledText] {
        text.split(separator: "\n").flatMap { String($0).fitted(columns) }.map { line in
            let style: Style? =
                line.hasPrefix("+") ? .success : line.hasPrefix("-") ? .error : line.isComment ? .faint : nil
            guard let comment = line.firstRange(of: "  # ") else { return StyledText(line, style) }
            return StyledText(line[..<comment.lowerBound], style)
                + Style.faint.paint(String(line[comment.lowerBound...]))
        }
    }

    /// The same for programs.
    var json: JSONValue { .object(fields + [("others", .array(instructions.map(\.json)))]) }

    /// What a plan and an apply have in common.
    var fields: [(String, JSONValue)] {
        [
            ("host", .string(name)), ("part", .string(plan.part)),
            ("refused", .boolean(difference.isRefused)),
            ("steps", .array(difference.steps.map(\.json))),
            ("notes", .array(difference.notes.map { .string("\($0)") })),
            ("foreign", .array(difference.conflicts.map { .string($0.message) })),
        ]
    }
}

extension OwnerInstruction {
    /// The device and the number of lines to enter there.
    var summary: String {
        let lines = text.split(separator: "\n").map(String.init)
        let head = lines.first.map { $0.drop { $0 == "#" || $0 == " " } } ?? ""
        let count = routes.count
        return head.trimmedColon
            + (count > 0 ? " (\(count) route\(count == 1 ? "" : "s") to enter)" : "")
    }

    /// The same for programs.
    var json: JSONValue {
        .object([
            ("summary", .string(summary)),
            (
                "lines",
                .array(
                    text.split(separator: "\n").dropFirst().map {
                        .string(String($0.drop { $0 == "#" || $0 == " " }))
                    }
                )
            ),
        ])
    }
}

extension Substring {
    /// The text without a colon at its end.
    fileprivate var trimmedColon: String { hasSuffix(":") ? String(dropLast()) : String(self) }
}

extension Difference {
    /// The notes that the reader needs before the steps.
    func noteLines(within columns: Int?) -> [StyledText] {
        notes.flatMap { note in
            let style: Style? =
                note.severity == .refusal ? .error : note.severity == .warning ? .warning : nil
            return "# \(note)".fitted(columns).map { StyledText($0, style) }
        }
            + conflicts.flatMap { conflict in
                "# foreign: \(conflict.message)".fitted(columns).map { StyledText($0, .warning) }
                    + conflict.remedy.map { StyledText("#   \($0)") }
            }
    }

    /// Prints them.
    func printNotes() {
        for line in noteLines(within: TerminalSize.current?.columns) { print(line) }
    }
}

extension Step {
    /// `+` for an addition, `-` for a removal, `~` for a change, `x` for entries of connections.
    var sign: String { change.sign }

    /// True if it concerns a route.
    fileprivate var isRoute: Bool { change.isRoute }

    /// The step for programs.
    var json: JSONValue {
        var commands: [JSONValue] = []
        var patterns: [JSONValue] = []
        for line in text.split(separator: "\n") {
            let end = line.firstRange(of: "  # ")?.lowerBound ?? line.endIndex
            let command: Substring = line[..<end]
            if command.hasPrefix(Self.patternStart) {
                patterns.append(.string(String(command.dropFirst(Self.patternStart.count))))
            } else {
                commands.append(.string(String(command.dropFirst(2))))
            }
        }
        return .object(
            [
                ("action", .string(["+": "add", "-": "remove", "x": "forget"][sign] ?? "change")),
                ("commands", .array(commands)),
            ] + (patterns.isEmpty ? [] : [("patterns", .array(patterns))]) + [("because", .string(because))])
    }
}

extension Change {
    /// See `Step.sign`.
    fileprivate var sign: String {
        switch self {
        case .add: "+"
        case .remove: "-"
        case .forget: "x"
        case .replace, .set: "~"
        case .inside(_, let change): change.sign
        }
    }

    /// True if it concerns a route.
    fileprivate var isRoute: Bool {
        switch self {
        case .add(.route), .remove(.route), .replace(.route, with: _): true
        case .inside(_, let change): change.isRoute
        default: false
        }
    }
}
