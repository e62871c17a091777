import IPAddressing
import Inventory

/// Where libyaml stopped, and why, in words for the author of a configuration.
struct YAMLMistake {
    /// libyaml's text.
    let problem: String

    /// Where libyaml stopped.
    let mark: Mark

    /// The start of the construct that was not finished.
    let began: Mark?

    /// The whole text that was read.
    let text: String

    /// The mistake in words for people.
    var error: YAMLError {
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map {
            String(Substring($0))
        }
        let line = lines.indices.contains(mark.line - 1) ? lines[mark.line - 1] : ""
        if let address = Self.unquotedAddress(in: line) {
            return YAMLError(
                mark: Mark(line: mark.line, column: address.column),
                message: "found \(address.text) without quotation marks: YAML takes its brackets and colons"
                    + " for lists and keys; expected '\"\(address.text)\"'")
        }
        let character = line.unicodeScalars.dropFirst(mark.column - 1).first
        return YAMLError(mark: place, message: plainWords(for: problem, at: character, began: began))
    }

    /// The mark, but not after the text's last line that is not empty; for a line that was read as a key, its
    /// own place.
    private var place: Mark {
        if problem == "could not find expected ':'", let began { return began }
        var end = Mark(line: 1, column: 1)
        var last = end
        for scalar in text.unicodeScalars {
            if scalar == "\n" {
                end = Mark(line: end.line + 1, column: 1)
            } else {
                end.column += 1
                if !scalar.properties.isWhitespace { last = end }
            }
        }
        return min(mark, last)
    }

    /// The first IPv6 address, with or without a port, outside of quotation marks where YAML reads something
    /// else: it begins with a bracket that is not closed after it, or with a colon.
    static func unquotedAddress(in line: String) -> (text: String, column: Int)? {
        var quote: Character?
        var index = line.startIndex
        while index < line.endIndex {  // advances by at least one character
            let character = line[index]
            if character == "#", quote == nil { return nil }
            if character == quote {
                quote = nil
            } else if quote == nil, character == "\"" || character == "'" {
                quote = character
            } else if quote == nil, let length = addressLength(line[index...]) {
                let text = String(line[index...].prefix(length))
                return (text, line.distance(from: line.startIndex, to: index) + 1)
            }
            index = line.index(after: index)
        }
        return nil
    }

    /// The length of `[ADDRESS]:PORT`, or of `::ADDRESS`, that `text` begins with; nil if there is none.
    private static func addressLength(_ text: Substring) -> Int? {
        func isPart(_ character: Character) -> Bool { character.isHexDigit || ":.".contains(character) }
        if text.first == "[" {
            let address = text.dropFirst().prefix(while: isPart)
            let rest = text.dropFirst(address.count + 1)
            let port = rest.dropFirst(2).prefix(while: \.isNumber)
            guard rest.hasPrefix("]:"), !port.isEmpty, IPAddress(address)?.family == .v6 else { return nil }
            return address.count + 3 + port.count
        }
        guard text.hasPrefix("::") else { return nil }
        return text.prefix(while: isPart).count
    }
}

/// Translates libyaml's message `problem` for the author of a configuration.
///
/// - Parameters:
///   - character: The character at the place of the problem.
///   - began: The start of the construct that was not finished.
private func plainWords(for problem: String, at character: Unicode.Scalar?, began: Mark?) -> String {
    let since = began.map { " that began at line \($0.line), column \($0.column)" } ?? ""
    switch problem {
    case "found character that cannot start any token":
        guard let character, character != "\t" else {
            return "found a tab in the indentation, expected spaces"
        }
        return
            "found \(quoted(String(character))), which cannot begin a value, expected quotes around the value"
    case "found a tab character that violates indentation",
        "found a tab character where an indentation space is expected":
        return "found a tab in the indentation, expected spaces"
    case "mapping values are not allowed in this context":
        return
            "found a \":\" where no key can stand, expected the indentation of the lines around it, or"
            + " quotes around a value with a colon"
    case "could not find expected ':'":
        return "found a line that is neither a key nor part of a value, expected \"key: value\""
    case "did not find expected key", "did not find expected '-' indicator":
        return "found something that does not belong to the block\(since), expected the same indentation as"
            + " the lines before"
    case "did not find expected ',' or ']'":
        return "found no \",\" or \"]\" in the list\(since)"
    case "did not find expected ',' or '}'":
        return "found no \",\" or \"}\" in the mapping\(since)"
    case "found unexpected end of stream":
        return "found the end of the file inside the quotes\(since), expected the closing quote"
    case "found unexpected document indicator":
        return "found \"---\" or \"...\" inside the quotes\(since), expected the closing quote"
    case "found unknown escape character", "did not find expected hexdecimal number",
        "found invalid Unicode character escape code":
        return
            "found a backslash with a wrong character after it in the quotes\(since), expected \"\\\\\" for"
            + " a backslash"
    case "block sequence entries are not allowed in this context":
        return "found a \"-\" where no list entry can stand, expected a line of its own for it"
    case "mapping keys are not allowed in this context":
        return "found a \"?\" where no key can stand, expected \"key: value\""
    case "did not find expected node content":
        return "found nothing where a value must stand in what began\(since.dropFirst(" that began".count))"
    case "found undefined tag handle":
        return "found a tag (\"!\"), expected a plain value: quote it if it begins with \"!\""
    case "did not find expected <document start>":
        return "found text after the end of the settings, expected the end of the file"
    default:
        return "not readable as YAML: \(problem)"
    }
}
