/// Tells whether every worker is alive, for the service manager's watchdog.
package struct WorkerPulse: Sendable {
    /// The workers' counts when all of them had last advanced.
    private var last: [Int] = []

    /// Creates a worker pulse.
    package init() {}

    /// What a look at the workers shows.
    package enum Sign {
        /// Every worker's loop has turned since this was last found; so it is at the first look.
        case allAlive
        /// One has not turned.
        case oneSilent
    }

    /// Looks at the workers.
    ///
    /// - Parameter turns: Of `DNSServer.workerTurns`.
    package mutating func look(at turns: [Int]) -> Sign {
        guard turns.count != last.count || zip(turns, last).allSatisfy({ $0 != $1 }) else {
            return .oneSilent
        }
        last = turns
        return .allAlive
    }
}
