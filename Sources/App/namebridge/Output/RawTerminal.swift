import Glibc

/// The terminal that standard input is, read key by key: keys are not shown, and need no Enter.
///
/// The terminal is as before once this value is gone. Corresponds to termios(3).
final class RawTerminal {
    /// The attributes to restore.
    private let before: termios

    /// Nil if standard input is no terminal.
    init?() {
        var attributes = termios()
        // Sound: one structure is written.
        guard isatty(STDIN_FILENO) == 1, unsafe tcgetattr(STDIN_FILENO, &attributes) == 0 else {
            return nil
        }
        before = attributes
        // With ISIG the terminal would stay so after Ctrl-C: it is read as a key.
        attributes.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        // Sound: one structure is read.
        guard unsafe tcsetattr(STDIN_FILENO, TCSANOW, &attributes) == 0 else { return nil }
        // What was typed or pasted before was meant for something else: an Enter in it must not confirm
        // anything.
        _ = tcflush(STDIN_FILENO, TCIFLUSH)
    }

    deinit {
        var attributes = before
        // Sound: one structure is read.
        _ = unsafe tcsetattr(STDIN_FILENO, TCSANOW, &attributes)
    }

    /// A key.
    enum Key: Hashable {
        /// A letter, a digit or a sign.
        case character(Character)
        /// Named keys; `interrupt` is Ctrl-C, `end` that there is no more input.
        case enter, escape, backspace, up, down, interrupt, end
    }

    /// The keys that come within `milliseconds`: those of the first moment in which some come.
    func keys(within milliseconds: Int) -> [Key] {
        var watched = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        // Sound: the kernel reads and writes one structure. An interruption is a short wait.
        guard unsafe poll(&watched, 1, Int32(clamping: milliseconds)) > 0 else { return [] }
        var octets = [UInt8](repeating: 0, count: 64)
        // Sound: at most `count` octets are written.
        let count = unsafe octets.withUnsafeMutableBytes {
            unsafe read(STDIN_FILENO, $0.baseAddress, $0.count)
        }
        return count > 0 ? Self.keys(in: Array(octets[..<count])) : [.end]
    }

    /// The keys of what a terminal sends (ECMA-48: arrows are ESC [ A and ESC [ B).
    static func keys(in octets: [UInt8]) -> [Key] {
        var keys: [Key] = []
        var rest = octets[...]
        while let octet = rest.popFirst() {  // each turn takes an octet
            switch octet {
            case 3: keys.append(.interrupt)
            case 4: keys.append(.end)
            case 8, 127: keys.append(.backspace)
            case 10, 13: keys.append(.enter)
            case 27:
                guard rest.first == UInt8(ascii: "[") || rest.first == UInt8(ascii: "O") else {
                    keys.append(.escape)
                    continue
                }
                rest.removeFirst()
                switch rest.popFirst() {
                case UInt8(ascii: "A"): keys.append(.up)
                case UInt8(ascii: "B"): keys.append(.down)
                default: break
                }
            case 32..<127: keys.append(.character(Character(UnicodeScalar(octet))))
            default: break
            }
        }
        return keys
    }
}
