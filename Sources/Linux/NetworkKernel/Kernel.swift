package import IPAddressing
package import NetworkModel
package import NetworkPlanning

/// The operations on a host's network: implemented by the real kernel, and by a fake one that fails at the
/// point that a test chooses.
package protocol Kernel {
    /// The present state of everything that we make or must respect.
    func observe() throws(KernelError) -> HostState

    /// The present state, in which only `parts` may differ from `earlier`.
    func observe(_ parts: Set<ObservedPart>, since earlier: HostState) throws(KernelError) -> HostState

    /// An earlier observation with the present values of what may change without an event.
    func refreshed(_ earlier: HostState) -> HostState

    /// The way by which the kernel sends the packets; lookups without an answer are omitted.
    func answers(to questions: [RouteQuestion]) throws(KernelError) -> [RouteQuestion: RouteAnswer]

    /// Those of `routes` by which connections are open: their destinations.
    func held(_ routes: [LeavingRoute]) throws(KernelError) -> Set<IPPrefix>

    /// Runs `steps` one after the other, up to the first that fails.
    ///
    /// - Parameter announce: Gets each command before it runs.
    func perform(_ steps: [Step], announce: (String) -> Void) throws(KernelError)
}

extension Kernel {
    /// Reads everything.
    package func observe(
        _ parts: Set<ObservedPart>, since earlier: HostState
    ) throws(KernelError) -> HostState {
        try observe()
    }

    /// The present state of the host; its `heldDestinations` are those of routes that `plan` no longer
    /// has and that open connections use.
    package func observe(for plan: HostPlan) throws(KernelError) -> HostState {
        var observed = try observe()
        let leaving = plan.leavingRoutes(on: observed)
        if !leaving.isEmpty { observed.heldDestinations = try held(leaving) }
        return observed
    }

    /// The same, and the way by which the host sends the packets of `plan`.
    package func observe(asking plan: HostPlan) throws(KernelError) -> HostState {
        asking(plan, on: try observe(for: plan))
    }

    /// `observed`, with the kernel's answers. A kernel that cannot be asked gives no ways.
    package func asking(_ plan: HostPlan, on observed: HostState) -> HostState {
        var observed = observed
        let questions = plan.routeQuestions(on: observed)
        guard !questions.isEmpty else { return observed }
        do throws(KernelError) { observed.routeAnswers = try answers(to: questions) } catch {
            return observed
        }
        return observed
    }
}
