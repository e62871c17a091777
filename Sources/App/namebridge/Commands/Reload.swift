import AdminServer
import ArgumentParser
import JSON

/// `namebridge reload`: makes the running server read its configuration again.
struct Reload: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the running server read its configuration again.",
        discussion: """
            The file that the server was started with is read, checked and tried; then the server switches \
            to it as a whole. Clients' connections, questions in flight and the cached answers of what has \
            not changed stay. A file with errors changes nothing: every error is printed, and the command \
            ends with 2; or with 1 if the host denies what a right file asks for, such as a port that is in \
            use. SIGHUP does the same; the server's log reports the result.

            Examples:
              namebridge reload
              namebridge check && namebridge reload
            """)

    @OptionGroup var options: RunningServerOptions

    @Option(name: [.customShort("o"), .long], help: "How to write the result: text or json.")
    var output = OutputForm.text

    /// Large files need time on a busy machine.
    private static let timeoutMilliseconds = 60_000

    func run() throws {
        let answer = try options.ask(.reload, timeoutMilliseconds: Self.timeoutMilliseconds)
        guard let outcome = ReloadOutcome(json: answer) else {
            printError("namebridge: the server gave an answer that is not understood")
            throw ExitStatus.problem
        }
        for warning in outcome.warnings { printError(warning) }
        for problem in outcome.problems { printError(Style.error.paint(problem)) }
        if output == .json {
            print(answer)
        } else if outcome.isApplied {
            print("reloaded: configuration \(outcome.generation) is in use")
        }
        guard outcome.isApplied else {
            printError("namebridge: not reloaded: configuration \(outcome.generation) stays in use")
            throw outcome.isConfigurationWrong ? ExitStatus.usage : ExitStatus.problem
        }
    }
}
