import Glibc

/// A colour of the terminal (ECMA-48 SGR). Used on a terminal only, and not where NO_COLOR is set
/// (no-color.org).
enum Style: Int {
    case error = 31
    case success = 32
    case warning = 33
    case faint = 2
    case heading = 1

    /// `value` in this colour, where `stream` takes colours.
    func paint(_ value: some CustomStringConvertible, on stream: StandardStream = .error) -> String {
        stream.takesColour ? "\u{1B}[\(rawValue)m\(value)\u{1B}[0m" : value.description
    }
}

/// The two streams that a command writes to.
enum StandardStream: Int32 {
    case output = 1
    case error = 2

    /// True for a terminal that is not `dumb`, unless NO_COLOR is set. Corresponds to isatty(3).
    var takesColour: Bool {
        isatty(rawValue) == 1 && environment("NO_COLOR") == nil && environment("TERM") != "dumb"
    }
}

/// Writes a line to standard error.
func printError(_ line: String) {
    var rest = Array((line + "\n").utf8)[...]
    while !rest.isEmpty {  // each turn writes something, or ends
        // Sound: the octets live during the call. Nobody is left to be told of a failure here.
        let count = unsafe rest.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
        guard count > 0 || (count < 0 && errno == EINTR) else { return }
        rest = rest.dropFirst(max(0, count))
    }
}
