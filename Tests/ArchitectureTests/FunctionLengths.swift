/// A function with a body.
struct MeasuredFunction {
    let name: String
    /// The line of `func`, `init`, `deinit` or `subscript`, from 1.
    let line: Int
    /// From that line to the closing brace.
    let length: Int
    let parameters: Int

    /// True for an initializer that sets a property of the same name to each parameter.
    let isMemberwise: Bool
}

/// Finds the functions of `file` by matching braces.
func functions(of file: SourceFile) -> [MeasuredFunction] {
    var found: [MeasuredFunction] = []
    for (number, line) in file.code.enumerated() {
        guard let name = functionName(in: line), let end = bodyEnd(in: file.code, from: number) else {
            continue
        }
        let parameters = parameters(in: file.code, from: number)
        let body = file.code[number...end].joined(separator: "\n")
        found.append(
            MeasuredFunction(
                name: name, line: number + 1, length: end - number + 1, parameters: parameters.count,
                isMemberwise: name == "init" && parameters.allSatisfy { body.contains("self.\($0) = ") }))
    }
    return found
}

/// How many functions each type of `file` has there, in its declaration or an extension.
///
/// The form of the files is fixed: a type that stands in no other begins and ends in the first column, and its own
/// functions are indented by four spaces.
func functionCounts(of file: SourceFile) -> [String: Int] {
    var counts: [String: Int] = [:]
    var type: String?
    for line in file.code {
        if let first = line.first, first != " " {
            type = first == "}" ? nil : typeName(in: line) ?? type
        } else if let type, line.hasPrefix("    "), !line.hasPrefix("     "), let name = functionName(in: line),
            name != "init", name != "deinit"
        {
            counts[type, default: 0] += 1
        }
    }
    return counts
}

/// The type that is declared or extended on this line.
private func typeName(in line: Substring) -> String? {
    let words = line.split(whereSeparator: { $0 == " " || $0 == ":" || $0 == "<" || $0 == "{" })
    guard let keyword = words.firstIndex(where: { typeKeywords.contains($0) }), keyword + 1 < words.count else {
        return nil
    }
    return String(words[keyword + 1])
}

private let typeKeywords: Set<Substring> = ["struct", "class", "enum", "actor", "protocol", "extension"]

/// The name of the function that is declared on this line, which holds code alone.
private func functionName(in line: Substring) -> String? {
    let words = line.split(whereSeparator: { $0 == " " })
    if let keyword = words.firstIndex(of: "func"), keyword + 1 < words.count {
        return String(words[keyword + 1].prefix { $0 != "(" && $0 != "<" })
    }
    for word in words {
        if word.hasPrefix("init(") || word.hasPrefix("init?(") || word.hasPrefix("init<") { return "init" }
        if word == "deinit" { return "deinit" }
        if word.hasPrefix("subscript(") { return "subscript" }
        guard modifiers.contains(String(word)) || word.hasPrefix("@") else { return nil }
    }
    return nil
}

private let modifiers: Set<String> = [
    "package", "public", "private", "fileprivate", "internal", "static", "convenience", "required",
    "override",
    "consuming", "borrowing", "mutating", "nonisolated", "isolated",
]

/// The names by which the body of the function that begins on the line `first` knows its parameters.
private func parameters(in code: [Substring], from first: Int) -> [String] {
    var names: [String] = []
    var word = ""
    var depth = 0
    for line in code[first...] {
        for character in line {
            switch character {
            case "(", "[":
                depth += 1
                if depth == 1 { word = "" }
            case ")", "]":
                depth -= 1
                if depth == 0 { return names }
            case ":" where depth == 1:
                names.append(word.split(separator: " ").last.map(String.init) ?? "")
            case "," where depth == 1: word = ""
            default: word.append(character)
            }
        }
        word.append(" ")
        if depth == 0, line.contains("{") { return names }
    }
    return names
}

/// The line with the closing brace of the body that starts at or after `first`; nil for a requirement of a protocol.
private func bodyEnd(in code: [Substring], from first: Int) -> Int? {
    var parentheses = 0
    var braces = 0
    for number in first..<code.count {
        // A requirement ends with its line: the next declaration or the protocol's brace follows.
        if number > first, braces == 0, parentheses == 0, startsDeclaration(code[number]) { return nil }
        for character in code[number] {
            switch character {
            case "(", "[": if braces == 0 { parentheses += 1 }
            case ")", "]": if braces == 0 { parentheses -= 1 }
            case "{": if parentheses == 0 { braces += 1 }
            case "}":
                guard parentheses == 0 else { continue }
                guard braces > 0 else { return nil }
                braces -= 1
                if braces == 0 { return number }
            default: break
            }
        }
    }
    return nil
}

private func startsDeclaration(_ line: Substring) -> Bool {
    guard let word = line.split(whereSeparator: { $0 == " " }).first else { return true }
    return modifiers.contains(String(word))
        || ["func", "var", "let", "init(", "case"].contains { word.hasPrefix($0) }
}
