import Glibc

/// A colour of the terminal (ECMA-48 SGR). Used on a terminal only, and not if NO_COLOR is set
/// (no-color.org).
enum Style: Int {
    case error = 31
    case success = 32
    case warning = 33
    case faint = 2
    case heading = 1

    /// `value` in this colour.
    func paint(_ value: some CustomStringConvertible) -> StyledText { StyledText(value, self) }
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
