import Glibc
import Inventory
import JSON

// Everything that commands write to their two streams passes these functions. They hide the standard
// library's `print`, so that no text from outside brings control characters to a terminal.

/// Writes lines to standard output.
func print(_ text: String, terminator: String = "\n") {
    Swift.print(text.printableLines, terminator: terminator)
}

/// Writes a line to standard output, with colours on a terminal.
func print(_ text: StyledText) { Swift.print(text.rendered(for: .output)) }

/// Writes a value for a program. JSON has its own escapes.
func print(_ value: JSONValue) { Swift.print(value.text()) }

/// Replaces the terminal's content by `lines`: the cursor goes to the upper left corner, and the rest of the
/// old lines is erased (ECMA-48 ED, EL).
func replaceScreen(with lines: [StyledText]) {
    let text = lines.map { $0.rendered(for: .output) + "\u{1B}[K" }.joined(separator: "\n")
    Swift.print("\u{1B}[H" + text + "\u{1B}[J")
    fflush(nil)
}

/// Replaces the line in which the cursor stands (ECMA-48 EL); the cursor stays behind it.
func replaceLine(with text: String) {
    Swift.print("\r\u{1B}[K" + text.printableLines, terminator: "")
    fflush(nil)
}

/// Replaces the last line of standard error; an empty one erases it.
func replaceErrorLine(with text: StyledText) {
    writeError("\r\u{1B}[K" + text.rendered(for: .error), terminator: "")
}

/// Writes lines to standard error.
func printError(_ text: String) { printError(StyledText(text)) }

/// Writes a line to standard error, with colours on a terminal.
func printError(_ text: StyledText) { writeError(text.rendered(for: .error)) }

/// Writes a line of the log, whose values are escaped as its form requires.
func writeError(_ line: String, terminator: String = "\n") {
    var rest = Array((line + terminator).utf8)[...]
    while !rest.isEmpty {  // each turn writes something, or ends
        // Sound: the octets live during the call. A failure cannot be reported: there is no other stream.
        let count = unsafe rest.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
        guard count > 0 || (count < 0 && errno == EINTR) else { return }
        rest = rest.dropFirst(max(0, count))
    }
}
