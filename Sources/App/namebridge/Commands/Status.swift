import AdminServer
import ArgumentParser
import Glibc
import Inventory
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
              namebridge status --ready && echo "can answer"
              namebridge status -o json | jq -r '.problems[].words'
            """)

    @OptionGroup var options: RunningServerOptions

    @Option(name: [.customShort("o"), .long], help: "How to write the result: text or json.")
    var output = OutputForm.text

    @Flag(
        name: .long,
        help: """
            Draw it again each second, with the rate of that second; keys: s sorts, c chooses a cluster, / \
            filters, q quits.
            """)
    var watch = false

    @Flag(
        name: .long,
        help: """
            Say only whether the server runs and answers; for a health check that restarts it. The state of \
            name servers does not matter.
            """)
    var live = false

    @Flag(
        name: .long,
        help: """
            Say only whether questions can be answered: whether one name server of any cluster is alive; for \
            a health check that sends clients here.
            """)
    var ready = false

    func validate() throws {
        if live, ready { throw ValidationError("--live and --ready are two questions: ask one.") }
        if watch, live || ready { throw ValidationError("--watch goes without --live and --ready.") }
        if watch, output == .json { throw ValidationError("--watch draws text: leave --output json out.") }
    }

    func run() throws {
        if watch { return try redraw() }
        if live || ready { return try checkHealth() }
        let answer = try options.ask(.status)
        let status = ServerStatus(json: answer)
        switch output {
        case .text: print(.joined(StatusText(status, columns: TerminalSize.current?.columns ?? 80).text()))
        case .json: print(answer)
        }
        if !status.troubles.isEmpty { throw ExitStatus.problem }
    }

    /// Says whether the server runs, and with `--ready` whether it can answer.
    private func checkHealth() throws {
        let answer = try options.ask(.ready)
        let readiness = Readiness(json: answer)
        switch (output, live) {
        case (.json, true): print(.object([("live", .boolean(true))]))
        case (.json, false): print(answer)
        case (.text, true): print("live")
        case (.text, false): print(readiness.isReady ? "ready" : "not ready: \(readiness.cause)")
        }
        if ready, !readiness.isReady { throw ExitStatus.problem }
    }

    /// Shows the status once a second, as the keys say; ends with a key, a signal, or the server.
    private func redraw() throws {
        let terminal = RawTerminal()
        var view = StatusView()
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
            draw(status, view, hasKeys: terminal != nil)
            let clusters = status.groups.map(\.name)
            let end = now.advanced(milliseconds: 1000)
            // Ends: time passes.
            while MonotonicClock.now < end {
                let left = Int(end.nanoseconds(since: MonotonicClock.now) / 1_000_000) + 1
                guard let keys = terminal?.keys(within: left) else {
                    ThisProcess.sleep(milliseconds: left)
                    continue
                }
                for key in keys {
                    switch view.take(key, clusters: clusters) {
                    case .quit: return
                    case .redraw: draw(status, view, hasKeys: true)
                    case .nothing: break
                    }
                }
            }
        }
    }

    /// Draws the status so that it fits into the window.
    private func draw(_ status: ServerStatus, _ view: StatusView, hasKeys: Bool) {
        let window = TerminalSize.current
        let text = StatusText(view.applied(to: status), columns: window?.columns ?? 80)
        guard let window else {
            print(.joined(text.text() + [StyledText("")]))
            fflush(nil)
            return
        }
        // The cursor ends on a line of its own.
        let rows = window.rows - (hasKeys ? 2 : 1)
        var lines = text.text(rows: rows, from: view.scrolled)
        if hasKeys {
            lines.append(StyledText(String(view.help.prefix(window.columns - 1)).printable, .faint))
        }
        replaceScreen(with: lines)
    }
}
