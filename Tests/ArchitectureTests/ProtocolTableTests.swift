import Foundation
import Testing

/// The table of the protocol's rules against the files, declarations and tests that it names.
@Suite struct ProtocolTableTests {
    private static let article = "Sources/Core/Forwarding/Forwarding.docc/Protocol.md"

    /// One row of the table, whose columns are rule, source, code and test.
    private struct Row {
        let line: Int
        let code: Substring
        let test: Substring
    }

    private func rows() throws -> [Row] {
        let text = try String(contentsOf: packageFolder.appending(path: Self.article), encoding: .utf8)
        return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { number, line in
            let columns = line.split(separator: "|")
            guard line.hasPrefix("|"), columns.count == 4, !line.hasPrefix("|---"), !line.hasPrefix("| rule ") else {
                return nil
            }
            return Row(line: number + 1, code: columns[2], test: columns[3])
        }
    }

    @Test func `all code that the table names is there`() throws {
        let files = try swiftFiles(below: "Sources")
        let declared = declaredNames(in: files)
        let paths = files.map(\.path)
        var offences: [String] = []
        for row in try rows() {
            for name in quoted(row.code, by: "`") where !isFile(name, in: paths) && !isDeclared(name, declared) {
                offences.append("\(Self.article):\(row.line): `\(name)` is not in Sources")
            }
        }
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
    }

    @Test func `all tests that the table names are there`() throws {
        let files = try swiftFiles(below: "Tests")
        let declared = declaredNames(in: files)
        let paths = files.map(\.path)
        let hostile = files.filter { $0.module == "HostileTests" }
        let scenarios = try FileManager.default.contentsOfDirectory(
            atPath: packageFolder.appending(path: "Tests/ForwardingTests/Scenarios").path)
        let wrongFiles = try FileManager.default.contentsOfDirectory(
            atPath: packageFolder.appending(path: "Tests/InventoryFileTests/Wrong").path)
        var offences: [String] = []
        for row in try rows() {
            for name in quoted(row.test, by: "`") where !wrongFiles.contains("\(name).yaml") {
                let isScenario =
                    name.hasSuffix("…")
                    ? scenarios.contains { $0.hasPrefix(name.dropLast()) } : scenarios.contains("\(name).scenario")
                if !isScenario, !isFile(name, in: paths), !isDeclared(name, declared) {
                    offences.append("\(Self.article):\(row.line): `\(name)` is not in Tests")
                }
            }
            for name in quoted(row.test, by: "*") where !isHostileRow(name, declaredNames(in: hostile), hostile) {
                offences.append("\(Self.article):\(row.line): *\(name)* is not in HostileTests")
            }
        }
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
    }

    /// The texts between two marks.
    private func quoted(_ text: Substring, by mark: Character) -> [String] {
        text.split(separator: mark, omittingEmptySubsequences: false).enumerated().compactMap { index, part in
            index % 2 == 1 ? String(part) : nil
        }
    }

    /// True for `Folder/File`, `File`, and the name of a folder of tests.
    private func isFile(_ name: String, in paths: [String]) -> Bool {
        paths.contains { "/\($0)".hasSuffix("/\(name).swift") || $0.contains("/\(name)/") }
    }

    /// True for `name`, `Type.member` and `function(of:_:)` where each part is declared.
    private func isDeclared(_ name: String, _ declared: Set<Substring>) -> Bool {
        name.prefix { $0 != "(" }.split(separator: ".").allSatisfy { $0 == "init" || declared.contains($0) }
    }

    /// True for a list of rows, and for the beginning of a row's name.
    private func isHostileRow(_ name: String, _ declared: Set<Substring>, _ files: [SourceFile]) -> Bool {
        if declared.contains(name[...]) { return true }
        // A row's name may be made of a text and a number.
        let words = name.prefix { !$0.isNumber }
        return files.contains { file in file.lines.contains { $0.contains("\"\(words)") } }
    }
}
