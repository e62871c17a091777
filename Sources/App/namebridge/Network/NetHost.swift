import ArgumentParser
import IPAddressing
import Inventory
import LinuxSystem
import NetworkKernel
import NetworkModel
import NetworkPlanning

/// Chooses the host of the inventory.
struct NetHostOptions: ParsableArguments {
    @OptionGroup var configuration: ConfigurationOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The host, as NAME or CLUSTER-OR-SITE/NAME; without it, the one with an address of this machine.",
            valueName: "name"), completion: .custom(ConfigurationCompletion.hosts))
    var host: String?

    /// The host's plan.
    /// - Throws: `ExitStatus.usage`, after a message, if no host or more than one matches.
    func plan() throws -> HostPlan { try plan(of: planner(configuration.load())) }

    /// A planner that knows which relays carry on this machine.
    func planner(_ inventory: Inventory) throws -> NetworkPlanner {
        try NetFailure.reported { () throws(KernelError) in
            NetworkPlanner(inventory, choices: try NetState.relayChoices())
        }
    }

    /// The plan of the chosen host.
    func plan(of planner: NetworkPlanner) throws -> HostPlan { planner.plan(for: try located(in: planner)) }

    /// The host's plan, what it is of, and the configuration that an agent needs.
    /// - Throws: As `plan` does.
    func planAndConfiguration() throws -> (HostPlan, Inventory, AppliedConfiguration) {
        let (inventory, text) = try configuration.loadWithText()
        let plan = try plan(of: planner(inventory))
        let applied = AppliedConfiguration(
            path: FilePath.fromRoot(configuration.path), host: "\(plan.host.place)/\(plan.host.host.name)",
            isChosen: host != nil, text: text)
        return (plan, inventory, applied)
    }

    /// The chosen host, or the one that has an address of this machine.
    private func located(in planner: NetworkPlanner) throws -> LocatedHost {
        let known = planner.hosts.map { "\($0.place)/\($0.host.name)" }.joined(separator: ", ")
        if let host {
            if let located = planner.host(named: host) { return located }
            printError(
                "namebridge: \"\(host)\" is no host of \(configuration.path); known: \(known)"
                    + Self.remains)
            throw ExitStatus.usage
        }
        let addresses = try NetFailure.reported { () throws(KernelError) in try LinuxKernel.ownAddresses() }
        let found = planner.hosts(carrying: addresses)
        if let located = found.first, found.count == 1 { return located }
        let names = found.map { "\($0.place)/\($0.host.name)" }.joined(separator: ", ")
        guard !planner.hosts.isEmpty else {
            printError("namebridge: \(configuration.path) names no hosts or nodes" + Self.remains)
            printError(
                "\"namebridge discover\" finds the nodes of a cluster; \"paths\" say who carries what.")
            throw ExitStatus.usage
        }
        printError(
            found.isEmpty
                ? "namebridge: this machine has no part in any path of \(configuration.path), since it has"
                    + " the address of none of its hosts; run it on one of these with the same file, or"
                    + " name one with --host: \(known)" + Self.remains
                : "namebridge: this machine has addresses of several hosts; choose one with --host: \(names)")
        throw ExitStatus.usage
    }
}

extension NetHostOptions {
    /// What a machine that has left the file still has, and how to remove it; empty if it has nothing.
    fileprivate static var remains: String {
        do throws(KernelError) {
            let hasSettings = try NetState.store().records().contains { $0.previous != $0.ours }
            if !hasSettings {
                guard try LinuxKernel().observe().holdsOurs else { return "" }
            }
        } catch {
            return ""
        }
        return "\nwhat was made here for an earlier file is still on this machine:"
            + " \"namebridge net remove\" removes it"
    }
}

/// Ends a command when the host cannot be read or changed.
enum NetFailure {
    /// The value of `body`; its error goes to standard error, each line once.
    static func reported<Value: ~Copyable>(_ body: () throws(KernelError) -> Value) throws -> Value {
        do throws(KernelError) {
            return try body()
        } catch {
            printError("namebridge: \(error)")
            throw ExitStatus.problem
        }
    }
}

/// The folder for the state between two runs.
enum NetState {
    /// The folder's path.
    static var path: String { environment("NAMEBRIDGE_NET_STATE") ?? StateStore.defaultPath }

    /// The folder as a store.
    static func store() throws(KernelError) -> StateStore { try StateStore(path: path) }

    /// Which relays carry on this machine; nothing is made to find out.
    static func relayChoices() throws(KernelError) -> RelayChoices {
        FilePath.isFolder(path) ? try store().relayChoices() : RelayChoices()
    }

    /// The addresses that must stay reachable, and the saved records.
    static func context(_ store: StateStore) throws(KernelError) -> HostContext {
        HostContext(
            resolvers: HostSurroundings.resolvers(), sessions: HostSurroundings.sessions(),
            records: try store.records())
    }
}
