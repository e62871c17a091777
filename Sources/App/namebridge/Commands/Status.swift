import AdminServer
import ArgumentParser
import Glibc
import JSON
import LinuxSystem
import Telemetry

/// `namebridge status`: how the running server is doing.
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show how the running server is doing.",
        discussion: """
            Questions and what became of them, the kept answers, and every name server with its state. The numbers \
            count from the server's start.

            Examples:
              namebridge status
              namebridge status --watch
              namebridge status --output json | jq '.clusters[].servers[] | select(.state == "dead")'
            """)

    @OptionGroup var options: ControlOptions

    @Option(name: .long, help: "How to write the result: text or json.")
    var output = OutputForm.text

    @Flag(name: .long, help: "Draw it again each second, with the rate of that second, until Ctrl-C.")
    var watch = false

    func validate() throws {
        if watch, output == .json { throw ValidationError("--watch draws text: leave --output json out.") }
    }

    func run() throws {
        if watch { try redraw() }
        let answer = try options.ask(.status)
        switch output {
        case .text: print(ServerStatus(json: answer).text())
        case .json: print(answer.text())
        }
    }

    /// Shows the status again and again; ends with a signal, or with the server.
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
            // A terminal's cursor goes home, and what is left of the old lines is erased (ECMA-48 ED, EL).
            let text = status.text()
            let isTerminal = isatty(STDOUT_FILENO) == 1
            print(
                isTerminal
                    ? "\u{1B}[H" + text.split(separator: "\n", omittingEmptySubsequences: false)
                        .map { $0 + "\u{1B}[K" }.joined(separator: "\n") + "\u{1B}[J"
                    : text + "\n")
            fflush(nil)
            ThisProcess.sleep(milliseconds: 1000)
        }
    }
}
