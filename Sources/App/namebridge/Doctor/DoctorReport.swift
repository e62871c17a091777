import Diagnosis
import Inventory
import JSON

/// The output of `namebridge doctor`.
struct DoctorReport {
    /// The findings in order.
    let findings: [Finding]

    /// True if something was examined and no problem was found.
    var isFine: Bool { !findings.isEmpty && !findings.contains { $0.severity == .problem } }

    /// Findings below their subjects, with their remedies; last the count.
    func text() -> StyledText {
        var lines: [StyledText] = []
        var subject: String?
        for finding in findings {
            if finding.subject != subject {
                subject = finding.subject
                lines.append(Style.heading.paint(finding.subject))
            }
            lines += Self.lines(finding)
        }
        return .joined(lines + [summary])
    }

    /// The width of what a finding means.
    private static var width: Int { min(88, max(40, (TerminalSize.current?.columns ?? 99) - 11)) }

    /// The lines of one finding.
    private static func lines(_ finding: Finding) -> [StyledText] {
        let word = finding.severity.rawValue
        let padded = word + String(repeating: " ", count: 8 - word.count)
        var lines = ["  " + style(finding.severity).paint(padded) + " \(finding.summary.printable)"]
        lines += (finding.meaning.isEmpty ? [] : finding.meaning.wrapped(width)).map {
            StyledText("           \($0.printable)")
        }
        for remedy in finding.remedies {
            lines.append("           " + Style.faint.paint("\(remedy.software): \(remedy.file)"))
            lines += remedy.lines.map { StyledText("             \($0)") }
            if let command = remedy.command {
                lines.append("           " + Style.faint.paint("then: \(command)"))
            }
        }
        return lines
    }

    /// The colour of a severity.
    private static func style(_ severity: Finding.Severity) -> Style {
        switch severity {
        case .ok: .success
        case .warning: .heading
        case .problem: .error
        }
    }

    /// Such as `12 checks: 1 problem, 2 warnings`.
    private var summary: StyledText {
        guard !findings.isEmpty else { return Style.error.paint("nothing could be examined") }
        let problems = findings.filter { $0.severity == .problem }.count
        let warnings = findings.filter { $0.severity == .warning }.count
        func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
        let line =
            "\(count(findings.count, "check")): "
            + (problems + warnings == 0
                ? "all fine" : "\(count(problems, "problem")), \(count(warnings, "warning"))")
        return (isFine ? Style.success : .error).paint(line)
    }

    /// The findings for programs.
    func json() -> JSONValue {
        .object([
            ("fine", .boolean(isFine)),
            ("findings", .array(findings.map { Self.json($0) })),
        ])
    }

    /// One finding for programs.
    private static func json(_ finding: Finding) -> JSONValue {
        .object([
            ("severity", .string(finding.severity.rawValue)), ("subject", .string(finding.subject)),
            ("check", .string(finding.check.rawValue)), ("summary", .string(finding.summary)),
            ("meaning", .string(finding.meaning)),
            ("remedies", .array(finding.remedies.map { json($0) })),
        ])
    }

    /// One remedy for programs.
    private static func json(_ remedy: Remedy) -> JSONValue {
        .object([
            ("software", .string(remedy.software)), ("file", .string(remedy.file)),
            ("lines", .array(remedy.lines.map { .string($0) })), ("command", .optional(remedy.command)),
        ])
    }
}
