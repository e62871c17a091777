package import Inventory
package import NetworkModel

/// The part of a host's plan that one path needs.
package struct PathPlan: Hashable, Sendable {
    /// The path.
    package let path: Path
    /// What it needs on the host.
    package let plan: HostPlan

    /// The number of objects that the path needs on the host.
    ///
    /// - Parameter acceptRules: As the difference of the whole host has them.
    package func objectCount(
        on observed: HostState, acceptRules: [Desired<IPTablesRule>]
    ) -> Int {
        plan.objectCount(on: observed, acceptRules: acceptRules)
    }

    /// How many of `missing` the path needs.
    ///
    /// - Parameter missing: The objects of the whole plan that are missing on the host, as `observed`. An
    ///   object that several paths need is missing for each of them.
    package func count(of missing: [Drift], on observed: HostState) -> Int {
        guard !missing.isEmpty else { return 0 }
        // Compared alone, the path also lacks objects that exist with another path's comment: those are not
        // in `missing`.
        let texts = Set(missing.map(\.text))
        return difference(from: observed, to: plan).steps.drift.count {
            $0.kind != .added && texts.contains($0.text)
        }
    }
}
