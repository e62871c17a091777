/// The log of a running server: one line for each change of state, to standard error.
///
/// ```
/// listening address=127.0.0.1:5300
/// ```
/// Under systemd each line begins with its priority, which the journal takes off (sd-daemon(3)).
enum Log {
    /// A change of state.
    static func notice(_ event: String, _ values: [(key: String, value: String)] = []) {
        write(5, event, values)
    }

    /// Something that somebody should look at.
    static func warning(_ event: String, _ values: [(key: String, value: String)] = []) {
        write(4, event, values)
    }

    /// Something that does not work.
    static func failure(_ event: String, _ values: [(key: String, value: String)] = []) {
        write(3, event, values)
    }

    /// - Parameter priority: Of syslog(3): 3 error, 4 warning, 5 notice.
    private static func write(_ priority: Int, _ event: String, _ values: [(key: String, value: String)]) {
        let prefix = environment("JOURNAL_STREAM") == nil ? "" : "<\(priority)>"
        printError(prefix + line(event, values))
    }

    /// `event key=value key="value with spaces"`, without line breaks.
    static func line(_ event: String, _ values: [(key: String, value: String)]) -> String {
        values.reduce(event) { "\($0) \($1.key)=\(quoted($1.value))" }
    }

    private static func quoted(_ value: String) -> String {
        let isPlain =
            !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") }
        if isPlain { return value }
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case let control where control.value < 0x20 || control.value == 0x7F: text += " "
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
