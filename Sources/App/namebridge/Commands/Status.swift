import AdminServer
import ArgumentParser
import JSON

/// `namebridge status`: how the running server is doing.
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show how the running server is doing.",
        discussion: """
            Questions and what became of them, the kept answers, and every name server with its state. The numbers \
            count from the server's start.

            Examples:
              namebridge status
              namebridge status --output json | jq '.clusters[].servers[] | select(.state == "dead")'
            """)

    @OptionGroup var options: ControlOptions

    @Option(name: .long, help: "How to write the result: text or json.")
    var output = OutputForm.text

    func run() throws {
        let answer = try options.ask(.status)
        switch output {
        case .text: print(ServerStatus(json: answer).text())
        case .json: print(answer.text())
        }
    }
}
