import DNSWire
import Forwarding
import LinuxSystem
import Telemetry
import Time

/// The listeners of a worker and its clients' connections.
struct ClientSockets: ~Copyable {
    /// By index, which paths and tokens contain; a listener that is gone leaves its index empty.
    var listeners: [DatagramListener?]
    /// By index, as `listeners`.
    var streamListeners: [ListeningSocket?]
    /// The clients' connections.
    var connections: ClientTable
    /// Connections to write to, and then to read from again if they were paused.
    var listed: [ClientConnection] = []
    /// True if a listener waits for descriptors to become free.
    var hasPausedListener = false
    /// Questions are short; a longer datagram is cut off and ignored.
    var batch = DatagramBatch(capacity: 64, slotSize: 4096)
    /// See `WorkerStatistics.turns`.
    var turns = LatencyTable(rows: 1)

    /// The query log; nil: none.
    private var queryLog: QueryLog?
    /// Where replies for `queryLog` are collected.
    private(set) var queryLogRing: QueryLogRing?

    init(_ sockets: ListeningSockets, _ settings: DNSServerSettings) {
        listeners = sockets.datagram.map { DatagramListener($0) }
        streamListeners = sockets.stream
        connections = ClientTable(settings)
    }

    /// Lets replies be logged there from now on.
    mutating func use(_ log: QueryLog?, in turn: inout Turn) {
        guard log !== queryLog else { return }
        queryLog = log
        queryLogRing = log?.addRing()
        turn.outbox.queryLog = log.map { QueryLogBatch($0.filter, seed: turn.random.next()) }
    }

    // MARK: - From the outbox to the sockets

    /// Sends everything that the engine of `unit` has in its outbox, and what follows from that.
    mutating func flush(_ unit: inout EngineUnit, _ resources: inout WorkerResources) {
        // Ends: a failure makes the engine try a question's next server, and it gives up after a few; the
        // paused questions of connections are finite, since nothing is read here.
        while !resources.turn.outbox.isEmpty || unit.hasOutput || (unit.takesQuestions && !listed.isEmpty) {
            unit.sendQuestions(&resources)
            sendReplies(&resources)
            if resources.turn.outbox.queryLog != nil { writeQueryLog(&resources.turn) }
            resources.turn.outbox.removeAll()
            unit.writeStreams(&resources)
            // Paused questions are for the present engine.
            if unit.takesQuestions { writeConnections(&unit, &resources) }
            unit.tellNews(&resources)
        }
    }

    /// Sends the replies of the outbox.
    private mutating func sendReplies(_ resources: inout WorkerResources) {
        guard !resources.turn.outbox.replies.isEmpty else { return }
        for index in resources.turn.outbox.replies.indices {
            let reply = resources.turn.outbox.replies[index]
            let path = reply.path
            guard path.transport == .udp else {
                queue(reply, &resources)
                continue
            }
            guard let listener = listeners[Int(path.socket)] else {
                resources.counters.repliesUndeliverable += 1
                continue
            }
            if listener.sender.isFull { sendReplies(of: listener, &resources) }
            listener.sender.add(
                start: reply.start, end: reply.end, to: path.client,
                from: listener.socket.isWildcard ? path.local : nil, interface: path.interface)
        }
        for case let listener? in listeners where listener.sender.count > 0 {
            sendReplies(of: listener, &resources)
        }
        let nanoseconds = MonotonicClock.now.nanoseconds(since: resources.now)
        turns.record(nanoseconds: nanoseconds, row: 0, times: resources.turn.outbox.replies.count)
    }

    /// Sends the replies of one listener.
    private func sendReplies(of listener: DatagramListener, _ resources: inout WorkerResources) {
        let outcome = listener.flush(resources.turn.outbox)
        resources.counters.datagramsSent += outcome.sent
        resources.counters.datagramsDropped += outcome.dropped
        resources.counters.datagramsFailed += outcome.failed
    }

    /// Passes the sent replies that the query log wants to it.
    private func writeQueryLog(_ turn: inout Turn) {
        guard let ring = queryLogRing, var batch = turn.outbox.queryLog, !batch.replies.isEmpty
        else { return }
        let microseconds = Int(MonotonicClock.now.nanoseconds(since: turn.now) / 1000)
        for index in batch.replies.indices where batch.replies[index].microseconds < 0 {
            batch.replies[index].microseconds = microseconds
        }
        ring.take(&batch.replies)
        turn.outbox.queryLog = batch
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
