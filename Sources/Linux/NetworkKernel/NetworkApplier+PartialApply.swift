import LinuxSystem
import NetworkModel
package import NetworkPlanning

extension NetworkApplier {
    /// The result of a partial apply.
    package struct PartialApply: Sendable {
        /// The missing objects that could be made, before the first step.
        package var difference: Difference

        /// The steps that ran and whose objects exist now.
        package var steps: [Step]
    }

    /// Restores as much of the desired state as possible after a complete apply was refused or failed: the
    /// device of one object may be gone, and the others work without it.
    ///
    /// Nothing is removed and nothing is undone. A step whose command fails is left out of the next round.
    ///
    /// - Returns: Nil if another process is changing the host, or no state is desired.
    package func applyPartially(
        options: Options, plan: (AppliedConfiguration) throws(KernelError) -> HostPlan
    ) throws(KernelError) -> PartialApply? {
        guard let lock = try store.lockUnlessTaken() else { return nil }
        defer { _ = lock.number }
        guard try store.journal() == nil, case .configuration(let configuration)? = try store.desired() else {
            return nil
        }
        let plan = try plan(configuration)
        var context = HostContext(
            resolvers: options.resolvers, sessions: options.sessions, records: try store.records())
        var partial: PartialApply?
        var failed: Set<Change> = []
        for _ in 0..<Self.mostRounds {
            let observed = try kernel.observe()
            let part = plan.possiblePart(on: observed, context: context)
            var difference = NetworkPlanning.difference(from: observed, to: part, context: context)
            difference.steps.removeAll { !$0.change.isAddition }
            let desired = partial?.difference ?? difference
            // The objects made in the last round exist now.
            let rest = Set(difference.steps)
            partial = PartialApply(difference: desired, steps: desired.steps.filter { !rest.contains($0) })
            let steps = difference.steps.filter { !failed.contains($0.change) }
            guard !difference.isRefused, !steps.isEmpty else { return partial }
            // Before the steps: who is killed among them must not forget what a setting was, and the next
            // round finds it as this one leaves it.
            context.records = difference.records(after: context.records, among: observed.settings)
            try store.write(context.records)
            do throws(KernelError) {
                try kernel.perform(steps, announce: announce)
            } catch {
                guard let culprit = steps.first(where: { $0.isCause(of: error) }) else { return partial }
                failed.insert(culprit.change)
            }
        }
        return partial
    }

    /// Each round leaves one step out: if more objects than this cannot be made, they have a common cause,
    /// which the possible part of the plan excludes.
    private static var mostRounds: Int { 16 }
}

extension Change {
    /// True for a step that makes a desired object.
    fileprivate var isAddition: Bool {
        switch self {
        case .add, .replace, .set: true
        case .remove, .forget: false
        case .inside(_, let change): change.isAddition
        }
    }
}

extension Step {
    /// True if `error` names one of its commands.
    fileprivate func isCause(of error: KernelError) -> Bool {
        guard case .failed(let failed, _, _) = error else { return false }
        return commands.contains(failed)
    }
}
