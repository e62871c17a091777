import Inventory

/// What libyaml's message `problem` means to somebody who writes a configuration.
///
/// - Parameters:
///   - character: What stands at the place of the problem.
///   - began: Where the construct began that was not finished.
func plainWords(for problem: String, at character: Unicode.Scalar?, began: Mark?) -> String {
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
