package import Inventory

/// One mistake in a file, for people: its place, what was found, what was expected.
package struct Diagnostic: Hashable, Sendable {
    /// Error or warning.
    package var severity: Severity

    /// The file's name in messages.
    package var file: String

    /// Counted from 1.
    package var line: Int

    /// In characters, counted from 1.
    package var column: Int

    /// The wrong value, as in `dns.views[0].clients`; empty for the file as a whole.
    package var path: InventoryPath

    /// What was found and what was expected, in one line without an end mark.
    package var message: String

    /// The nearest right spelling, if there is one.
    package var suggestion: String?
}

extension Diagnostic: CustomStringConvertible {
    /// `FILE:LINE:COLUMN: PATH: MESSAGE`, as compilers print it, so that editors find the place.
    package var description: String {
        var text = "\(file.printable):\(line):\(column): "
        if severity == .warning { text += "warning: " }
        if !path.steps.isEmpty { text += "\(path): " }
        text += message
        if let suggestion { text += "; did you mean \(quoted(suggestion))?" }
        return text
    }
}
