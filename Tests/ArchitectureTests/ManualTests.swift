import Foundation
import Testing

/// The manual pages against mandoc and against the command line that they describe.
@Suite struct ManualTests {
    @Test func `mandoc finds no fault in the pages`() throws {
        guard let mandoc = find("mandoc") else { return }  // the set-up of `make test` installs it
        let folder = packageFolder.appending(path: "config/man")
        for page in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() {
            let lint = Process()
            lint.executableURL = mandoc
            lint.arguments = ["-T", "lint", "-W", "warning", folder.appending(path: page).path]
            let output = Pipe()
            lint.standardOutput = output
            try lint.run()
            let faults = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            lint.waitUntilExit()
            // Pages of other packages may be missing on this host.
            let own = faults.split(separator: "\n").filter { !$0.contains("referenced manual not found") }
            #expect(own.isEmpty, "\(own.joined(separator: "\n"))")
        }
    }

    @Test func `every option and command of the program is in a manual page`() throws {
        let folder = packageFolder.appending(path: "config/man")
        let page = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".8") }
            .map { try String(contentsOf: folder.appending(path: $0), encoding: .utf8) }
            .joined(separator: "\n")
        for file in try swiftFiles(below: "Sources/App") {
            for (number, line) in file.code.enumerated() where line.contains("@Option(") || line.contains("@Flag(") {
                guard let name = optionName(in: file.code, after: number) else { continue }
                let stands = page.contains("Fl Fl \(name)")
                #expect(stands, "\(file.path):\(number + 1): --\(name) is in no page")
            }
            guard file.path.contains("/Commands/") else { continue }
            let command = hyphenated(file.path.split(separator: "/").last?.dropLast(6) ?? "")
            let stands = page.contains(".It Cm \(command)")
            #expect(stands, "\(file.path):1: \(command) is in no page")
        }
    }

    @Test func `the page of net has each of its commands that are shown, and no other`() throws {
        let files = try swiftFiles(below: "Sources/App")
        // Literals are blank in `code`.
        let definitions = files.map { $0.lines.joined(separator: "\n") }
        let text = try #require(definitions.first { $0.contains("struct Net: ParsableCommand") })
        let list = try #require(text.split(separator: "subcommands: [").last?.prefix { $0 != "]" })
        let types = list.split { !$0.isLetter && $0 != "." }.filter { $0.hasSuffix(".self") }.map { $0.dropLast(5) }
        var shown: Set<String> = []
        for type in types {
            let whole = try #require(definitions.first { $0.contains("struct \(type): ParsableCommand") }, "\(type)")
            let body = try #require(whole.components(separatedBy: "struct \(type): ParsableCommand").last)
            let head = try #require(body.components(separatedBy: "\n}").first?.components(separatedBy: "@").first)
            guard !head.contains("shouldDisplay: false") else { continue }
            let name = try #require(head.components(separatedBy: "commandName: \"").dropFirst().first, "\(type)")
            shown.insert(String(name.prefix { $0 != "\"" }))
        }
        let page = try String(contentsOf: packageFolder.appending(path: "config/man/namebridge-net.8"), encoding: .utf8)
        let described = page.split(separator: "\n").filter { $0.hasPrefix(".It Cm ") }.map {
            String($0.dropFirst(7).prefix { $0 != " " })
        }
        #expect(shown.count > 8 && shown.subtracting(described).isEmpty, "not in the page: \(shown.subtracting(described))")
        let synopsis = try #require(page.components(separatedBy: ".Sh DESCRIPTION").first)
        for name in shown.sorted() {
            let lines = synopsis.split(separator: "\n")
            #expect(lines.contains { $0 == ".Cm \(name)" || $0.hasPrefix(".Cm \(name) ") }, "\(name) is not in the synopsis")
        }
        let commands = page.components(separatedBy: ".Sh DESCRIPTION").last?.components(separatedBy: "\n.El").first ?? ""
        for line in commands.split(separator: "\n") where line.hasPrefix(".It Cm ") {
            let name = String(line.dropFirst(7).prefix { $0 != " " })
            #expect(shown.contains(name), "the page describes \(name), which net does not have")
        }
    }

    /// The long name of the option whose attribute is at line `start`: its variable's, with hyphens.
    private func optionName(in code: [Substring], after start: Int) -> String? {
        guard let line = code[start...].first(where: { $0.contains("var ") }),
            let variable = line.split(separator: "var ").last?.prefix(while: { $0.isLetter })
        else { return nil }
        return hyphenated(variable)
    }

    /// `WhoHas` and `whoHas` as `who-has`.
    private func hyphenated(_ name: Substring) -> String {
        let words = name.map { $0.isUppercase ? "-" + $0.lowercased() : String($0) }.joined()
        return words.hasPrefix("-") ? String(words.dropFirst()) : words
    }

    /// The program `name` on PATH.
    private func find(_ name: String) -> URL? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return folders.map { URL(filePath: "\($0)/\(name)") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    }
}
