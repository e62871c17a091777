package import Inventory
package import NetworkModel
package import NetworkPlanning

/// What a change of one host does to packets between sites and clusters, while all other hosts stay as a file
/// makes them.
package struct ChangeForecast: Sendable {
    /// The rows in which an outcome changes, by the present file.
    package private(set) var changes: [PathMatrix.Row] = []
    /// The rows in which packets arrive before the change and not after it.
    package private(set) var losses: [PathMatrix.Row] = []

    /// A file, and the name that the changing host has there, as in `prod/relay1`.
    package struct View: Sendable {
        /// The file.
        package var inventory: Inventory
        /// The host's place and name.
        package var host: String

        package init(inventory: Inventory, host: String) {
            self.inventory = inventory
            self.host = host
        }
    }

    /// Foresees what a change of `view.host` does.
    ///
    /// - Parameters:
    ///   - earlier: The file that was applied before; nil if there is none, or it is the same. A path that it
    ///     has and the present file has not is a loss too.
    ///   - choices: Which relays carry, as an agent has chosen.
    package init(
        _ view: View, earlier: View?, before: HostState, after: HostState,
        choices: RelayChoices = RelayChoices()
    ) {
        let present = Self.matrix(view, before: before, after: after, choices: choices)
        changes = present.rows.filter(\.isChanged)
        losses = present.losses
        guard let earlier else { return }
        // What the present file carries in another way is no loss.
        let carried = Set(present.rows.filter { $0.cells.allSatisfy(\.arrives) }.map(\.name))
        let known = Set(losses.map(\.name))
        losses += Self.matrix(earlier, before: before, after: after, choices: choices).losses.filter { row in
            !carried.contains(row.name) && !known.contains(row.name)
        }
    }

    /// Foresees what `steps` do on a host with the state `before`.
    package init(
        _ view: View, earlier: View?, before: HostState, steps: [Step],
        choices: RelayChoices = RelayChoices()
    ) {
        var after = before
        after.apply(steps)
        self.init(view, earlier: earlier, before: before, after: after, choices: choices)
    }

    /// The matrix of one file before and after the change.
    private static func matrix(
        _ view: View, before: HostState, after: HostState, choices: RelayChoices
    ) -> PathMatrix {
        PathMatrix(
            view.inventory, now: PathMatrix.Phase(observed: [view.host: before], isApplied: true),
            after: PathMatrix.Phase(observed: [view.host: after], isApplied: true), choices: choices)
    }

    /// One line for each changed outcome, as in `office -> prod pods, all packets: NO_ROUTE -> ok`.
    package var lines: [String] {
        let lost = losses.filter { row in !changes.contains { $0.name == row.name } }
        return (changes + lost).flatMap(\.changedLines)
    }

    /// The losses that are not accepted.
    ///
    /// - Parameter accepted: Pairs of places that may be cut.
    package func losses(without accepted: Set<PlacePair>) -> [PathMatrix.Row] {
        losses.filter { !accepted.contains(PlacePair(from: $0.from, to: $0.to)) }
    }
}

/// Two places, the packets between which are meant; as in `office->prod`.
package struct PlacePair: Hashable, Sendable, CustomStringConvertible {
    /// The key of the site or cluster that sends.
    package var from: String
    /// The key of the cluster.
    package var to: String

    package init(from: String, to: String) {
        self.from = from
        self.to = to
    }

    /// Reads `FROM->TO`, with spaces around the arrow or not; nil if the text is something else.
    package init?(_ text: String) {
        let parts = text.split(separator: "->", omittingEmptySubsequences: false).map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.init(from: parts[0], to: parts[1])
    }

    package var description: String { "\(from)->\(to)" }
}

extension PathMatrix.Row {
    /// As in `office -> prod pods`.
    package var name: String { "\(from) -> \(to) \(target)" }

    /// True if an outcome changes.
    fileprivate var isChanged: Bool { cells.contains { $0.now.text != $0.after.text } }

    /// The lines of the cells that change.
    package var changedLines: [String] {
        outcomes.filter { $0.cell.now.text != $0.cell.after.text }.map { outcome in
            let host = outcome.cell.after.host.map { " (\($0))" } ?? ""
            return "\(name), \(outcome.kinds) packets: \(outcome.cell.text)\(host)"
        }
    }
}
