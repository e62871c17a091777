/// Tells whether every worker is alive, which a watchdog is fed on.
package struct WorkerPulse: Sendable {
    /// As the workers' counts were when all of them had moved.
    private var last: [Int] = []

    package init() {}

    /// True if every worker's loop has turned since this was last true, or at the first look.
    ///
    /// - Parameter turns: Of `DNSServer.workerTurns`.
    package mutating func isEveryWorkerAlive(_ turns: [Int]) -> Bool {
        guard turns.count != last.count || zip(turns, last).allSatisfy({ $0 != $1 }) else { return false }
        last = turns
        return true
    }
}
