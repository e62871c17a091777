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
        let count = resources.turn.outbox.replies.count
        guard count > 0 else { return }
        var next = 0
        while next < count {  // each turn takes a reply, or sends those of a listener that has no room
            let path = resources.turn.outbox.replies[next].path
            guard path.transport == .udp else {
                queue(resources.turn.outbox.replies[next], &resources)
                next += 1
                continue
            }
            guard let listener = listeners[Int(path.socket)] else {
                resources.counters.repliesUndeliverable += 1
                next += 1
                continue
            }
            next = listener.collect(resources.turn.outbox, from: next, socket: path.socket)
            if next < count, listener.isFull { sendReplies(of: listener, &resources) }
        }
        for case let listener? in listeners where listener.hasReplies {
            sendReplies(of: listener, &resources)
        }
        let nanoseconds = MonotonicClock.now.nanoseconds(since: resources.now)
        turns.record(nanoseconds: nanoseconds, row: 0, times: count)
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
        for index in batch.replies.indices where batch.replies[index].microseconds == nil {
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
    private var sender = DatagramSender(capacity: 64)
    /// When it is closed: it is no longer listened on, but replies are still sent on it. Nil: it is in use.
    var retiredUntil: MonotonicTime?

    init(_ socket: ListeningSocket) {
        self.socket = socket
    }

    /// True if a reply waits to be sent.
    var hasReplies: Bool { sender.count > 0 }

    /// True if no further reply has room.
    var isFull: Bool { sender.isFull }

    /// Collects the replies from place `first` on that go out by UDP socket `socket`, this one; the place of
    /// the first one that does not, or has no room.
    func collect(_ outbox: borrowing Outbox, from first: Int, socket number: UInt32) -> Int {
        // The sender is passed on, since each access to a class's variable costs as much as a reply's.
        Self.collect(outbox, from: first, socket: number, isWildcard: socket.isWildcard, to: &sender)
    }

    private static func collect(
        _ outbox: borrowing Outbox, from first: Int, socket number: UInt32, isWildcard: Bool,
        to sender: inout DatagramSender
    ) -> Int {
        var next = first
        while next < outbox.replies.count, !sender.isFull {
            let reply = outbox.replies[next]
            guard reply.path.transport == .udp, reply.path.socket == number else { break }
            sender.add(
                start: reply.start, end: reply.end, to: reply.path.client,
                from: isWildcard ? reply.path.local : nil, interface: reply.path.interface)
            next += 1
        }
        return next
    }

    /// Sends the collected replies, which are in `outbox`.
    func flush(_ outbox: borrowing Outbox) -> DatagramSender.Outcome {
        sender.send(outbox.octets.span, on: socket.descriptor, stopsAtError: false)
    }
}
