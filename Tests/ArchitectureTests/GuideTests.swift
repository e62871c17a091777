import Foundation
import Testing

/// CONTRIBUTING.md and the essays of modules against the repository: every file, folder, name and command in them exists.
@Suite struct GuideTests {
    /// The guides; essays are the pages that DocC gives to modules.
    private static let guides = ["CONTRIBUTING.md", "README.md"]

    /// Names of Foundation, which the decisions compare with.
    private static let foreignNames: Set<String> = ["JSONDecoder", "JSONSerialization"]

    @Test func `every path in a guide exists`() throws {
        let files = try Self.allFiles()
        for (guide, line, text) in try Self.quotations() where Self.isPath(text) {
            let isThere = Self.exists(text, in: files)
            #expect(isThere, "\(guide):\(line): `\(text)` does not exist")
        }
    }

    @Test func `every name in the contributors' guide is declared`() throws {
        let declared = declaredNames(in: try swiftFiles(below: "Sources") + swiftFiles(below: "Tests"))
        let folders = Set(try Self.allFiles().flatMap { $0.split(separator: "/").map(String.init) })
        for (guide, line, text) in try Self.quotations() where guide == "CONTRIBUTING.md" && Self.isName(text) {
            let isKnown = declared.contains(text[...]) || folders.contains(text) || Self.foreignNames.contains(text)
            #expect(isKnown, "\(guide):\(line): `\(text)` is not declared")
        }
    }

    @Test func `every make command in a guide is a target`() throws {
        let makefile = try String(contentsOf: packageFolder.appending(path: "Makefile"), encoding: .utf8)
        for guide in Self.guides {
            for (number, line) in try Self.lines(of: guide).enumerated() {
                for target in line.matches(of: /(?:^|`)make ([a-z-]+)/).map(\.1) {
                    #expect(makefile.contains("\n\(target):"), "\(guide):\(number + 1): make \(target) is no target")
                }
            }
        }
    }

    @Test func `a unit that is restarted always is never given up`() throws {
        let folder = packageFolder.appending(path: "systemd").path
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) where name.hasSuffix(".service") {
            let lines = try Self.lines(of: "systemd/" + name)
            // Otherwise systemd starts it five times in ten seconds, and never again.
            let isKept = !lines.contains("Restart=always") || lines.contains("StartLimitIntervalSec=0")
            #expect(isKept, "\(name)")
        }
    }

    /// All texts between back quotes, outside of blocks of code.
    private static func quotations() throws -> [(guide: String, line: Int, text: String)] {
        var found: [(String, Int, String)] = []
        for guide in guides {
            var isCode = false
            for (number, line) in try lines(of: guide).enumerated() {
                if line.hasPrefix("```") { isCode.toggle() }
                guard !isCode else { continue }
                let parts = line.split(separator: "`", omittingEmptySubsequences: false)
                for (index, part) in parts.enumerated() where index % 2 == 1 {
                    found.append((guide, number + 1, String(part)))
                }
            }
        }
        return found
    }

    private static func lines(of guide: String) throws -> [Substring] {
        try String(contentsOf: packageFolder.appending(path: guide), encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// True for a path in the repository, as in `Core/DNSWire/ClientQuery.swift` or `Tests/InventoryFileTests/Wrong`.
    private static func isPath(_ text: String) -> Bool {
        let roots = ["Sources", "Tests", "Core", "Linux", "App", "config", "docs", "systemd"]
        if let first = text.split(separator: "/").first, text.contains("/"), roots.contains(String(first)) { return true }
        return text.hasSuffix(".swift") || text.hasSuffix(".md")
    }

    /// True for a type, a module or a function whose name has several words.
    private static func isName(_ text: String) -> Bool {
        text.wholeMatch(of: /[A-Z][A-Za-z]*[a-z][A-Za-z]*|[a-z]+[A-Z][A-Za-z]*/) != nil
    }

    /// True for the path of a file or folder, from the root or from Sources, or the end of one; `*` stands for any text.
    private static func exists(_ path: String, in files: Set<String>) -> Bool {
        let pattern = path.split(separator: "*", omittingEmptySubsequences: false).map(String.init)
        let plain = path.hasSuffix("/") ? String(path.dropLast()) : path
        return files.contains { file in
            let name = "/" + file
            guard pattern.count > 1 else { return name.hasSuffix("/" + plain) || name.contains("/\(plain)/") }
            guard let start = name.range(of: "/" + pattern[0]) else { return false }
            return name[start.upperBound...].hasSuffix(pattern[pattern.count - 1])
        }
    }

    /// The paths of all files of the repository that are not built.
    private static func allFiles() throws -> Set<String> {
        var found: Set<String> = []
        for folder in ["Sources", "Tests", "config", "docs", "systemd"] {
            let root = packageFolder.appending(path: folder).path
            for file in FileManager.default.enumerator(atPath: root) ?? .init() {
                if let file = file as? String { found.insert("\(folder)/\(file)") }
            }
        }
        for file in try FileManager.default.contentsOfDirectory(atPath: packageFolder.path) { found.insert(file) }
        return found
    }
}
