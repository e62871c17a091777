package import Forwarding
package import Telemetry

/// What one worker has done since its start, and what it has in hand.
package struct WorkerStatistics: Hashable, Sendable {
    /// What became of the questions.
    package var engine = EngineCounters()
    /// The same with labels; nil until the worker has told them for the first time.
    package var meters: EngineMeters? = nil
    /// From reading a batch of messages to having sent the replies that it brought: one row.
    package var turns = LatencyTable(rows: 1)
    /// What its sockets did.
    package var sockets = WorkerCounters()
    /// Questions that wait for a server's answer.
    package var inFlight = 0
    /// Connections of clients.
    package var connections = 0
    /// Why questions failed, of late.
    package var failures = FailureTable()

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

    /// All workers' counts with labels; nil before the first of them has told any.
    package var meters: EngineMeters? {
        workers.reduce(into: nil) { sum, worker in
            guard let meters = worker.meters else { return }
            if sum == nil { sum = meters } else { sum?.add(meters) }
        }
    }

    /// All workers' turns.
    package var turns: LatencyHistogram {
        workers.reduce(into: LatencyHistogram()) { $0.add($1.turns.total) }
    }
}

extension WorkerStatistics {
    /// How often a busy worker tells its numbers.
    static let publishMilliseconds = 100
}
