/// Tells whether every worker is alive, for the service manager's watchdog.
package struct WorkerPulse: Sendable {
    /// The workers' counts when all of them had last advanced.
    private var last: [Int] = []

    package init() {}

    /// True if every worker's loop has turned since this was last true, and at the first call.
    ///
    /// - Parameter turns: Of `DNSServer.workerTurns`.
    package mutating func isEveryWorkerAlive(_ turns: [Int]) -> Bool {
        guard turns.count != last.count || zip(turns, last).allSatisfy({ $0 != $1 }) else { return false }
        last = turns
        return true
    }
}
