package import Forwarding
package import Telemetry

/// The counts of one worker since its start, and its present load.
package struct WorkerStatistics: Hashable, Sendable {
    /// The results of the questions.
    package var engine = EngineCounters()
    /// The same with labels; nil until the worker has published them for the first time.
    var meters: WorkerMeters? = nil
    /// From reading a batch of messages to having sent its replies: one row.
    package var turns = LatencyTable(rows: 1)
    /// The counts of its sockets.
    package var sockets = WorkerCounters()
    /// Questions that wait for a server's answer.
    package var inFlight = 0
    /// Connections of clients.
    package var connections = 0
    /// The last failures of questions.
    package var failures = FailureTable()
    /// The last refused clients.
    package var refusedClients = RefusedClients()

    /// Creates worker statistics.
    package init() {}
}

/// Counts whose rows are those of a policy.
struct WorkerMeters: Hashable, Sendable {
    /// The counts.
    let meters: EngineMeters
    /// The policy that they belong to.
    let policy: ForwardingPolicy

    static func == (left: WorkerMeters, right: WorkerMeters) -> Bool {
        left.policy === right.policy && left.meters == right.meters
    }

    func hash(into hasher: inout Hasher) { hasher.combine(meters) }

    /// The same counts in the rows of another policy; rows that it does not have are dropped.
    func inRows(of other: ForwardingPolicy) -> EngineMeters {
        guard policy !== other else { return meters }
        var adopted = meters
        adopted.adopt(other, after: policy)
        return adopted
    }
}

/// The counts of a server, readable while it runs.
package struct ServerStatistics: Sendable {
    /// One for each worker; at most `WorkerStatistics.publishMilliseconds` old.
    package let workers: [WorkerStatistics]

    /// The sum of one of the workers' numbers.
    package func sum(_ number: (WorkerStatistics) -> Int) -> Int {
        workers.reduce(0) { $0 + number($1) }
    }

    /// The server's policy; a worker may still use the one before.
    package let policy: ForwardingPolicy

    /// Creates server statistics.
    package init(workers: [WorkerStatistics], policy: ForwardingPolicy) {
        self.workers = workers
        self.policy = policy
    }

    /// All workers' counts with labels, in the rows of `policy`; see `meters(of:)`.
    package var meters: EngineMeters { meters(of: policy) }

    /// All workers' counts with labels, in the rows of a policy that the server has or had: 0 before the
    /// first worker has published any.
    package func meters(of policy: ForwardingPolicy) -> EngineMeters {
        workers.reduce(into: EngineMeters(policy)) { sum, worker in
            if let meters = worker.meters { sum.add(meters.inRows(of: policy)) }
        }
    }

    /// All workers' turns.
    package var turns: LatencyHistogram {
        workers.reduce(into: LatencyHistogram()) { $0.add($1.turns.total) }
    }
}

extension WorkerStatistics {
    /// How often a busy worker publishes its counts.
    static let publishMilliseconds = 100
}
