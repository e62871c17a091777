import Glibc
import Inventory
import JSON
import LinuxSystem
import Synchronization
import Telemetry
import Time

/// The log of a running server: one line for each change of state, to standard error.
///
/// ```
/// 2026-07-01T08:30:00Z listening address=127.0.0.1:5300
/// {"time":"2026-07-01T08:30:00Z","level":"notice","event":"listening","address":"127.0.0.1:5300"}
/// ```
/// In the journal, which adds the time, each line begins with its priority, which the journal removes
/// (sd-daemon(3)). `LineBound` limits the number of lines; the next line counts those that were left out.
enum Log {
    /// Names and values in order.
    typealias Fields = [(key: String, value: String)]

    /// The priorities of syslog(3).
    enum Priority: Int {
        /// Something does not work.
        case error = 3
        /// An administrator should look.
        case warning = 4
        /// A change of state.
        case notice = 5
        /// A line of the query log.
        case information = 6

        /// Its name in JSON.
        var name: String {
            switch self {
            case .error: "error"
            case .warning: "warning"
            case .notice: "notice"
            case .information: "info"
            }
        }
    }

    /// A change of state.
    static func notice(_ event: String, _ values: Fields = []) { write(.notice, event, values: values) }

    /// An event that needs an administrator's attention.
    static func warning(_ event: String, _ values: Fields = []) { write(.warning, event, values: values) }

    /// Something that does not work.
    static func failure(_ event: String, _ values: Fields = []) { write(.error, event, values: values) }

    /// Writes lines in this form from now on.
    static func use(_ format: LogFormat) { state.withLock { $0.format = format } }

    /// The form of lines.
    static var format: LogFormat { state.withLock { $0.format } }

    /// True if standard error is the journal's stream.
    static let isJournal = environment("JOURNAL_STREAM").map(StandardError.isStream) ?? false

    /// A line for standard error.
    static func line(_ priority: Priority, _ event: String, values: Fields, format: LogFormat) -> String {
        let prefix = isJournal ? "<\(priority.rawValue)>" : ""
        switch format {
        case .text:
            let time = isJournal ? "" : WallClock.text(WallClock.seconds) + " "
            return prefix + time + text(event, values)
        case .json: return prefix + json(priority, event, values: values)
        }
    }

    /// The settings and limits of the log.
    private struct State {
        /// The form of lines.
        var format = LogFormat.text
        /// The limit of lines.
        var bound = LineBound()
    }

    /// One state for all threads, which share standard error.
    private static let state = Mutex(State())

    /// Writes one line.
    private static func write(_ priority: Priority, _ event: String, values: Fields) {
        let now = MonotonicClock.now
        let (dropped, format) = state.withLock { ($0.bound.admit(at: now), $0.format) }
        guard let dropped else { return }
        if dropped > 0 {
            writeError(line(.warning, "lines left out", values: [("count", "\(dropped)")], format: format))
        }
        writeError(line(priority, event, values: values, format: format))
    }

    /// `event key=value key="value with spaces"`, without line breaks.
    static func text(_ event: String, _ values: Fields) -> String {
        values.reduce(event) { "\($0) \($1.key)=\(quoted($1.value))" }
    }

    /// One JSON object, its members in this order.
    static func json(_ priority: Priority, _ event: String, values: Fields) -> String {
        let head: Fields = [
            ("time", WallClock.text(WallClock.seconds)), ("level", priority.name), ("event", event),
        ]
        let members = (head + values).map { JSONValue.quote($0.key) + ":" + JSONValue.quote($0.value) }
        return "{" + members.joined(separator: ",") + "}"
    }

    /// A value in quotation marks if it needs them.
    private static func quoted(_ value: String) -> String {
        let isPlain =
            !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") }
        if isPlain { return value }
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text.printable + "\""
    }
}
