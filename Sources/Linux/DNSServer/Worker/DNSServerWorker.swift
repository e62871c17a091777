import DNSWire
import Forwarding
import IPAddressing
import LinuxSystem
import Synchronization
import Time

/// One thread of the server: an engine and its sockets, on one epoll loop. It shares only the policy, the
/// cache and the state of name servers with other threads.
///
/// A turn of the loop passes the input of all ready sockets to the engine, and then sends the outbox:
/// messages from many sockets are sent by few calls.
struct DNSServerWorker: ~Copyable {
    /// What the worker was made of.
    let seed: WorkerSeed
    /// The unit of the present configuration.
    var present: EngineUnit
    /// Units of earlier configurations, the oldest first, with questions in flight.
    var draining: [DrainingUnit] = []
    /// Listeners and clients' connections.
    var clients: ClientSockets
    /// What all of them use.
    var resources: WorkerResources

    /// The events of the present turn.
    private var events = EpollEvents(capacity: 256)
    /// When counts were last published.
    private var lastPublished = MonotonicClock.now
    /// True if something has happened since `lastPublished`.
    var hasNews = false
    /// True once the loop must end.
    var isStopping = false
    /// Once no more questions are taken: when those that wait are given up; see `beginEnd`.
    var end: MonotonicTime?
    /// True if there are new commands.
    private var hasCommands = false

    /// Must be called on the worker's own thread.
    init(_ seed: WorkerSeed) {
        self.seed = seed
        let first = seed.first.withLock { $0.take() }
        guard let first else { preconditionFailure("a seed makes one worker") }
        resources = WorkerResources(seed, first.settings, shortages: first.board.shortages)
        let engine = ForwardingEngine(
            policy: first.policy, hashKey: resources.turn.random.next(), cache: seed.cache,
            board: first.board, identity: first.identity, limits: seed.limits)
        present = EngineUnit(engine, first.board, number: 0)
        clients = ClientSockets(first.sockets, first.settings)
        clients.use(first.queryLog, in: &resources.turn)
    }

    /// Serves until it is stopped.
    mutating func run() {
        while !isStopping {
            seed.turns.wrappingAdd(1, ordering: .relaxed)
            let count: Int
            do throws(Errno) {
                count = try seed.epoll.wait(into: &events, milliseconds: pollTimeout())
            } catch {
                preconditionFailure("epoll cannot wait: \(error)")
            }
            resources.now = MonotonicClock.now
            for index in 0..<count {
                let event = events[index]
                guard let token = EventToken(rawValue: event.token) else { continue }
                handle(token, event.readiness)
                if resources.turn.outbox.replies.count + resources.turn.outbox.questions.count >= 256 {
                    flush()
                }
            }
            flush()
            if let deadline = present.engine.nextDeadline {
                resources.now = MonotonicClock.now
                if deadline <= resources.now {
                    hasNews = true
                    present.engine.expire(in: &resources.turn)
                    flush()
                }
            }
            drain()
            sweepWhereDue()
            if hasCommands {
                hasCommands = false
                runCommands()
            }
            endWhereAnswered()
            publishWhereDue(isChanged: count > 0)
        }
        publish()
    }

    /// Sends what the present engine has in the outbox, and what follows from that.
    mutating func flush() {
        clients.flush(&present, &resources)
    }

    /// Handles one event.
    private mutating func handle(_ token: EventToken, _ readiness: Epoll.Interest) {
        switch token.kind {
        case .wake:
            if seed.wake.clear() == .taken { hasCommands = true }
        case .datagramListener:
            clients.receiveQuestions(token.index, for: &present, &resources)
        case .streamListener:
            clients.acceptClients(token.index, &resources)
        case .client:
            guard let connection = clients.connections.find(token.index, token.generation) else { return }
            clients.serve(connection, readiness, for: &present, resources: &resources)
        case .upstreamDatagram, .upstreamStream:
            if token.engine == present.number {
                present.handle(token, readiness, clients: &clients, resources: &resources)
            } else if let old = draining.first(where: { $0.unit.number == token.engine }) {
                with(old) { unit, clients, resources in
                    unit.handle(token, readiness, clients: &clients, resources: &resources)
                }
            }
        }
    }

    // MARK: - Time

    /// How long to wait for events: until something is due, rounded up to a millisecond; nil if nothing is.
    private func pollTimeout() -> Int32? {
        var next = present.engine.nextDeadline
        for old in draining { next = next.map { min($0, old.nextDeadline) } ?? old.nextDeadline }
        if let end { next = next.map { min($0, end) } ?? end }
        if let sweep = resources.nextSweep { next = next.map { min($0, sweep) } ?? sweep }
        if hasNews {
            let publish = lastPublished.advanced(milliseconds: WorkerStatistics.publishMilliseconds)
            next = next.map { min($0, publish) } ?? publish
        }
        let longest = resources.settings.longestSleepMilliseconds
        guard let next else { return longest.map { Int32(clamping: $0) } }
        let nanoseconds = next.nanoseconds(since: MonotonicClock.now)
        return Int32(clamping: min(longest ?? 60_000, max(0, Int(nanoseconds + 999_999) / 1_000_000)))
    }

    /// Publishes the counts at most ten times a second, so that no question pays for it; the last ones are
    /// published before the worker sleeps.
    private mutating func publishWhereDue(isChanged: Bool) {
        hasNews = hasNews || isChanged
        let due = lastPublished.advanced(milliseconds: WorkerStatistics.publishMilliseconds)
        if hasNews, due <= resources.now || !isChanged { publish() }
    }

    /// Publishes the counts.
    mutating func publish() {
        for old in draining { present.engine.takeCounts(of: &old.unit.engine) }
        var statistics = WorkerStatistics()
        statistics.engine = present.engine.counters
        statistics.meters = WorkerMeters(meters: present.engine.meters, policy: present.engine.policy)
        statistics.turns = clients.turns
        statistics.sockets = resources.counters
        statistics.inFlight = draining.reduce(present.engine.transactionCount) {
            $0 + $1.unit.engine.transactionCount
        }
        statistics.connections = clients.connections.count
        statistics.failures = present.engine.failures
        statistics.refusedClients = present.engine.refusedClients
        seed.published.withLock { $0 = statistics }
        lastPublished = resources.now
        hasNews = false
    }

    /// Checks the connections if that is due.
    private mutating func sweepWhereDue() {
        let now = resources.now
        guard let due = resources.nextSweep, due <= now else { return }
        var isNeeded = clients.hasPausedListener
        if clients.hasPausedListener { clients.resumeListeners(seed.epoll) }
        if clients.closeRetiredListeners(at: now) == .someLeft { isNeeded = true }
        clients.closeExpiredConnections(&resources)
        clients.retireConnections(&resources)
        if clients.connections.count > 0 { isNeeded = true }
        if present.sweep(&resources) == .someOpen { isNeeded = true }
        let next = now.advanced(milliseconds: resources.settings.sweepMilliseconds)
        resources.nextSweep = isNeeded ? next : nil
        flush()
    }
}
