import IPAddressing
import Inventory
import InventoryFile
import LinuxSystem
import NetworkKernel
import NetworkPlanning
import PathExplanation
import Synchronization

/// Makes an agent's plans; the agent reports the errors.
enum AgentPlanning {
    /// The plan for `host`, or for the host that carries an address of this machine.
    static func plan(_ text: String, _ path: String, host: String?) throws(KernelError) -> HostPlan {
        let (planner, located) = try place(text, path, host: host)
        return planner.plan(for: located)
    }

    /// The parts of that plan that each path needs; empty if there is none.
    static func pathPlans(_ text: String, _ path: String, host: String?) -> [PathPlan] {
        do throws(KernelError) {
            let (planner, located) = try place(text, path, host: host)
            return planner.pathPlans(for: located)
        } catch {
            return []
        }
    }

    /// What is foreseen of an apply of a changed file: as of "net apply", it is refused if packets that
    /// arrive now would be cut.
    ///
    /// - Parameter accepted: Pairs of places that may be cut.
    static func foresight(
        of changed: AppliedConfiguration, accepted: Set<PlacePair>
    ) throws(KernelError) -> PacketForesight? {
        try ApplyProtection(
            inventory(changed.text, changed.path), host: changed.host, store: NetState.store(),
            accepted: accepted, triesConnections: false
        ).foresee
    }

    /// The last inventory that was read, and what it was read from: each change of a cluster is planned
    /// several times, and reading a thousand nodes takes longer than planning for them.
    private static let latest = Mutex<(text: String, path: String, inventory: Inventory)?>(nil)

    /// The inventory of a text.
    static func inventory(_ text: String, _ path: String) throws(KernelError) -> Inventory {
        if let known = latest.withLock({ $0 }), known.text == text, known.path == path {
            return known.inventory
        }
        let (inventory, problems) = InventoryFile.read(
            Array(text.utf8), name: path, isOwnAddress: HostAddresses.contains)
        guard let inventory else {
            let lines = problems.map { "\($0)" }.joined(separator: "\n")
            throw .notFollowed(path: path, why: "it has errors\n\(lines)")
        }
        for problem in problems where problem.file != path {
            Log.warning("facts not used", [("reason", "\(problem)")])
        }
        latest.withLock { $0 = (text, path, inventory) }
        return inventory
    }

    /// The host of the inventory that is meant.
    private static func place(
        _ text: String, _ path: String, host: String?
    ) throws(KernelError) -> (NetworkPlanner, LocatedHost) {
        let inventory = try inventory(text, path)
        Log.use(inventory.log.format)
        let planner = NetworkPlanner(inventory, choices: try NetState.store().relayChoices())
        if let host {
            guard let located = planner.host(named: host) else {
                throw .hostLeft(path: path, why: "it has no host \(host)")
            }
            return (planner, located)
        }
        let found = planner.hosts(carrying: try LinuxKernel.ownAddresses())
        guard let located = found.first else {
            throw .hostLeft(path: path, why: "none of its hosts has an address of this machine")
        }
        guard found.count == 1 else {
            throw .notFollowed(
                path: path,
                why: "this machine has addresses of several of its hosts: choose one with --host")
        }
        return (planner, located)
    }
}
