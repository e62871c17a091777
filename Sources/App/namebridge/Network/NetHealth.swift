import AdminServer
import ArgumentParser
import Glibc
import JSON
import LinuxSystem

/// `namebridge net health`: whether the paths that this host speaks for carry packets.
struct NetHealth: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Tell whether paths carry packets, as probes of the running server and agent show it.",
        discussion: """
            The exit code is 0 if all paths are up, 1 if one is down or neither runs, 3 if none is down and \
            one is unknown or none is probed. It suits a check script, such as keepalived's.

            Examples:
              namebridge net health
              namebridge net health prod
              namebridge net health office/prod --output json
              namebridge net health --watch
            """)

    @OptionGroup var options: RunningServerOptions

    @Argument(help: "Just paths to or from this site or cluster, or FROM/TO.")
    var path: String?

    @Option(name: [.customShort("o"), .long], help: "How to write the result: text or json.")
    var output = OutputForm.text

    @Flag(name: .long, help: "Go on, and write the result again with each change, until it is interrupted.")
    var watch = false

    func run() throws {
        if watch { try follow() }
        let paths = try current()
        write(paths)
        if paths.contains(where: \.isDown) { throw ExitStatus.problem }
        if paths.isEmpty || !paths.allSatisfy(\.isUp) { throw ExitStatus.unknown }
    }

    /// Asks once a second.
    private func follow() throws -> Never {
        var told: [String]?
        while true {  // ends with SIGINT
            let paths = try current()
            let states = paths.map { "\($0.name) \($0.state) \($0.isChanging) \($0.silentTargets)" }
            if states != told {
                if output == .text { print(WallClock.text(WallClock.seconds)) }
                write(paths)
                fflush(nil)
            }
            told = states
            ThisProcess.sleep(milliseconds: 1000)
        }
    }

    /// What the server and the agent of this host know; only one of them need run.
    private func current() throws -> [ServerStatus.PathHealth] {
        let relayed = AgentHealth.paths(now: ThisProcess.wallClock).filter(isMeant)
        if relayed.isEmpty {
            return ServerStatus(json: try options.ask(.status)).paths.flatMap(\.health).filter(isMeant)
        }
        do throws(ControlError) {
            let answer = try ControlClient.ask(
                .status, at: options.control.clientPaths(isDemo: options.demo),
                timeoutMilliseconds: ControlServer.timeoutMilliseconds
            ).answer
            return relayed + ServerStatus(json: answer).paths.flatMap(\.health).filter(isMeant)
        } catch {
            return relayed
        }
    }

    private func write(_ paths: [ServerStatus.PathHealth]) {
        switch output {
        case .text: printText(paths)
        case .json: print(JSONValue.object([("paths", .array(paths.map(\.json)))]))
        }
    }

    private func isMeant(_ health: ServerStatus.PathHealth) -> Bool {
        guard let path else { return true }
        return path == health.from || path == health.to || path == "\(health.from)/\(health.to)"
    }

    private func printText(_ paths: [ServerStatus.PathHealth]) {
        guard !paths.isEmpty else { return print("no path is probed from this host") }
        var table = TextTable([.left, .left])
        for health in paths { table.add([health.name, words(health)]) }
        for (line, health) in zip(table.lines, paths) {
            print(StyledText(line, health.isDown ? .error : health.isUp ? nil : .warning))
        }
    }

    private func words(_ health: ServerStatus.PathHealth) -> String {
        guard health.changes > 0 else { return health.words }
        let changes = health.changes == 1 ? "1 change" : "\(health.changes) changes"
        return "\(health.words); \(changes), \(Figures.duration(seconds: health.downSeconds)) down so far"
    }
}
