import Foundation
import Testing

/// The rules that hold for every file, each offence with its file and line.
@Suite struct ArchitectureTests {
    @Test func `imports go down the layers only`() throws {
        var offences: [String] = []
        for file in try swiftFiles(below: "Sources") {
            for (imported, line) in file.imports {
                let objection = LayerTable.objection(to: imported, in: file.module, layer: file.layer)
                if let objection { offences.append("\(file.path):\(line): import \(imported): \(objection)") }
            }
        }
        expectNone(offences)
    }

    @Test func `the table of imports points down, and at modules that it has`() {
        let edges = LayerTable.imports.flatMap { module, imported in imported.map { (module, $0) } }
        let strangers = edges.filter { !LayerTable.all.contains($0.1) }
        expectNone(strangers.map { "LayerTable: \($0.0) may import \($0.1), which is no module" }.sorted())
        let upward = edges.compactMap { LayerTable.objection(to: $0.1, in: $0.0, layer: "Linux") }
        expectNone(upward.map { "LayerTable: \($0)" }.sorted())
    }

    @Test func `every module is in the layer of its folder`() throws {
        for (layer, modules) in [
            ("Core", LayerTable.core.map(\.key)), ("Linux", LayerTable.linux.map(\.key)), ("App", LayerTable.app),
        ] {
            let path = packageFolder.appending(path: "Sources/\(layer)").path
            let folders = try FileManager.default.contentsOfDirectory(atPath: path)
            let strangers = Set(folders).subtracting(modules).sorted()
            expectNone(strangers.map { "Sources/\(layer)/\($0): is missing in LayerTable" })
            let missing = Set(modules).subtracting(folders).sorted()
            expectNone(missing.map { "LayerTable: there is no Sources/\(layer)/\($0)" })
        }
    }

    /// What always travels together is a type. The initializer of a value may take each of its properties.
    @Test func `functions of Core have at most five parameters`() throws {
        var offences: [String] = []
        for file in try swiftFiles(below: "Sources/Core") {
            for function in functions(of: file) where function.parameters > 5 && !function.isMemberwise {
                let known = [file.module, "\(file.module).\(function.name)"]
                if known.allSatisfy({ Exceptions.parameters[$0] == nil }) {
                    offences.append(
                        "\(file.path):\(function.line): \(function.name) has \(function.parameters) parameters, 5 are allowed")
                }
            }
        }
        expectNone(offences)
    }

    @Test func `a type has at most five files`() throws {
        var files: [String: Int] = [:]
        for file in try swiftFiles(below: "Sources") {
            guard let type = file.typeName else { continue }
            files["\(file.module).\(type)", default: 0] += 1
        }
        let large = files.filter { $0.value > 5 && Exceptions.files[$0.key] == nil }
        expectNone(large.map { "\($0.key) has \($0.value) files, 5 are allowed" }.sorted())
    }

    /// More are several types, or an object that does everything. Initialisers do not count.
    @Test func `a type has at most 45 functions`() throws {
        var counts: [String: Int] = [:]
        for file in try swiftFiles(below: "Sources") {
            for (type, count) in functionCounts(of: file) { counts["\(file.module).\(type)", default: 0] += count }
        }
        #expect((counts["Forwarding.ForwardingEngine"] ?? 0) > 0, "functions of extensions are found")
        let offences = counts.filter { $0.value > 45 && Exceptions.functions[$0.key] == nil }
        expectNone(offences.map { "\($0.key): \($0.value) functions" }.sorted())
        expectNone(Exceptions.functions.keys.filter { (counts[$0] ?? 0) <= 45 }.map { "\($0): needs no exception" })
    }

    @Test(arguments: [
        ("fatalError(", "a failure is an error, not the end of the process"),
        ("try!", "an error is handled"),
        ("as!", "a cast is checked"),
        ("unsafeBitCast(", "a value keeps its type"),
    ])
    func `Sources contain no call that ends the process`(word: String, reason: String) throws {
        expectNone(try uses(of: word, in: swiftFiles(below: "Sources")).map { "\($0): \(word): \(reason)" })
    }

    @Test(arguments: [
        "ContinuousClock", "SuspendingClock", "SystemRandomNumberGenerator", ".random(", ".randomElement(",
        ".shuffled()", "print(", "readLine(", "CommandLine", "Task {", "Task.sleep",
    ])
    func `Core does no input or output`(word: String) throws {
        let files = try swiftFiles(below: "Sources/Core")
        expectNone(try uses(of: word, in: files).map { "\($0): \(word) is not for Core" })
    }

    @Test(arguments: ["Swift.print(", "debugPrint(", "dump(", "fputs(", "puts(", "STDERR_FILENO", "STDOUT_FILENO"])
    func `commands print through functions that escape`(word: String) throws {
        let files = try swiftFiles(below: "Sources/App").filter { file in
            // They ask for the window's size, and write the log's own escapes.
            !file.path.hasSuffix("/Printing.swift") && !(word == "STDOUT_FILENO" && file.path.hasSuffix("/Status.swift"))
        }
        expectNone(try uses(of: word, in: files).map { "\($0): \(word): text is printed by print or printError" })
    }

    /// Tests have wider rows: a table's row and its reason stay on one line.
    @Test(arguments: [("Sources", 110), ("Tests", 130)])
    func `files lines and functions keep to their budgets`(folder: String, columns: Int) throws {
        var offences: [String] = []
        for file in try swiftFiles(below: folder) {
            let count = file.lines.last?.isEmpty == true ? file.lines.count - 1 : file.lines.count
            if count > 500 { offences.append("\(file.path):1: \(count) lines, 500 are allowed") }
            for (number, line) in file.lines.enumerated() where line.count > columns {
                if file.literalLines.contains(number) { continue }
                offences.append("\(file.path):\(number + 1): \(line.count) columns, \(columns) are allowed")
            }
            for function in functions(of: file) where function.length > 60 {
                offences.append(
                    "\(file.path):\(function.line): \(function.name) has \(function.length) lines, 60 are allowed"
                )
            }
        }
        expectNone(offences)
    }

    /// A reader sees first what a file is about; tables and stand-ins follow.
    @Test func `the first test of a file stands within its first 60 lines`() throws {
        let offences = try swiftFiles(below: "Tests").compactMap { file -> String? in
            let first = file.lines.firstIndex { $0.drop(while: { $0 == " " }).hasPrefix("@Test") }
            guard let first, first >= 60 else { return nil }
            return "\(file.path):\(first + 1): the first test"
        }
        expectNone(offences)
    }

    @Test func `half of the files have at most 200 lines`() throws {
        let counts = try swiftFiles(below: "Sources").map(\.lines.count).sorted()
        #expect(counts[counts.count / 2] <= 200)
    }

    @Test func `no product of a build is tracked`() throws {
        let git = Process()
        git.executableURL = URL(filePath: "/usr/bin/env")
        git.arguments = ["git", "-C", packageFolder.path, "ls-files"]
        let output = Pipe()
        git.standardOutput = output
        git.standardError = FileHandle.nullDevice
        try git.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        git.waitUntilExit()
        // An unpacked archive of the sources has no list of what is tracked, nor anything to track.
        guard git.terminationStatus == 0 else { return }
        let products = text.split(separator: "\n").filter { path in
            path.hasPrefix(".build") || path.contains("/.build") || path.hasSuffix(".o")
                || path.hasSuffix(".swp")
                || path.hasSuffix("Package.resolved")
        }
        expectNone(products.map { "\($0): is tracked" })
    }

    /// `path:line` of each line whose code holds `word`.
    private func uses(of word: String, in files: [SourceFile]) throws -> [String] {
        files.flatMap { file in
            file.code.enumerated().filter { $0.element.contains(word) }.map {
                "\(file.path):\($0.offset + 1)"
            }
        }
    }

    /// Fails with all offences at once, one a line.
    private func expectNone(_ offences: [String]) {
        #expect(offences.isEmpty, "\n\(offences.joined(separator: "\n"))")
    }
}
