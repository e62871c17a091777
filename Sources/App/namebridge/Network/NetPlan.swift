import ArgumentParser
import IPAddressing
import Inventory
import JSON
import LinuxSystem
import NetworkKernel
import NetworkModel
import NetworkPlanning
import Time

/// `namebridge net plan`: the changes, and why.
struct NetPlan: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what would be changed on this host, and why, without changing it.",
        discussion: """
            After a summary each line is a command: + for an addition, - for a removal, and after the # the \
            path that needs it. The exit code is 1 if the plan may not be applied; with --matrix it is 0, \
            whatever the table says: "namebridge explain" has exit codes for one pair of places.

            Examples:
              sudo namebridge net plan
              namebridge net plan --desired --host prod/master1
              namebridge net plan --all
              namebridge net plan --all --full
              namebridge net plan --all -o json
              sudo namebridge net plan --matrix
            """)

    @OptionGroup var host: NetHostOptions

    @Flag(
        name: .long,
        help: "Show the whole plan of a host, as if it had nothing yet; needs neither the host nor root.")
    var desired = false

    @Flag(
        name: .long,
        help:
            "Show what the plans of all hosts come to, and what the owners of other devices must enter.")
    var all = false

    @Flag(name: .long, help: "With --all: show the whole plan of every host besides.")
    var full = false

    @Flag(
        name: .long,
        help: """
            Show for each site and cluster whether it reaches each cluster's pods, services and name servers, \
            now and after "net apply". Large packets have 1500 octets; namebridge-explain(8) has the codes.
            """)
    var matrix = false

    @Option(
        name: [.customShort("o"), .long],
        help: "How to write the changes, or with --all or --desired the plans: text or json.")
    var output = OutputForm.text

    func validate() throws {
        if full, !all { throw ValidationError("--full goes with --all.") }
        if output == .json, matrix { throw ValidationError("--output json does not go with --matrix.") }
        if all, desired { throw ValidationError("--all shows what --desired does: leave one of them out.") }
        if matrix, all || desired || host.host != nil {
            throw ValidationError("--matrix is about all hosts: leave --all, --desired and --host out.")
        }
        if all, host.host != nil { throw ValidationError("--all is for every host: leave --host out.") }
    }

    func run() throws {
        let inventory = try host.configuration.load()
        if matrix { return ReachabilityMatrix(inventory).show() }
        let planner = try host.planner(inventory)
        if all { return try output == .json ? printAllAsJSON(planner) : printAll(planner) }
        let plan = try host.plan(of: planner)
        if desired {
            switch output {
            case .text: print(Self.fitted(plan.text), terminator: "")
            case .json: print(plan.json(hasCommands: true))
            }
            if plan.isRefused { throw ExitStatus.problem }
            return
        }
        let difference = try NetFailure.reported { () throws(KernelError) in
            let kernel = LinuxKernel()
            try kernel.check()
            let context = try NetState.context(try NetState.store())
            return NetworkPlanning.difference(from: try kernel.observe(for: plan), to: plan, context: context)
        }
        let changes = PlannedChanges(
            plan: plan, difference: difference, origins: ValueOrigins.lines(of: inventory),
            instructions: planner.instructions())
        switch output {
        case .text: print(changes.text(within: TerminalSize.current?.columns))
        case .json: print(changes.json)
        }
        if difference.isRefused { throw ExitStatus.problem }
    }

    /// A summary, then one host after the other in one buffer: a large mesh has half a gigabyte of text.
    private func printAll(_ planner: NetworkPlanner) throws {
        let hosts = planner.hosts
        var progress = PlanProgress(of: hosts.count)
        var writer = LineWriter()
        var summary = PlanSummary(hosts: hosts.count)
        // Each plan is made twice: all of them at once would take gigabytes of memory.
        for host in hosts {
            let plan = planner.plan(for: host)
            if plan.hasPart { summary.add(plan) }
            progress.advance("planned")
        }
        if hosts.isEmpty {
            writer.write("# \(host.configuration.path) names no hosts or nodes: there is nothing to plan.\n")
        } else {
            writer.write(Self.fitted(summary.text))
            if !full { writer.write("# --full lists each of them.\n\n") }
        }
        if full { try writePlans(of: hosts, planner, to: &writer) }
        for instruction in planner.instructions() { writer.write(Self.fitted(instruction.text)) }
        try flush(&writer)
        if summary.isRefused { throw ExitStatus.problem }
    }

    /// `{"hosts": [...], "refused": ..., "others": [...]}`: one line for each host that has a part.
    private func printAllAsJSON(_ planner: NetworkPlanner) throws {
        var progress = PlanProgress(of: planner.hosts.count)
        var writer = LineWriter()
        writer.write("{\"hosts\": [")
        var isFirst = true
        var isRefused = false
        for host in planner.hosts {
            let plan = planner.plan(for: host)
            progress.advance("planned")
            guard plan.hasPart else { continue }
            isRefused = isRefused || plan.isRefused
            writer.write(isFirst ? "\n" : ",\n")
            writer.write("\(plan.json(hasCommands: full))")
            isFirst = false
            if writer.octets.count >= Self.portion { try flush(&writer) }
        }
        let others = JSONValue.array(planner.instructions().map(\.json))
        writer.write("],\n\"refused\": \(isRefused), \"others\": \(others)}\n")
        try flush(&writer)
        if isRefused { throw ExitStatus.problem }
    }

    /// The text in lines that fit the terminal's window.
    private static func fitted(_ text: String) -> String {
        guard let columns = TerminalSize.current?.columns else { return text }
        return text.split(separator: "\n", omittingEmptySubsequences: false)
            .flatMap { String($0).fitted(columns) }.joined(separator: "\n")
    }

    /// One host after the other.
    private func writePlans(
        of hosts: [LocatedHost], _ planner: NetworkPlanner, to writer: inout LineWriter
    ) throws {
        try flush(&writer)
        var progress = PlanProgress(of: hosts.count)
        for host in hosts {
            let plan = planner.plan(for: host)
            progress.advance("wrote the plans of")
            guard plan.hasPart else { continue }
            plan.write(to: &writer, reasons: .asHeadings)
            writer.write("\n")
            if writer.octets.count >= Self.portion { try flush(&writer) }
        }
    }

    /// In octets: few system calls, and a buffer that stays in the CPU's caches.
    private static let portion = 1 << 18

    /// Writes the text so far to standard output.
    private func flush(_ writer: inout LineWriter) throws {
        do throws(Errno) {
            try StandardOutput.write(writer.octets)
        } catch {
            printError("namebridge: standard output: \(error)")
            throw ExitStatus.problem
        }
        writer.clear()
    }
}

/// Tells on standard error how far a long command is, about once a second; a short one says nothing.
private struct PlanProgress {
    private let count: Int
    private var done = 0
    private var told = MonotonicClock.now

    /// - Parameter count: The number of hosts.
    init(of count: Int) { self.count = count }

    /// One more host is done.
    mutating func advance(_ what: String) {
        done += 1
        let now = MonotonicClock.now
        guard done < count, now.nanoseconds(since: told) > 1_000_000_000 else { return }
        told = now
        printError("namebridge: \(what) \(done) of \(count) hosts")
    }
}
