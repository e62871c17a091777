package import Forwarding

/// What one worker has done since its start, and what it has in hand.
package struct WorkerStatistics: Hashable, Sendable {
    /// What became of the questions.
    package var engine = EngineCounters()
    /// What its sockets did.
    package var sockets = WorkerCounters()
    /// Questions that wait for a server's answer.
    package var inFlight = 0
    /// Connections of clients.
    package var connections = 0

    package init() {}
}

/// What a server has done, readable while it runs.
package struct ServerStatistics: Hashable, Sendable {
    /// One for each worker; at most `WorkerStatistics.publishMilliseconds` old.
    package let workers: [WorkerStatistics]

    /// The sum of one of the workers' numbers.
    package func sum(_ number: (WorkerStatistics) -> Int) -> Int {
        workers.reduce(0) { $0 + number($1) }
    }

    package init(workers: [WorkerStatistics]) {
        self.workers = workers
    }
}

extension WorkerStatistics {
    /// How often a busy worker tells its numbers.
    static let publishMilliseconds = 100
}
