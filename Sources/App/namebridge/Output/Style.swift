import Glibc

/// A colour of the terminal (ECMA-48 SGR). Used on a terminal only, and not if NO_COLOR is
/// set (no-color.org).
enum Style: Int {
    /// Red.
    case error = 31
    /// Green.
    case success = 32
    /// Yellow.
    case warning = 33
    /// Faint.
    case faint = 2
    /// Bold.
    case heading = 1

    /// `value` in this colour.
    func paint(_ value: some CustomStringConvertible) -> StyledText { StyledText(value, self) }
}

/// The two streams that a command writes to.
enum StandardStream: Int32 {
    /// Standard output.
    case output = 1
    /// Standard error.
    case error = 2

    /// True for a terminal. Corresponds to isatty(3).
    var isTerminal: Bool { isatty(rawValue) == 1 }

    /// True for a terminal that is not `dumb`, unless NO_COLOR is set. Corresponds to isatty(3).
    var takesColour: Bool {
        isTerminal && environment("NO_COLOR") == nil && environment("TERM") != "dumb"
    }
}
