import LinuxSystem
import NetworkModel
package import NetworkPlanning

extension NetworkApplier {
    /// What has come of putting back what can be put back.
    package struct Salvage: Sendable {
        /// What was missing and could be made, before the first step.
        package var difference: Difference

        /// The steps that were taken and whose objects are there now.
        package var steps: [Step]
    }

    /// Puts back as much of what is wanted as can be, where an apply of all of it was refused or failed: the
    /// device of one object may be gone, and the others do their work without it.
    ///
    /// Nothing is taken away and nothing taken back. A step whose command fails is left out of the next
    /// round.
    ///
    /// - Returns: Nil where somebody else is changing the host just now, or nothing is wanted.
    package func salvage(
        options: Options, plan: (AppliedConfiguration) throws(KernelError) -> HostPlan
    ) throws(KernelError) -> Salvage? {
        guard let lock = try store.lockUnlessTaken() else { return nil }
        defer { _ = lock.number }
        guard try store.journal() == nil, case .configuration(let configuration)? = try store.wanted() else {
            return nil
        }
        let plan = try plan(configuration)
        let context = HostContext(
            resolvers: options.resolvers, sessions: options.sessions, records: try store.records())
        var salvage: Salvage?
        var failed: Set<Change> = []
        for _ in 0..<Self.mostRounds {
            let observed = try kernel.observe()
            let part = plan.possiblePart(on: observed, context: context)
            var difference = NetworkPlanning.difference(from: observed, to: part, context: context)
            difference.steps.removeAll { !$0.change.isAddition }
            let wanted = salvage?.difference ?? difference
            // What the last round has made is there now.
            let rest = Set(difference.steps)
            salvage = Salvage(difference: wanted, steps: wanted.steps.filter { !rest.contains($0) })
            let steps = difference.steps.filter { !failed.contains($0.change) }
            guard !difference.isRefused, !steps.isEmpty else { return salvage }
            do throws(KernelError) {
                try kernel.perform(steps, announce: announce)
            } catch {
                guard let culprit = steps.first(where: { $0.isCause(of: error) }) else { return salvage }
                failed.insert(culprit.change)
            }
            try store.write(difference.records(after: context.records, among: observed.settings))
        }
        return salvage
    }

    /// Each round leaves one step out: more objects than this are not lost without a common cause, which the
    /// possible part of the plan knows.
    private static var mostRounds: Int { 16 }
}

extension Change {
    /// True for what brings something that is wanted.
    fileprivate var isAddition: Bool {
        switch self {
        case .add, .replace, .set: true
        case .remove, .forget: false
        }
    }
}

extension Step {
    /// True where `error` names one of its commands.
    fileprivate func isCause(of error: KernelError) -> Bool {
        guard case .failed(let failed, _, _) = error else { return false }
        return commands.contains(failed)
    }
}
