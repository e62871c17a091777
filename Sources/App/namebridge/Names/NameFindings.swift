import AdminServer
import Inventory
import JSON

/// What clusters have under a name, for people and programs.
struct NameFindings {
    /// The name that was looked for, such as `web.shop.svc`.
    let name: String
    /// One for each cluster that was asked.
    var findings: [NameFinding]
    /// The state of the paths to each cluster, as a running server knows it; empty without one.
    var paths: [String: String] = [:]
    /// Seconds since each cluster's finding was asked: more than 0 while it has been silent.
    var ages: [String: Int] = [:]
    /// What to do about a name that no cluster has; nil: nothing is known.
    var hint: String?

    /// True if a cluster has the name.
    var isFound: Bool { findings.contains(where: \.isFound) }

    /// True if no cluster has the name, and some gave no answer.
    var isUnknown: Bool { !isFound && findings.contains { $0.failure != nil } }

    /// The addresses of one cluster that are shown; the JSON has all.
    private static let mostAddresses = 8

    /// A table: one row for each address.
    func text() -> StyledText {
        var lines: [StyledText] = []
        var table = TextTable([.left, .left, .left, .left, .left, .right])
        table.add(["CLUSTER", "KIND", "ADDRESS", "PORTS", "PATH", "AGE"])
        for finding in findings where finding.isFound { addRows(finding, to: &table) }
        for (index, line) in table.lines.enumerated() where isFound {
            lines.append(StyledText(line.printable, index == 0 ? .faint : nil))
        }
        if !isFound {
            let words = isUnknown ? "no cluster that answered has \(name)" : "no cluster has \(name)"
            lines.append(StyledText(words.printable, .warning))
            if let hint { lines.append(StyledText(hint.printable)) }
        }
        for finding in findings {
            guard var failure = finding.failure else { continue }
            let key = finding.cluster + ": "
            if failure.hasPrefix(key) { failure.removeFirst(key.count) }
            lines.append(StyledText("\(finding.cluster): no answer: \(failure)".printable, .error))
        }
        return .joined(lines)
    }

    /// The rows of one cluster.
    private func addRows(_ finding: NameFinding, to table: inout TextTable) {
        var cells = finding.addresses.prefix(Self.mostAddresses).map { address in
            "\(address.outer)" + (address.inner.map { " (\($0) inside)" } ?? "")
        }
        if let target = finding.target { cells.insert("alias of \(target)", at: 0) }
        let left = finding.addresses.count - Self.mostAddresses
        if left > 0 { cells.append("and \(left) more") }
        let ports = finding.ports.isEmpty ? "-" : finding.ports.map(String.init).joined(separator: ",")
        table.add([
            finding.cluster, finding.kind?.rawValue ?? "", cells.first ?? "-", ports,
            paths[finding.cluster] ?? "-", age(of: finding),
        ])
        for cell in cells.dropFirst() { table.add(["", "", cell]) }
    }

    /// How long ago the cluster said so.
    private func age(of finding: NameFinding) -> String {
        let seconds = ages[finding.cluster] ?? 0
        return seconds == 0 ? "now" : Figures.duration(seconds: seconds)
    }

    /// The same for programs.
    var json: JSONValue {
        .object([
            ("name", .string(name)), ("found", .boolean(isFound)), ("hint", .optional(hint)),
            ("clusters", .array(findings.map(json(of:)))),
        ])
    }

    /// One cluster.
    private func json(of finding: NameFinding) -> JSONValue {
        .object([
            ("cluster", .string(finding.cluster)), ("name", .string("\(finding.name)")),
            ("kind", finding.kind.map { .string($0.rawValue) } ?? .null),
            (
                "addresses",
                .array(
                    finding.addresses.map { address in
                        .object([
                            ("address", .string("\(address.outer)")),
                            ("inner", .string("\(address.inner ?? address.outer)")),
                        ])
                    })
            ),
            ("target", finding.target.map { .string("\($0)") } ?? .null),
            ("ports", .array(finding.ports.map { .integer(Int($0)) })),
            ("path", paths[finding.cluster].map { .string($0) } ?? .null),
            ("age-seconds", .integer(ages[finding.cluster] ?? 0)),
            ("failure", finding.failure.map { .string($0) } ?? .null),
        ])
    }
}
