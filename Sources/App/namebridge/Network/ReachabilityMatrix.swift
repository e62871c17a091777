import Inventory
import NetworkModel
import NetworkPlanning
import PathExplanation

/// Which places reach which, now and after the plan of this host; if this host is not read, before and
/// after the plans of all hosts.
struct ReachabilityMatrix {
    /// The cells.
    private let matrix: PathMatrix
    /// What the columns compare.
    private let title: String

    init(_ inventory: Inventory) {
        var hosts = ObservedHosts(inventory)
        hosts.readThisHost()
        let now = hosts.states
        guard !now.isEmpty else {
            title = "before and after \"net apply\" on all hosts"
            matrix = PathMatrix(
                inventory, now: PathMatrix.Phase(observed: [:], isApplied: false),
                after: PathMatrix.Phase(observed: [:], isApplied: true))
            return
        }
        title = "now and after \"net apply\" on \(now.keys.sorted().joined(separator: ", "))"
        matrix = PathMatrix(
            inventory, now: PathMatrix.Phase(observed: now, isApplied: true),
            after: PathMatrix.Phase(observed: Self.applied(now, of: inventory), isApplied: true))
    }

    /// The states of hosts once their plans are applied.
    private static func applied(
        _ states: [String: HostState], of inventory: Inventory
    ) -> [String: HostState] {
        let planner = NetworkPlanner(inventory)
        return Dictionary(
            uniqueKeysWithValues: states.map { name, state in
                guard let host = planner.host(named: name) else { return (name, state) }
                var after = state
                for step in difference(from: state, to: planner.plan(for: host)).steps {
                    after.apply(step.change)
                }
                return (name, after)
            })
    }

    /// Prints the table.
    func show() {
        var table = TextTable([.left, .left, .left] + PathMatrix.kinds.map { _ in .left })
        table.add(["from", "to", "what"] + PathMatrix.kinds)
        for row in matrix.rows { table.add([row.from, row.to, row.target] + row.cells.map(\.text)) }
        print("# \(title)")
        for line in table.lines { print(line) }
    }
}
