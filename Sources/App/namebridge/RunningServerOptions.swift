import AdminServer
import ArgumentParser
import JSON

/// Which running server to ask.
struct RunningServerOptions: ParsableArguments {
    @OptionGroup var control: ControlOptions

    @Flag(name: .long, help: "Ask the running demo instead of the service.")
    var demo = false

    /// Commands that read a configuration have it; here it gets an answer.
    @Option(name: .long, help: .hidden) var config: String?

    func validate() throws {
        if config != nil {
            throw ValidationError(
                "--config is for commands that read a file; name the running server with --control PATH.")
        }
        if demo, control.control != nil { throw ValidationError("--demo goes without --control.") }
    }

    /// Where it may listen for commands.
    var clientPaths: [String] { control.clientPaths(isDemo: demo) }

    /// Sends it a request.
    ///
    /// - Parameter timeoutMilliseconds: The time limit for its answer.
    ///     - Throws: `ExitStatus.problem`, after a message, if there is no server, or it refuses.
    func ask(
        _ request: ControlRequest, timeoutMilliseconds: Int = ControlServer.timeoutMilliseconds
    ) throws -> JSONValue {
        do throws(ControlError) {
            return try ControlClient.ask(
                request, at: clientPaths, timeoutMilliseconds: timeoutMilliseconds
            ).answer
        } catch .noServer where demo {
            printError("namebridge: no demo runs: start it with namebridge serve --demo")
            throw ExitStatus.problem
        } catch {
            printError("namebridge: \(error)")
            throw ExitStatus.problem
        }
    }
}
