import ArgumentParser
import LinuxSystem
import NetworkKernel
import NetworkPlanning

/// `namebridge net agent`: keeps the host as planned.
struct NetAgent: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Keep this host as planned: restore what other programs remove, within a second.",
        discussion: """
            It applies the file at its start and whenever the file changes, or what "follow" finds in \
            clusters, in the way of "net apply" and with its refusals: a file with mistakes changes nothing, \
            nor does one that would cut packets between two places that arrive now, which "net apply \
            --accept-loss" applies; "status" says so. Nodes that come and go by themselves ask nothing. It \
            listens to the kernel's events, and checks the whole host from time to time. The log says what \
            was lost, for how long, and which program likely removed it. Another "net apply" or "net \
            remove" applies to the agent too. SIGHUP makes it check the file and the host; SIGTERM ends it, \
            and everything stays in place.

            Examples:
              sudo namebridge net agent
              sudo namebridge net agent --accept-loss 'office->old'
            """)

    @OptionGroup var host: NetHostOptions

    @OptionGroup var control: ControlOptions

    @Option(
        name: .long,
        help: ArgumentHelp("Check the whole host this often, such as 60s or 5m.", valueName: "duration"))
    var fullCheck = WholeSeconds.minute

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Apply a changed file although it cuts the packets between these two places; may be repeated.",
            valueName: "from->to"))
    var acceptLoss: [AcceptedLoss] = []

    func run() throws {
        let accepted = Set(acceptLoss.map(\.places))
        let agent = try NetFailure.reported { () throws(KernelError) in
            try LinuxKernel().check()
            var settings = NetworkAgent<LinuxKernel, KernelWatch>.Settings(
                path: FilePath.fromRoot(host.configuration.path), host: host.host,
                slowCheckSeconds: fullCheck.seconds, process: Int(ThisProcess.identifier),
                wallClock: { ThisProcess.wallClock }, deviceIndex: NetworkDevices.index,
                plan: AgentPlanning.plan)
            settings.foresight = { changed throws(KernelError) in
                try AgentPlanning.foresight(of: changed, accepted: accepted)
            }
            return try RunningAgent(settings: settings, serverPaths: control.clientPaths())
        }
        try NetFailure.reported { () throws(KernelError) in try agent.run() }
    }
}

/// A time of whole seconds, as `60s` or `5m`, up to a day.
struct WholeSeconds: ExpressibleByArgument, CustomStringConvertible {
    /// 1...86400.
    let seconds: Int

    static let minute = WholeSeconds(seconds: 60)
    static let ten = WholeSeconds(seconds: 10)

    private init(seconds: Int) { self.seconds = seconds }

    init?(argument: String) {
        guard let time = ConfirmationTime(argument: argument) else { return nil }
        seconds = time.seconds
    }

    var description: String { "\(seconds)s" }
}
