import AdminServer
import ArgumentParser
import Glibc
import JSON
import LinuxSystem
import Time

/// `namebridge status`: the state of the running server.
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the state of the running server.",
        discussion: """
            Present problems, questions and their results, every name server with its state, paths, the last \
            failures with their cause, network objects that are missing, limits that were reached, and with \
            a query log the top names and clients. The numbers count from the server's start, times from the \
            last minutes. The exit code is 1 if there is a problem.

            Examples:
              namebridge status
              namebridge status --watch
              namebridge status --output json | jq '.clusters[].servers[] | select(.state == "dead")'
            """)

    @OptionGroup var options: RunningServerOptions

    @Option(name: [.customShort("o"), .long], help: "How to write the result: text or json.")
    var output = OutputForm.text

    @Flag(name: .long, help: "Draw it again each second, with the rate of that second, until Ctrl-C.")
    var watch = false

    func validate() throws {
        if watch, output == .json { throw ValidationError("--watch draws text: leave --output json out.") }
    }

    func run() throws {
        if watch { try redraw() }
        let answer = try options.ask(.status)
        let status = ServerStatus(json: answer)
        switch output {
        case .text: print(.joined(StatusText(status, columns: TerminalSize.current?.columns ?? 80).text()))
        case .json: print(answer)
        }
        if !status.troubles.isEmpty { throw ExitStatus.problem }
    }

    /// Shows the status once a second; ends with a signal, or with the server.
    private func redraw() throws -> Never {
        var before: (questions: Int, time: MonotonicTime)?
        while true {
            var status = ServerStatus(json: try options.ask(.status))
            let now = MonotonicClock.now
            let questions = status.total.questions
            if let before {
                status.recentQuestions = max(0, questions - before.questions)
                status.recentMilliseconds = Int(now.nanoseconds(since: before.time) / 1_000_000)
            }
            before = (questions, now)
            let window = TerminalSize.current
            // The cursor ends on a line of its own.
            let rows = window.map { $0.rows - 1 }
            let lines = StatusText(status, columns: window?.columns ?? 80).text(rows: rows)
            if window != nil { replaceScreen(with: lines) } else { print(.joined(lines + [StyledText("")])) }
            fflush(nil)
            ThisProcess.sleep(milliseconds: 1000)
        }
    }
}
