import Foundation

/// A Swift file of this package, with its comments and string literals blanked for searching.
struct SourceFile {
    /// Relative to the package's folder, such as `Sources/Core/DNSWire/Question.swift`.
    let path: String
    /// The unchanged lines.
    let lines: [Substring]
    /// The lines with comments and the content of string literals replaced by spaces.
    let code: [Substring]
    /// The numbers (from 0) of lines inside a string literal of several lines.
    let literalLines: Set<Int>

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var blanker = CodeBlanker(text)
        blanker.run()
        code = String(decoding: blanker.code, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        literalLines = blanker.literalLines
    }

    /// `Core`, `Linux`, `App` or `Support`; `Tests` for tests.
    var layer: String {
        let parts = path.split(separator: "/")
        return parts[0] == "Sources" && parts.count > 1 ? String(parts[1]) : String(parts[0])
    }

    /// The folder that names the module.
    var module: String {
        let parts = path.split(separator: "/")
        guard parts.count > 2 else { return "" }
        return String(parts[0] == "Sources" ? parts[2] : parts[1])
    }

    /// The type that the file is of: `Type.swift`, or `Type+Topic.swift` for a part of it; nil if a file with such a
    /// name has no part of such a type.
    var typeName: String? {
        let name = (path.split(separator: "/").last ?? "").dropLast(6)
        let type = String(name.prefix { $0 != "+" })
        return type.count == name.count || code.contains { $0.contains("extension \(type)") } ? type : nil
    }

    /// The modules that the file imports, with their lines (from 1).
    var imports: [(module: String, line: Int)] {
        code.enumerated().compactMap { number, line in
            let words = line.split(whereSeparator: { $0 == " " })
            guard let keyword = words.firstIndex(of: "import"), keyword + 1 < words.count,
                words[..<keyword].allSatisfy({ $0 == "package" || $0 == "public" || $0.hasPrefix("@") })
            else { return nil }
            let named = words[(keyword + 1)...].first { !importKinds.contains($0) } ?? ""
            return (String(named.prefix { $0 != "." }), number + 1)
        }
    }
}

/// The words allowed between `import` and the module.
private let importKinds: Set<Substring> = [
    "struct", "class", "enum", "protocol", "typealias", "func", "let", "var",
]

// MARK: - The package's files

/// The folder that holds `Package.swift`.
let packageFolder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// Every Swift file below `folder`, `Sources`, `Tests` or deeper, in order of its path; each is read once.
func swiftFiles(below folder: String) throws -> [SourceFile] {
    let all = folder.hasPrefix("Tests") ? tests : sources
    return try all.get().filter { $0.path.hasPrefix(folder + "/") }
}

private let sources = Result { try readSwiftFiles(below: "Sources") }
private let tests = Result { try readSwiftFiles(below: "Tests") }

private func readSwiftFiles(below folder: String) throws -> [SourceFile] {
    let root = packageFolder.appending(path: folder)
    let walk = FileManager.default.enumerator(atPath: root.path) ?? FileManager.DirectoryEnumerator()
    return try walk.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.sorted().map {
        SourceFile(
            path: "\(folder)/\($0)", text: try String(contentsOf: root.appending(path: $0), encoding: .utf8))
    }
}

/// The names that these files declare.
func declaredNames(in files: [SourceFile]) -> Set<Substring> {
    let keywords: Set<Substring> = [
        "func", "var", "let", "case", "struct", "class", "enum", "protocol", "typealias",
    ]
    var names: Set<Substring> = []
    for line in files.flatMap(\.code) {
        let words = line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
        for (keyword, name) in zip(words, words.dropFirst()) where keywords.contains(keyword) {
            names.insert(name)
        }
    }
    return names
}

// MARK: - Blanking

/// Replaces comments and the content of string literals by spaces, keeping every line break.
private struct CodeBlanker {
    private let text: [UInt8]
    private(set) var code: [UInt8] = []
    private(set) var literalLines: Set<Int> = []
    private var position = 0
    private var line = 0

    init(_ text: String) {
        self.text = Array(text.utf8)
        code.reserveCapacity(self.text.count)
    }

    mutating func run() {
        while position < text.count {  // every branch takes at least one octet
            if starts("//") {
                while position < text.count, text[position] != newline { take(blank: true) }
            } else if starts("/*") {
                blankBlockComment()
            } else if let hashes = literalHashes() {
                blankLiteral(hashes: hashes)
            } else {
                take(blank: false)
            }
        }
    }

    private mutating func blankBlockComment() {
        var depth = 0
        repeat {
            if starts("/*") { depth += 1 } else if starts("*/") { depth -= 1 }
            take(blank: true)
            take(blank: true)
            while position < text.count, !starts("/*"), !starts("*/") { take(blank: true) }
        } while depth > 0 && position < text.count && !(depth == 1 && starts("*/"))
        take(blank: true)
        take(blank: true)
    }

    /// The number of `#` before the string literal that starts here; nil if none starts.
    private func literalHashes() -> Int? {
        guard text[position] == UInt8(ascii: "\"") || text[position] == UInt8(ascii: "#") else { return nil }
        var end = position
        while end < text.count, text[end] == UInt8(ascii: "#") { end += 1 }
        return end < text.count && text[end] == UInt8(ascii: "\"") ? end - position : nil
    }

    private mutating func blankLiteral(hashes: Int) {
        for _ in 0..<hashes { take(blank: true) }
        let quotes = starts("\"\"\"") ? "\"\"\"" : "\""
        let end = quotes + String(repeating: "#", count: hashes)
        let escape = "\\" + String(repeating: "#", count: hashes)
        let firstLine = line
        for _ in quotes.utf8 { take(blank: true) }
        while position < text.count, !starts(end) {
            if starts(escape + "(") {
                blankInterpolation(length: escape.utf8.count + 1)
            } else if starts(escape) {
                for _ in 0...escape.utf8.count { take(blank: true) }
            } else {
                take(blank: true)
            }
        }
        for _ in end.utf8 { take(blank: true) }
        if line > firstLine { literalLines.formUnion(firstLine...line) }
    }

    private mutating func blankInterpolation(length: Int) {
        for _ in 0..<length { take(blank: true) }
        var depth = 1
        while position < text.count, depth > 0 {
            if let hashes = literalHashes() {
                blankLiteral(hashes: hashes)
                continue
            }
            if text[position] == UInt8(ascii: "(") { depth += 1 }
            if text[position] == UInt8(ascii: ")") { depth -= 1 }
            take(blank: true)
        }
    }

    private func starts(_ word: String) -> Bool {
        guard position < text.count, text[position] == word.utf8.first else { return false }
        return text[position...].starts(with: word.utf8)
    }

    private mutating func take(blank: Bool) {
        guard position < text.count else { return }
        let octet = text[position]
        position += 1
        if octet == newline { line += 1 }
        code.append(blank && octet != newline ? UInt8(ascii: " ") : octet)
    }
}

private let newline = UInt8(ascii: "\n")
