import DNSWire
import Forwarding
import IPAddressing
import LinuxSystem
import Synchronization
import Telemetry

/// One thread of the server: an engine and its sockets, on one epoll loop. It shares only the policy, the
/// cache and the state of name servers with other threads.
///
/// A turn of the loop passes the input of all ready sockets to the engine, and then sends the outbox:
/// messages from many sockets are sent by few calls.
struct DNSServerWorker: ~Copyable {
    /// What the worker was made of.
    let seed: WorkerSeed
    /// The limits of connections.
    var settings: DNSServerSettings

    /// The present engine; while `isDraining`, one of `draining`.
    var engine: ForwardingEngine
    /// Part of the tokens of the sockets in `upstreams`.
    var engineNumber: UInt8 = 0
    /// Engines of earlier configurations, the oldest first, with questions in flight.
    var draining: [DrainingEngine] = []
    /// True while an old engine is in place of the present one.
    var isDraining = false
    /// What each call into an engine is given.
    var turn = Turn(at: MonotonicClock.now, random: KernelRandom())
    /// Counts of the sockets.
    var counters = WorkerCounters()
    /// See `WorkerStatistics.turns`.
    var turns = LatencyTable(rows: 1)

    /// By index, which paths and tokens contain; a listener that is gone leaves its index empty.
    var listeners: [DatagramListener?]
    /// By index, as `listeners`.
    var streamListeners: [ListeningSocket?]
    /// The sockets towards each server.
    var upstreams: OwnedArray<Upstream>
    /// The clients' connections.
    var clients: ClientTable
    /// Connections to write to, and then to read from again if they were paused.
    var listedClients: [ClientConnection] = []
    /// Servers whose TCP connection must be written to.
    var listedUpstreams: [Int] = []
    /// Events while the outbox was being sent; the engine gets them when the outbox is empty.
    var news: [UpstreamNews] = []
    /// Where what is missing here is noted.
    let shortages: LocalShortages
    /// Of all engines.
    let openSockets = OpenSocketCount()
    /// Where the search for a socket to close continues.
    var nextIdleServer = 0

    /// Questions are short; a longer datagram is cut off and ignored.
    var clientBatch = DatagramBatch(capacity: 64, slotSize: 4096)
    /// Answers may have any size, regardless of what we advertise.
    var answerBatch = DatagramBatch(capacity: 32, slotSize: 65_535)
    /// The octets of one read of a TCP connection.
    var readBuffer = [UInt8](repeating: 0, count: 64 * 1024)

    /// The query log; nil: none.
    private var queryLog: QueryLog?
    /// Where replies for `queryLog` are collected.
    private(set) var queryLogRing: QueryLogRing?

    /// The events of the present turn.
    private var events = EpollEvents(capacity: 256)
    /// When connections are checked next.
    private var nextSweep: MonotonicTime? = nil
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
    /// True if a listener waits for descriptors to become free.
    var hasPausedListener = false

    /// Must be called on the worker's own thread.
    /// The time of the present turn.
    var now: MonotonicTime {
        get { turn.now }
        set { turn.now = newValue }
    }

    init(_ seed: WorkerSeed) {
        self.seed = seed
        let first = seed.first.withLock { $0.take() }
        guard let first else { preconditionFailure("a seed makes one worker") }
        settings = first.settings
        engine = ForwardingEngine(
            policy: first.policy, hashKey: turn.random.next(), cache: seed.cache, board: first.board,
            identity: first.identity, limits: seed.limits)
        listeners = first.sockets.datagram.map { DatagramListener($0) }
        streamListeners = first.sockets.stream
        upstreams = Self.upstreams(of: first.policy, first.board)
        shortages = first.board.shortages
        clients = ClientTable(first.settings)
        useQueryLog(first.queryLog)
    }

    /// Lets replies be logged there from now on.
    mutating func useQueryLog(_ log: QueryLog?) {
        guard log !== queryLog else { return }
        queryLog = log
        queryLogRing = log?.addRing()
        turn.outbox.queryLog = log.map { QueryLogBatch($0.filter, seed: turn.random.next()) }
    }

    /// Sockets, none of them open, towards all servers of a policy.
    static func upstreams(of policy: ForwardingPolicy, _ board: HealthBoard) -> OwnedArray<Upstream> {
        let servers = policy.servers
        return OwnedArray(count: servers.count) { Upstream(server: servers[$0], health: board.servers[$0]) }
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
            now = MonotonicClock.now
            for index in 0..<count {
                let event = events[index]
                guard let token = EventToken(rawValue: event.token) else { continue }
                handle(token, event.readiness)
                if turn.outbox.replies.count + turn.outbox.questions.count >= 256 { flush() }
            }
            flush()
            if let deadline = engine.nextDeadline {
                now = MonotonicClock.now
                if deadline <= now {
                    hasNews = true
                    engine.expire(in: &turn)
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

    /// Handles one event.
    private mutating func handle(_ token: EventToken, _ readiness: Epoll.Interest) {
        switch token.kind {
        case .wake:
            if seed.wake.clear() { hasCommands = true }
        case .datagramListener:
            receiveQuestions(token.index)
        case .streamListener:
            acceptClients(token.index)
        case .client:
            guard let connection = clients.find(token.index, token.generation) else { return }
            serve(connection, readiness)
        case .upstreamDatagram, .upstreamStream:
            if token.engine == engineNumber {
                handleUpstream(token, readiness)
            } else if let old = draining.first(where: { $0.number == token.engine }) {
                withEngine(old) { $0.handleUpstream(token, readiness) }
            }
        }
    }

    /// Handles an event of a socket towards a server.
    private mutating func handleUpstream(_ token: EventToken, _ readiness: Epoll.Interest) {
        let index = token.upstreamIndex
        if token.kind == .upstreamStream {
            serveUpstreamStream(index, token.generation, readiness)
            return
        }
        let (server, socket) = index.quotientAndRemainder(dividingBy: UpstreamSockets.perServer)
        receiveAnswers(server: server, socket: socket, readiness)
    }

    // MARK: - Time

    /// How long to wait for events: until something is due, rounded up to a millisecond; nil if nothing is.
    private func pollTimeout() -> Int32? {
        var next = engine.nextDeadline
        for old in draining { next = next.map { min($0, old.nextDeadline) } ?? old.nextDeadline }
        if let end { next = next.map { min($0, end) } ?? end }
        if let sweep = nextSweep { next = next.map { min($0, sweep) } ?? sweep }
        if hasNews {
            let publish = lastPublished.advanced(milliseconds: WorkerStatistics.publishMilliseconds)
            next = next.map { min($0, publish) } ?? publish
        }
        let longest = settings.longestSleepMilliseconds
        guard let next else { return longest.map { Int32(clamping: $0) } }
        let nanoseconds = next.nanoseconds(since: MonotonicClock.now)
        return Int32(clamping: min(longest ?? 60_000, max(0, Int(nanoseconds + 999_999) / 1_000_000)))
    }

    /// Publishes the counts at most ten times a second, so that no question pays for it; the last ones are
    /// published before the worker sleeps.
    private mutating func publishWhereDue(isChanged: Bool) {
        hasNews = hasNews || isChanged
        let due = lastPublished.advanced(milliseconds: WorkerStatistics.publishMilliseconds)
        if hasNews, due <= now || !isChanged { publish() }
    }

    /// Publishes the counts.
    mutating func publish() {
        for old in draining { engine.takeCounts(of: &old.engine) }
        var statistics = WorkerStatistics()
        statistics.engine = engine.counters
        statistics.meters = WorkerMeters(meters: engine.meters, policy: engine.policy)
        statistics.turns = turns
        statistics.sockets = counters
        statistics.inFlight = draining.reduce(engine.transactionCount) { $0 + $1.engine.transactionCount }
        statistics.connections = clients.count
        statistics.failures = engine.failures
        statistics.refusedClients = engine.refusedClients
        seed.published.withLock { $0 = statistics }
        lastPublished = now
        hasNews = false
    }

    /// Schedules a check of the connections; called for each new one.
    mutating func planSweep() {
        if nextSweep == nil { nextSweep = now.advanced(milliseconds: settings.sweepMilliseconds) }
    }

    /// Checks the connections if that is due.
    private mutating func sweepWhereDue() {
        guard let due = nextSweep, due <= now else { return }
        var isNeeded = hasPausedListener
        if hasPausedListener { resumeListeners() }
        if closeRetiredListeners() { isNeeded = true }
        for slot in clients.expired(at: now) {
            counters.connectionsExpired += 1
            clients.remove(slot)
        }
        retireClients()
        if clients.count > 0 { isNeeded = true }
        if renewSockets() { isNeeded = true }
        for server in 0..<upstreams.count {
            let stream = upstreams[server].stream
            if stream.progress.isExpired(at: now, settings) {
                closeUpstream(server, .failed(.closed))
            }
            if stream.progress.phase != .closed { isNeeded = true }
        }
        nextSweep = isNeeded ? now.advanced(milliseconds: settings.sweepMilliseconds) : nil
        flush()
    }
}

/// A listening UDP socket and the replies to send on it.
final class DatagramListener {
    /// The socket.
    let socket: ListeningSocket
    /// The replies to send.
    var sender = DatagramSender(capacity: 64)
    /// When it is closed: it is no longer listened on, but replies are still sent on it. Nil: it is in use.
    var retiredUntil: MonotonicTime?

    init(_ socket: ListeningSocket) {
        self.socket = socket
    }

    /// Sends the collected replies, which are in `outbox`.
    func flush(_ outbox: borrowing Outbox) -> DatagramSender.Outcome {
        sender.send(outbox.octets.span, on: socket.descriptor, stopsAtError: false)
    }
}
