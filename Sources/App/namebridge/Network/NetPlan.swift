import ArgumentParser
import IPAddressing
import Inventory
import NetworkKernel
import NetworkModel
import NetworkPlanning

/// `namebridge net plan`: what would be changed, and why.
struct NetPlan: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what would be changed on this host, and why, and change nothing.",
        discussion: """
            Each line is a command: + for what comes, - for what goes, and behind the # the path that needs it. The \
            exit code is 1 where the plan may not be applied.

            Examples:
              sudo namebridge net plan
              namebridge net plan --desired --host prod/master1
              namebridge net plan --all
            """)

    @OptionGroup var host: NetHostOptions

    @Flag(
        name: .long,
        help: "Show the whole plan of a host, as if it had nothing yet; needs neither it nor root.")
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
        if all { return printAll(planner) }
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

    private func printAll(_ planner: NetworkPlanner) {
        for plan in planner.plans() { print(plan.text) }
        for instruction in planner.instructions() {
            for route in instruction.routes {
                let hops = route.nextHops.map { "\($0.name) (\($0.address))" }.joined(separator: ", ")
                print("# \(instruction.subject.words): \(route.destination) via \(hops)  # \(route.because)")
            }
            for pool in instruction.pools {
                print("# \(instruction.subject.words): IPPool \(pool.prefix), disabled  # \(pool.because)")
            }
            if case .kubeProxy = instruction.subject {
                print("# \(instruction.subject.words): iptables.masqueradeAll: true")
            }
        }
    }
}

extension OwnerInstruction.Subject {
    /// Whose device it is.
    fileprivate var words: String {
        switch self {
        case .router(let site, let addresses):
            "router of \(site)"
                + (addresses.isEmpty ? "" : " (\(addresses.map(\.description).joined(separator: ", ")))")
        case .routeTable(let cluster, let name): "route table \(name) of \(cluster)"
        case .calico(let cluster): "Calico of \(cluster)"
        case .kubeProxy(let cluster): "kube-proxy of \(cluster)"
        }
    }
}

extension Difference {
    /// What the reader must know before the steps.
    func printNotes() {
        for note in notes { print("# \(note)") }
        for conflict in conflicts { print("# foreign: \(conflict.message)") }
    }
}
