import ArgumentParser
import IPAddressing
import Inventory
import LinuxSystem
import NetworkKernel
import NetworkModel
import NetworkPlanning

/// `namebridge net plan`: the changes, and why.
struct NetPlan: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what would be changed on this host, and why, without changing it.",
        discussion: """
            Each line is a command: + for an addition, - for a removal, and after the # the path that needs \
            it. The exit code is 1 if the plan may not be applied.

            Examples:
              sudo namebridge net plan
              namebridge net plan --desired --host prod/master1
              namebridge net plan --all
            """)

    @OptionGroup var host: NetHostOptions

    @Flag(
        name: .long,
        help: "Show the whole plan of a host, as if it had nothing yet; needs neither the host nor root.")
    var desired = false

    @Flag(
        name: .long,
        help: "Show the whole plan of every host, and what the owners of other devices must enter.")
    var all = false

    func validate() throws {
        if all, host.host != nil { throw ValidationError("--all is for every host: leave --host out.") }
    }

    func run() throws {
        let planner = NetworkPlanner(try host.configuration.load())
        if all { return try printAll(planner) }
        let plan = try host.plan(of: planner)
        if desired {
            print(plan.text, terminator: "")
            if plan.isRefused { throw ExitStatus.problem }
            return
        }
        let difference = try NetFailure.reported { () throws(KernelError) in
            let kernel = LinuxKernel()
            try kernel.check()
            let context = try NetState.context(try NetState.store())
            return NetworkPlanning.difference(from: try kernel.observe(), to: plan, context: context)
        }
        print(
            "# \(plan.host.place)/\(plan.host.host.name): "
                + plan.roles.map(\.rawValue).joined(separator: ", ")
        )
        difference.printNotes()
        for step in difference.steps { print(step.text, terminator: "") }
        if difference.steps.isEmpty { print("nothing to do") }
        if difference.isRefused { throw ExitStatus.problem }
    }

    /// One host after the other, in one buffer: a large mesh has half a gigabyte of text.
    private func printAll(_ planner: NetworkPlanner) throws {
        var writer = LineWriter()
        var isRefused = false
        for host in planner.hosts {
            let plan = planner.plan(for: host)
            guard plan.hasPart else { continue }
            isRefused = isRefused || plan.isRefused
            plan.write(to: &writer, reasons: .asHeadings)
            writer.write("\n")
            if writer.octets.count >= Self.portion { try flush(&writer) }
        }
        for instruction in planner.instructions() { writer.write(instruction.text) }
        if planner.hosts.isEmpty {
            writer.write("# \(host.configuration.path) names no hosts or nodes: there is nothing to plan.\n")
        }
        try flush(&writer)
        if isRefused { throw ExitStatus.problem }
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

extension Difference {
    /// Prints the notes that the reader needs before the steps.
    func printNotes() {
        for note in notes { print("# \(note)") }
        for conflict in conflicts {
            print("# foreign: \(conflict.message)")
            for line in conflict.remedy { print("#   \(line)") }
        }
    }
}
