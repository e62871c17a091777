import Inventory
import LinuxSystem
import NetworkKernel
import NetworkPlanning
import Time

/// The countdown of `net apply --confirm` in a terminal: Enter keeps what was changed.
///
/// The process that undoes it runs by itself; this one only shows its time.
struct ConfirmationPrompt {
    /// Seconds until everything is undone.
    let seconds: Int
    /// The changes.
    let difference: Difference

    /// How the countdown ended.
    enum Outcome: Hashable {
        /// A person confirmed.
        case confirmed
        /// A person left: the time goes on.
        case left
        /// The time is over.
        case expired
    }

    /// As many changes are listed.
    private static let mostListed = 8

    /// What is undone if no confirmation comes.
    var text: StyledText {
        let inverse = difference.inverse
        var lines = inverse.prefix(Self.mostListed).flatMap {
            PlannedChanges.lines(of: $0.text, within: TerminalSize.current?.columns)
        }
        if inverse.count > Self.mostListed {
            lines.append(StyledText("... and \(inverse.count - Self.mostListed) more", .faint))
        }
        return .joined([Style.heading.paint("undone without a confirmation:")] + lines)
    }

    /// Counts down; nil if standard input or output is no terminal.
    func run() -> Outcome? {
        guard TerminalSize.current != nil, let terminal = RawTerminal() else { return nil }
        print(text)
        let end = MonotonicClock.now.advanced(milliseconds: seconds * 1000)
        while true {  // ends: time passes
            let left = end.nanoseconds(since: MonotonicClock.now)
            guard left > 0 else {
                replaceLine(with: "the time is over: it is being undone\n")
                return .expired
            }
            let time = left / 1_000_000_000 + 1
            replaceLine(with: "undone in \(time) s: Enter keeps it, Ctrl-C leaves the time running ")
            for key in terminal.keys(within: Int(left / 1_000_000) % 1000 + 1) {
                switch key {
                case .enter:
                    replaceLine(with: "")
                    return .confirmed
                case .interrupt, .end, .character("q"):
                    replaceLine(with: "left: undone unless \"namebridge net confirm\" comes in time\n")
                    return .left
                default: break
                }
            }
        }
    }
}
