import ArgumentParser
import Foundation
import Inventory
import InventoryFile
import Testing

@testable import namebridge

/// What stands in the guides for a reader to copy: commands are parsed, files are checked, links lead to something.
@Suite struct GuideBlockTests {
    @Test func `every block says what it is`() throws {
        for block in try Guide.all.flatMap(\.blocks) {
            #expect(["sh", "yaml", "text", "console"].contains(block.language), "\(block.place): \(block.language)")
        }
    }

    @Test func `every command is understood`() throws {
        for block in try Guide.all.flatMap(\.blocks) where block.language == "sh" {
            for line in block.text.split(separator: "\n") {
                let objection = try Guide.objection(to: ShellLine(line))
                #expect(objection == nil, "\(block.place): \(line): \(objection ?? "")")
            }
        }
    }

    @Test func `every command of a session and of a sentence is understood`() throws {
        for guide in try Guide.all {
            let sessions = guide.blocks.filter { $0.language == "console" }.flatMap { $0.text.split(separator: "\n") }
                .filter { $0.hasPrefix("$ ") }.map { $0.dropFirst(2) }
            let prose = guide.prose.replacingOccurrences(of: "\n", with: " ")
            let spans = prose.matches(of: /`((?:sudo )?namebridge [^`]+)`/).map { $0.1 }
            for line in sessions + spans where !line.contains(/[A-Z\[]{2}|\[/) {
                let objection = try Guide.objection(to: ShellLine(line)) ?? ""
                // A sentence may name a command alone.
                let isShort = ["Missing expected", "no name to ask"].contains { objection.contains($0) }
                #expect(objection.isEmpty || isShort, "\(guide.path): \(line): \(objection)")
            }
        }
    }

    @Test func `every example of the help is understood, and fits into 80 columns`() throws {
        var commands: [any ParsableCommand.Type] = [Namebridge.self]
        var count = 0
        while let command = commands.popLast() {  // ends: each command is taken once
            commands += command.configuration.subcommands
            let lines = command.configuration.discussion.split(separator: "\n")
            for line in lines.drop(while: { !$0.hasPrefix("Example") }).dropFirst() {
                count += 1
                #expect(line.count <= 80, "\(line)")
                // "ssh HOST" may stand before it, and a description behind several spaces.
                guard let start = line.firstRange(of: "namebridge")?.lowerBound else { continue }
                let example = line[start...]
                let end = example.firstRange(of: "  ")?.lowerBound ?? example.endIndex
                let objection = try Guide.objection(to: ShellLine(example[..<end]))
                #expect(objection == nil, "\(line): \(objection ?? "")")
            }
        }
        #expect(count > 40)
    }

    /// Parts of files stand below two clusters.
    private static let clusters = """
        clusters:
          prod:
            dns: 10.96.0.10
            pods: 10.244.0.0/16
            services: 10.96.0.0/16
            hosts: { relay1: { address: 172.18.14.60 }, relay2: { address: 172.18.14.61 } }
          staging:
            dns: 10.97.0.10
            pods: 10.245.0.0/16
            services: 10.97.0.0/16
            hosts: { relay2: { address: 172.18.14.61 } }

        """

    @Test func `every configuration passes the check`() throws {
        for block in try Guide.all.flatMap(\.blocks) where block.language == "yaml" && block.purpose != "values" {
            let text = block.purpose == "with-clusters" ? Self.clusters + block.text : block.text
            let problems = InventoryFile.read(Array(text.utf8), name: block.place).problems
            #expect(problems.filter { $0.severity == .error }.map(\.description) == [])
        }
    }

    @Test func `every setting of the chart in a guide is one of its values`() throws {
        let values = try Guide.text("config/helm/namebridge/values.yaml").split(separator: "\n")
        for block in try Guide.all.flatMap(\.blocks) where block.purpose == "values" {
            for line in block.text.split(separator: "\n") where line.first?.isLetter == true {
                let key = line.prefix { $0 != ":" }
                #expect(values.contains { $0.hasPrefix(key + ":") }, "\(block.place): \(key)")
            }
        }
    }

    @Test func `every link leads to a file`() throws {
        for guide in try Guide.all {
            let folder = guide.path.contains("/") ? "docs/" : ""
            for link in guide.prose.matches(of: /\]\(([^)#]+)/).map({ String($0.1) }) where !link.contains("://") {
                #expect(Guide.exists(folder + link), "\(guide.path): \(link)")
            }
        }
    }

    @Test func `every guide is in the list of guides`() throws {
        let index = try Guide.text("docs/index.md")
        for guide in try Guide.all where guide.path.hasPrefix("docs/") && guide.path != "docs/index.md" {
            #expect(index.contains("](\(guide.path.dropFirst(5)))"), "\(guide.path)")
        }
    }

    @Test func `the Chinese README has the same headings, blocks and links`() throws {
        let guides = try Guide.all
        let english = try #require(guides.first { $0.path == "README.md" })
        let chinese = try #require(guides.first { $0.path == "README.zh-CN.md" })
        #expect(english.headingLevels == chinese.headingLevels)
        #expect(english.blocks.map(\.text) == chinese.blocks.map(\.text))
        #expect(english.blocks.map(\.language) == chinese.blocks.map(\.language))
        let links = { (guide: Guide) in guide.prose.matches(of: /\]\((docs[^)]+)/).map { String($0.1) } }
        #expect(links(english) == links(chinese))
    }

    @Test func `the README is short`() throws {
        #expect(try Guide.text("README.md").split(separator: "\n", omittingEmptySubsequences: false).count <= 150)
    }
}

/// A page for users.
struct Guide {
    let path: String
    /// The text outside of blocks.
    private(set) var prose = ""
    private(set) var blocks: [Block] = []

    /// Text between fences.
    struct Block {
        let place: String
        let language: String
        /// The word after the language.
        let purpose: String
        var text = ""
    }

    static var all: [Guide] {
        get throws {
            let folder = Program.package.appending(path: "docs").path
            let pages = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".md") }
            return try (["README.md", "README.zh-CN.md"] + pages.sorted().map { "docs/" + $0 }).map { try Guide($0) }
        }
    }

    private init(_ path: String) throws {
        self.path = path
        var isCode = false
        let lines = try Self.text(path).split(separator: "\n", omittingEmptySubsequences: false)
        for (number, line) in lines.enumerated() {
            if line.hasPrefix("```") {
                isCode.toggle()
                let words = line.dropFirst(3).split(separator: " ").map(String.init)
                guard isCode else { continue }
                let purpose = words.dropFirst().first ?? ""
                blocks.append(Block(place: "\(path):\(number + 1)", language: words.first ?? "", purpose: purpose))
            } else if isCode {
                blocks[blocks.count - 1].text += line + "\n"
            } else {
                prose += line + "\n"
            }
        }
    }

    var headingLevels: [Int] {
        prose.split(separator: "\n").filter { $0.hasPrefix("#") }.map { $0.prefix { $0 == "#" }.count }
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: Program.package.appending(path: path), encoding: .utf8)
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: Program.package.appending(path: path).path)
    }

    /// What is wrong with a command; nil if it is right.
    static func objection(to line: ShellLine) throws -> String? {
        guard let program = line.words.first else { return nil }
        let arguments = Array(line.words.dropFirst())
        switch program {
        case "namebridge": return objection(toNamebridge: arguments)
        case "make":
            let makefile = try text("Makefile")
            let targets = arguments.filter { !$0.contains("=") }
            return targets.first { !makefile.contains("\n\($0):") }.map { "make has no target \($0)" }
        case "ssh": return try objection(to: ShellLine(line.words.dropFirst(2).joined(separator: " ")[...]))
        case "systemctl":
            let units = arguments.filter { $0.hasPrefix("namebridge") }.map { $0.contains(".") ? $0 : $0 + ".service" }
            return units.first { !exists("systemd/" + $0) }.map { "there is no unit \($0)" }
        case let script where script.hasSuffix("/install.sh"):
            let text = try text("Sources/Support/Setup/install.sh")
            let options = arguments.filter { $0.hasPrefix("--") }
            return options.first { !text.contains($0) }.map { "install.sh knows no \($0)" }
        case "apt", "curl", "dig", "dnf", "docker", "helm", "ip", "kubectl", "podman", "skopeo", "tar":
            return arguments.first { $0.hasPrefix("config/") && !exists($0) }.map { "there is no \($0)" }
        default: return "\(program) is no command of a guide"
        }
    }

    private static func objection(toNamebridge arguments: [String]) -> String? {
        if arguments == ["--version"] { return nil }
        do {
            let command = try Namebridge.parseAsRoot(arguments)
            return command is Namebridge ? "there is no command" : nil
        } catch {
            return Namebridge.fullMessage(for: error)
        }
    }
}

/// A line of the shell, without what changes the user and the environment, up to the first pipe or redirection.
struct ShellLine {
    private(set) var words: [String] = []

    init(_ line: Substring) {
        var word = ""
        var (isWord, quote): (Bool, Character?) = (false, nil)
        var ended = false
        for character in line + " " where !ended {
            if let open = quote {
                if character == open { quote = nil } else { word.append(character) }
            } else if character == "'" || character == "\"" {
                (quote, isWord) = (character, true)
            } else if "|>&;".contains(character) || (character == "#" && !isWord) {
                ended = true
            } else if character == " " {
                if isWord { words.append(word) }
                (word, isWord) = ("", false)
            } else {
                word.append(character)
                isWord = true
            }
        }
        while let first = words.first, ["sudo", "env"].contains(first) || first.contains("=") || first.hasPrefix("-") {
            words.removeFirst(first == "-u" ? 2 : 1)
        }
    }
}
