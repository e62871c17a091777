package import NetworkPlanning

/// What an agent reports.
package enum AgentNews {
    /// From now on the agent maintains this plan.
    case keeping(HostPlan, path: String)
    /// Nothing is maintained now.
    case idle(reason: String)
    /// Objects are gone or changed.
    case lost([Drift])
    /// Everything is restored. `milliseconds` count from the first event of the loss; nil if there was
    /// no event.
    case repaired(objects: Int, milliseconds: Int?, suspicion: String?)
    /// The routes lead to other relays, so long after that was decided.
    case moved(milliseconds: Int)
    /// Next hops of routes that do not answer; nothing of ours can be restored.
    case silent([SilentNextHop])
    /// Next hops reported with `silent` that answer again.
    case answering([SilentNextHop])
    /// Foreign rules or routes that stop packets of the paths; we may not change them.
    case obstructed([String])
    /// Obstacles reported with `obstructed` that are gone.
    case cleared([String])
    /// An object that another program removes again and again.
    case contested(RepairSchedule.Contested, suspicion: String?)
    /// A repair failed.
    case failed(String)
    /// The failure reported with `failed` is over.
    case recovered
    /// The file has changed, and was applied.
    case followed(HostPlan, steps: Int, path: String)
    /// The file has changed, and cannot be applied; the earlier apply stays.
    case notFollowed(path: String, reason: String)
    /// The file names this host no more, and all that was made for it is gone.
    case left(path: String, reason: String)
}
