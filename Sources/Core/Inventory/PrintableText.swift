extension String {
    /// The text on one line, safe for a terminal, a log or a comment: every character that controls a
    /// terminal or is invisible is escaped, as in `\u{1b}`, `\n` and `\t`.
    ///
    /// Everything that was read from a file, a socket or another program must pass here before it is shown.
    package var printable: String { escaping { _ in false } }

    /// The same for text of several lines: line feeds and tabs stay.
    package var printableLines: String { escaping { $0 == "\n" || $0 == "\t" } }

    /// Escapes all characters that are not printable, with exceptions.
    private func escaping(except isKept: (Unicode.Scalar) -> Bool) -> String {
        if utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return self }
        var shown = ""
        for scalar in unicodeScalars {
            if scalar.isPrintable || isKept(scalar) {
                shown.unicodeScalars.append(scalar)
            } else {
                shown += scalar.escaped
            }
        }
        return shown
    }
}

extension Unicode.Scalar {
    /// False for control, format and separator characters other than the space: a terminal would act on them
    /// or hide them.
    fileprivate var isPrintable: Bool {
        if (0x20..<0x7F).contains(value) { return true }
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .unassigned,
            .privateUse, .surrogate:
            return false
        default: return true
        }
    }

    /// As in `\u{1b}`; `\n` and `\t` for the two that are well known.
    fileprivate var escaped: String {
        switch self {
        case "\n": "\\n"
        case "\t": "\\t"
        default: "\\u{" + String(value, radix: 16) + "}"
        }
    }
}

/// `text` between quotation marks, as `printable` shows it; all after the first 60 characters is left out.
package func quoted(_ text: String) -> String {
    var shown = ""
    for scalar in text.unicodeScalars.prefix(60) {
        if scalar == "\"" || scalar == "\\" { shown += "\\" }
        shown.unicodeScalars.append(scalar)
    }
    return "\"" + shown.printable + (text.unicodeScalars.dropFirst(60).isEmpty ? "" : "...") + "\""
}
