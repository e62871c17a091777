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
                after: PathMatrix.Phase(observed: [:], isApplied: true), choices: hosts.choices)
            return
        }
        title = "now and after \"net apply\" on \(now.keys.sorted().joined(separator: ", "))"
        matrix = PathMatrix(
            inventory, now: PathMatrix.Phase(observed: now, isApplied: true),
            after: PathMatrix.Phase(
                observed: Self.applied(now, by: NetworkPlanner(inventory, choices: hosts.choices)),
                isApplied: true), choices: hosts.choices)
    }

    /// The states of hosts once their plans are applied.
    private static func applied(
        _ states: [String: HostState], by planner: NetworkPlanner
    ) -> [String: HostState] {
        Dictionary(
            uniqueKeysWithValues: states.map { name, state in
                guard let host = planner.host(named: name) else { return (name, state) }
                var after = state
                for step in difference(from: state, to: planner.plan(for: host)).steps {
                    after.apply(step.change)
                }
                return (name, after)
            })
    }

    /// Prints the table, as wide as the terminal at most.
    func show() {
        print("# \(title)")
        print("# large: a packet of 1500 octets (TCP); the codes: namebridge-explain(8)")
        for line in table(within: TerminalSize.columns).lines { print(line) }
    }

    /// The widest form of the table that fits, else the narrowest.
    ///
    /// - Parameter columns: Nil if any width will do.
    private func table(within columns: Int?) -> TextTable {
        let wide = wide
        guard let columns, wide.width > columns else { return wide }
        let tall = tall(isBroken: false)
        return tall.width > columns ? self.tall(isBroken: true) : tall
    }

    /// One line for each pair of places and kind of destination.
    private var wide: TextTable {
        var table = TextTable([.left, .left, .left] + PathMatrix.kinds.map { _ in .left })
        table.add(["from", "to", "what"] + PathMatrix.kinds)
        for row in matrix.rows { table.add([row.from, row.to, row.target] + row.cells.map(\.text)) }
        return table
    }

    /// One line for each outcome.
    ///
    /// - Parameter isBroken: True if what will be has a line of its own.
    private func tall(isBroken: Bool) -> TextTable {
        var table = TextTable([.left, .left, .left, .left, .left])
        table.add(["from", "to", "what", "packets", "outcome"])
        for row in matrix.rows {
            var place = [row.from, row.to, row.target]
            for (names, cell) in row.outcomes {
                if isBroken, cell.now.text != cell.after.text {
                    table.add(place + [names, cell.now.text])
                    table.add(["", "", "", "", "-> \(cell.after.text)"])
                } else {
                    table.add(place + [names, cell.text])
                }
                place = ["", "", ""]
            }
        }
        return table
    }
}
