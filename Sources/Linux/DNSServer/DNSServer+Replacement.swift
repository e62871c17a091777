import AnswerCache
package import DNSWire
package import Forwarding
package import IPAddressing
import LinuxSystem
import Synchronization

/// A new configuration for a running server.
package struct DNSServerChange: Sendable {
    /// The endpoints to listen on.
    package let listen: [Endpoint]
    /// Made with `after:` the server's present policy.
    package let policy: ForwardingPolicy
    /// The number of connections stays as it was at the start.
    package let settings: DNSServerSettings
    /// See `DNSServer.init`.
    package let cookieSecrets: [SipHash.Key]
    /// The present one, a new one, or nil: no log.
    package let queryLog: QueryLog?
    /// What another server with the same policy knows of the name servers; nil: what this one knows goes on.
    package var board: HealthBoard? = nil

    /// Creates a DNS server change.
    package init(
        listen: [Endpoint], policy: ForwardingPolicy, settings: DNSServerSettings,
        cookieSecrets: [SipHash.Key], queryLog: QueryLog? = nil
    ) {
        self.listen = listen
        self.policy = policy
        self.settings = settings
        self.cookieSecrets = cookieSecrets
        self.queryLog = queryLog
    }
}

extension DNSServer {
    /// How long the workers may take to execute a command, in milliseconds; a turn takes far less.
    private static let acknowledgementTimeout: Int32 = 20_000

    /// Switches to another configuration; must be called by one thread at a time.
    ///
    /// Sockets that stay, clients' connections, questions in flight and all answers that are still valid are
    /// kept. If it throws, nothing has changed.
    ///
    /// - Returns: What did not succeed, in words; as a rule nothing.
    package func replace(_ change: DNSServerChange) throws(DNSServerError) -> [String] {
        guard isRunning else { throw .notRunning }
        let old = current.withLock { $0 }
        let policyChange = PolicyChange(from: old.policy, to: change.policy)
        var settings = Self.fitted(change.settings, change.policy, workers: seeds.count, on: change.listen)
        settings.longestSleepMilliseconds = old.settings.longestSleepMilliseconds
        let retired = retiredListeners.withLock { $0.filter { $0.sockets != nil } }
        let next = CurrentServing(
            policy: change.policy, board: change.board ?? HealthBoard(policyChange, after: old.board),
            identity: old.identity.with(cookieSecrets: change.cookieSecrets), settings: settings,
            listeners: try old.listeners.rebound(change.listen, retired: retired),
            queryLog: change.queryLog)
        let (begun, reconfigured, settled) = (try pending(), try pending(), try pending())
        let newProber = try makeProber(next.policy, next.board, identity: next.identity, settings: settings)
        let newLog = next.queryLog === old.queryLog ? nil : next.queryLog
        try start { () throws(Errno) in try newLog?.start() }

        send(.begin(policyChange), begun)
        guard begun.wait(milliseconds: Self.acknowledgementTimeout) == .complete else {
            // Commands under way do no harm: answers that they keep out of the cache are asked for again.
            newLog?.stop()
            throw .workerIsLate
        }
        do throws(DNSServerError) {
            try start { () throws(Errno) in try newProber?.start() }
        } catch {
            newLog?.stop()
            send(.completeReload, settled)
            throw error
        }
        let sockets = next.listeners.byWorker
        for (seed, sockets) in zip(seeds, sockets) {
            let serving = Serving(
                policy: next.policy, board: next.board, identity: next.identity, settings: next.settings,
                sockets: sockets, queryLog: next.queryLog)
            seed.send(.reconfigure(serving, policyChange), reconfigured)
        }
        let isDone = reconfigured.wait(milliseconds: Self.acknowledgementTimeout) == .complete
        current.withLock { $0 = next }
        let given = old.listeners.all.filter { listener in
            !next.listeners.all.contains { $0.asked == listener.asked }
        }
        retiredListeners.withLock { $0 = retired + given.map(RetiredListener.init) }
        let oldProber = prober.withLock { prober in
            defer { prober = newProber }
            return prober
        }
        oldProber?.stop()
        // The workers' last lines are written; the rest of a worker that does not react is dropped.
        if next.queryLog !== old.queryLog { old.queryLog?.stop() }
        // No worker, not even a late one, stores answers by the old rules any more.
        dropAnswers(policyChange)
        guard isDone else { return ["a worker does not respond"] }
        send(.completeReload, settled)
        let inherited = next.listeners.all.filter { $0.isInherited && !change.listen.contains($0.asked) }
        return reconfigured.problems
            + inherited.map {
                "dns.listen: \($0.asked) was inherited, and is listened on until a restart"
            }
    }

    /// Removes answers that are no longer valid.
    private func dropAnswers(_ change: PolicyChange) {
        guard let cache else { return }
        var check = CachedAnswerCheck(change)
        _ = cache.removeAll { name, view in !check.keeps(name, view: view) }
    }

    /// Gives a command to all workers.
    private func send(_ task: WorkerCommand.Task, _ acknowledgement: Acknowledgement) {
        for seed in seeds { seed.send(task, acknowledgement) }
    }

    /// A new acknowledgement for all workers.
    private func pending() throws(DNSServerError) -> Acknowledgement {
        do throws(Errno) {
            return try Acknowledgement(workers: seeds.count)
        } catch {
            throw .cannotStartWorker(0, error)
        }
    }

    /// Runs `begin`, with its error as one of the server.
    private func start(_ begin: () throws(Errno) -> Void) throws(DNSServerError) {
        do throws(Errno) {
            try begin()
        } catch {
            throw .cannotStartWorker(seeds.count, error)
        }
    }
}
