package import NetworkPlanning

/// What an agent has to say.
package enum AgentNews {
    /// From now on the host is kept as this plan.
    case keeping(HostPlan, path: String)
    case idle(reason: String)
    case lost([Loss])
    /// All is back. `milliseconds` count from the first event of the loss; nil where no event told of it.
    case repaired(objects: Int, milliseconds: Int?, suspicion: String?)
    /// Next hops of routes that do not answer; they are not ours to put back.
    case silent([SilentNextHop])
    /// Of those that were told with `silent`.
    case answering([SilentNextHop])
    /// Foreign rules or routes that keep packets of the paths from passing; they are not ours to change.
    case obstructed([String])
    /// Of those that were told with `obstructed`.
    case cleared([String])
    case contested(RepairSchedule.Contested, suspicion: String?)
    case failed(String)
    /// What was told with `failed` is over.
    case recovered
    /// The file has changed, and was applied.
    case followed(HostPlan, steps: Int, path: String)
    /// The file has changed, and cannot be applied; what was applied stays.
    case notFollowed(path: String, reason: String)
}
