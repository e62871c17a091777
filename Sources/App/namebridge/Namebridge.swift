import ArgumentParser
import Glibc
import Inventory

/// The command line: `namebridge COMMAND`.
@main
struct Namebridge: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "namebridge",
        abstract: "Use the names of Kubernetes clusters as if they were local.",
        discussion: """
            A DNS forwarder for cluster domains: an office, a laptop, a relay host or another cluster asks \
            it for names below *.cluster.local, and the right cluster answers.

            To see it work without setting anything up:
              namebridge serve --demo

            Exit codes: 0 fine, 1 found a problem, 2 wrong usage or configuration, 3 not known (explain, \
            who-has, net health).
            """,
        version: version,
        subcommands: [
            Init.self, Serve.self, Check.self, Query.self, WhoHas.self, Browse.self, Explain.self,
            Status.self,
            Flush.self,
            Reload.self, Net.self, Discover.self, Follow.self, Doctor.self,
        ])

    static let version = "0.2.0"

    /// Runs the command; wrong usage ends with `ExitStatus.usage` instead of the parser's 64.
    static func main() {
        if let complaint = unknownCommand(in: CommandLine.arguments.dropFirst()) {
            printError(complaint)
            Glibc.exit(ExitStatus.usage.rawValue)
        }
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            let status = exitCode(for: error)
            let message = fullMessage(for: error)
            if !message.isEmpty {
                if status.isSuccess { print(message) } else { printError(message) }
            }
            Glibc.exit(status == .validationFailure ? ExitStatus.usage.rawValue : status.rawValue)
        }
    }

    /// The error for the first word that names no command; nil if all do. The parser makes no suggestions.
    private static func unknownCommand(in words: ArraySlice<String>) -> String? {
        var command: any ParsableCommand.Type = Self.self
        var path = "namebridge"
        for word in words {
            let known = command.configuration.subcommands
            // An option may have a value, which is not a command.
            if known.isEmpty || word.hasPrefix("-") || word == "help" { return nil }
            guard let next = known.first(where: { $0._commandName == word }) else {
                let names = known.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
                let near = nearestSpelling(of: word, among: names).map { "; did you mean \"\($0)\"?" } ?? ""
                return "\(path): there is no command \(quoted(word))\(near)\nCommands: "
                    + names.joined(separator: ", ")
            }
            command = next
            path += " " + word
        }
        return nil
    }
}

/// Exit codes that scripts can rely on.
enum ExitStatus {
    /// It ran and found a problem.
    static let problem = ExitCode(1)
    /// Wrong usage or configuration, or a file that cannot be read.
    static let usage = ExitCode(2)
    /// It ran and cannot tell.
    static let unknown = ExitCode(3)
}
