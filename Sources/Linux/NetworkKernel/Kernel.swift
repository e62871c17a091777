package import NetworkModel
package import NetworkPlanning

/// What a host's network can be asked and told: the real one, and a stand-in that fails where a test wants it
/// to.
package protocol Kernel {
    /// Everything that we make or must take care of, as it is now.
    func observe() throws(KernelError) -> HostState

    /// Which way the kernel sends the packets that are asked about; questions without an answer are left out.
    func answers(to questions: [RouteQuestion]) throws(KernelError) -> [RouteQuestion: RouteAnswer]

    /// Takes `steps` one after the other, up to the first that fails.
    ///
    /// - Parameter announce: Gets each command before it runs.
    func perform(_ steps: [Step], announce: (String) -> Void) throws(KernelError)
}

extension Kernel {
    /// The host as it is now, and which way it sends the packets of `plan`.
    package func observe(asking plan: HostPlan) throws(KernelError) -> HostState {
        asking(plan, on: try observe())
    }

    /// `observed`, with the kernel's answers. A kernel that cannot be asked says nothing of ways.
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
