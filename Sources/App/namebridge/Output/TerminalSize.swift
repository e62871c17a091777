import Glibc

/// The size of the terminal that standard output is.
struct TerminalSize {
    /// At most 120: longer lines are no easier to read.
    let columns: Int
    /// At least 2.
    let rows: Int

    /// The width for text that need not be narrow: the terminal's, else what `COLUMNS` says; nil if neither
    /// is known.
    static var columns: Int? {
        let stated = environment("COLUMNS").flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        return current?.columns ?? stated
    }

    /// Nil if standard output is no terminal. Corresponds to TIOCGWINSZ of tty_ioctl(4).
    static var current: TerminalSize? {
        guard isatty(StandardStream.output.rawValue) == 1 else { return nil }
        var size = winsize()
        // Sound: one structure is written.
        let result = unsafe ioctl(StandardStream.output.rawValue, UInt(TIOCGWINSZ), &size)
        guard result == 0, size.ws_col > 0 else { return TerminalSize(columns: 80, rows: 24) }
        return TerminalSize(columns: min(120, Int(size.ws_col)), rows: max(2, Int(size.ws_row)))
    }
}
