import AnswerCache
package import DNSWire
package import Forwarding
package import IPAddressing
import LinuxSystem
import Synchronization

/// What a running server can be told to serve by instead.
package struct DNSServerChange: Sendable {
    package let listen: [Endpoint]
    /// Made with `after:` the server's policy of now.
    package let policy: ForwardingPolicy
    /// The number of connections stays as it was at the start.
    package let settings: DNSServerSettings
    package let cookieSecrets: [SipHash.Key]
    /// The one of now, a new one, or nil: nothing is written down.
    package let queryLog: QueryLog?

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
    /// How long all workers may take to do as they are told, in milliseconds; a turn takes far less.
    private static let patience: Int32 = 20_000

    /// Serves by another configuration from now on; to be called by one thread at a time.
    ///
    /// Sockets that stay, clients' connections, questions in flight and all answers that still hold are kept.
    /// Nothing has changed where it throws.
    ///
    /// - Returns: What did not work out, in words; as a rule nothing.
    package func replace(_ change: DNSServerChange) throws(DNSServerError) -> [String] {
        guard isRunning else { throw .notRunning }
        let old = current.withLock { $0 }
        let policyChange = PolicyChange(from: old.policy, to: change.policy)
        var settings = Self.fitted(change.settings, change.policy, workers: seeds.count, change.listen)
        settings.longestSleepMilliseconds = old.settings.longestSleepMilliseconds
        let retired = retiredListeners.withLock { $0.filter { $0.sockets != nil } }
        let next = CurrentServing(
            policy: change.policy, board: HealthBoard(policyChange, after: old.board),
            identity: old.identity.with(cookieSecrets: change.cookieSecrets), settings: settings,
            listeners: try old.listeners.rebound(change.listen, retired: retired),
            queryLog: change.queryLog)
        let (begun, adopted, settled) = (try receipt(), try receipt(), try receipt())
        let newProber = try makeProber(next.policy, next.board, next.identity, settings)
        let newLog = next.queryLog === old.queryLog ? nil : next.queryLog
        try start { () throws(Errno) in try newLog?.start() }

        tell(.begin(policyChange), begun)
        guard begun.wait(milliseconds: Self.patience) else {
            // The orders that are under way do no harm: what they keep out of the cache is asked for.
            newLog?.stop()
            throw .workerIsLate
        }
        do throws(DNSServerError) {
            try start { () throws(Errno) in try newProber?.start() }
        } catch {
            newLog?.stop()
            tell(.settle, settled)
            throw error
        }
        let sockets = next.listeners.byWorker
        for (seed, sockets) in zip(seeds, sockets) {
            let serving = Serving(
                policy: next.policy, board: next.board, identity: next.identity, settings: next.settings,
                sockets: sockets, queryLog: next.queryLog)
            seed.give(.adopt(serving, policyChange), adopted)
        }
        let isDone = adopted.wait(milliseconds: Self.patience)
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
        // What the workers gave it is written; where one does not react, the rest of it is dropped.
        if next.queryLog !== old.queryLog { old.queryLog?.stop() }
        // No worker keeps answers by the old rules any more, so this holds however late one of them is.
        dropAnswers(policyChange)
        guard isDone else { return ["a worker does not react"] }
        tell(.settle, settled)
        let inherited = next.listeners.all.filter { $0.isInherited && !change.listen.contains($0.asked) }
        return adopted.problems
            + inherited.map {
                "dns.listen: \($0.asked) was inherited, and is listened on until a restart"
            }
    }

    /// Forgets what does not hold any more.
    private func dropAnswers(_ change: PolicyChange) {
        guard let cache else { return }
        var check = KeptAnswerCheck(change)
        _ = cache.removeAll { name, view in !check.keeps(name, view: view) }
    }

    private func tell(_ task: WorkerOrder.Task, _ receipt: OrderReceipt) {
        for seed in seeds { seed.give(task, receipt) }
    }

    private func receipt() throws(DNSServerError) -> OrderReceipt {
        do throws(Errno) {
            return try OrderReceipt(workers: seeds.count)
        } catch {
            throw .cannotStartWorker(0, error)
        }
    }

    private func start(_ begin: () throws(Errno) -> Void) throws(DNSServerError) {
        do throws(Errno) {
            try begin()
        } catch {
            throw .cannotStartWorker(seeds.count, error)
        }
    }
}
