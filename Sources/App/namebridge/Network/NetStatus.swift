import AdminServer
import ArgumentParser
import Inventory
import JSON
import LinuxSystem
import NetworkKernel
import NetworkModel
import NetworkPlanning
import Time

/// `namebridge net status`: the host compared with its plan.
struct NetStatus: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show which parts of the plan are present, missing, changed or in conflict.",
        discussion: """
            Rules are shown with their packet counts. Foreign rules for the same traffic are shown as \
            "preceded" if ours come before them. The exit code is 1 if something is not as planned.

            Examples:
              sudo namebridge net status
              sudo namebridge net status --output json
            """)

    @OptionGroup var host: NetHostOptions

    @Option(name: [.customShort("o"), .long], help: "How to write the result: text or json.")
    var output = OutputForm.text

    func run() throws {
        let plan = try host.plan()
        let kernel = LinuxKernel()
        let store = try NetFailure.reported { () throws(KernelError) in
            try kernel.check()
            return try NetState.store()
        }
        let (status, journal) = try NetFailure.reported { () throws(KernelError) -> (HostStatus, Journal?) in
            let context = try NetState.context(store)
            let observed = try Self.observe(kernel, plan)
            return (HostStatus(of: plan, on: observed, context: context), try store.journal())
        }
        let agent = try NetFailure.reported { () throws(KernelError) in
            AgentReport(status: store.agentStatus(), isRunning: try store.hasAgent())
        }
        let name = "\(plan.host.place)/\(plan.host.host.name)"
        switch output {
        case .text: printText(status, journal, agent, name: name)
        case .json: print(Self.json(status, journal, agent, name: name))
        }
        if !status.isFine || journal?.waits == false { throw ExitStatus.problem }
    }

    /// Observes twice if a next hop has not answered: it may have been given up long ago, or is just
    /// being asked.
    private static func observe(_ kernel: LinuxKernel, _ plan: HostPlan) throws(KernelError) -> HostState {
        let observed = try kernel.observe(for: plan)
        let doubtful = plan.silentNextHops(on: observed).map(\.gateway)
        guard !doubtful.isEmpty else { return kernel.asking(plan, on: observed) }
        LinuxKernel.ask(doubtful)
        ThisProcess.sleep(milliseconds: 1_000)
        return try kernel.observe(asking: plan)
    }

    /// Prints the rows, then a summary.
    private func printText(_ status: HostStatus, _ journal: Journal?, _ agent: AgentReport, name: String) {
        let columns = TerminalSize.current?.columns
        for row in status.rows {
            var line = "\(Self.padded(row.condition.rawValue)) \(row.object)"
            if let packets = row.packets, let octets = row.octets {
                line += "  \(packets) packets, \(octets) octets"
            }
            if !row.because.isEmpty { line += "  # \(row.because)" }
            for part in line.fitted(columns) { print(StyledText(part, row.condition.isFine ? nil : .error)) }
        }
        if let journal {
            print(
                journal.waits
                    ? "waiting for \"namebridge net confirm\"" + Self.lateness(of: journal)
                    : "the apply of process \(journal.process) was cut short: the next apply or remove"
                        + " undoes it"
            )
        }
        let now = ThisProcess.wallClock
        for line in [agent.line(now: now)].compactMap(\.self) + agent.relayLines(now: now) {
            for part in line.hanging(columns) { print(part) }
        }
        let silent = status.rows.filter { $0.condition == .silent }.count
        let off = status.rows.filter { !$0.condition.isFine }.count - silent
        let unknown = status.rows.filter { $0.condition == .unknown }.count
        let ours = status.rows.filter(\.condition.isOfObject).count
        print(
            "\(name): \(ours) objects, " + (off == 0 ? "all as planned" : "\(off) not as planned")
                + (unknown == 0 ? "" : ", \(unknown) foreign rule\(unknown == 1 ? "" : "s") not understood")
                + (silent == 0 ? "" : ", \(silent) next hop\(silent == 1 ? "" : "s") silent"))
    }

    /// What happens if the confirmation has not come in time; empty before that.
    private static func lateness(of journal: Journal) -> String {
        let now = Int(MonotonicClock.now.nanoseconds / 1_000_000_000)
        guard let deadline = journal.deadline, now > deadline else { return "" }
        return ", which is late: the next apply or remove undoes what was applied"
    }

    /// A text padded to the column's width.
    private static func padded(_ text: String) -> String {
        text + String(repeating: " ", count: max(0, 9 - text.count))
    }

    /// The status for programs.
    private static func json(
        _ status: HostStatus, _ journal: Journal?, _ agent: AgentReport, name: String
    ) -> JSONValue {
        .object([
            ("host", .string(name)), ("fine", .boolean(status.isFine)),
            ("waiting", .boolean(journal?.waits ?? false)),
            ("interrupted", .boolean(journal?.waits == false)),
            ("agent", agent.json),
            ("objects", .array(status.rows.map { json($0) })),
        ])
    }

    /// One row for programs.
    private static func json(_ row: HostStatus.Row) -> JSONValue {
        let packets: JSONValue = row.packets.map { .integer($0) } ?? .null
        let octets: JSONValue = row.octets.map { .integer($0) } ?? .null
        return .object([
            ("condition", .string(row.condition.rawValue)), ("object", .string(row.object)),
            ("because", .string(row.because)), ("packets", packets), ("octets", octets),
        ])
    }
}
