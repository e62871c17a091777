import DNSWire
import Forwarding
import LinuxSystem
import Time

/// An engine with its sockets towards servers.
///
/// The unit of the present configuration takes questions; those of earlier ones answer their questions in
/// flight, each with its own servers.
struct EngineUnit: ~Copyable {
    /// The engine.
    var engine: ForwardingEngine
    /// The sockets towards each server of its policy.
    var upstreams: OwnedArray<Upstream>
    /// Part of the tokens of these sockets.
    let number: UInt8
    /// False once another configuration took its place.
    var takesQuestions = true
    /// Servers whose TCP connection must be written to.
    var listed: [Int] = []
    /// Events while the outbox was being sent; the engine gets them when the outbox is empty.
    var news: [UpstreamNews] = []
    /// Where the search for a socket to close continues.
    private var nextIdleServer = 0

    /// Its sockets are opened when questions need them.
    init(_ engine: consuming ForwardingEngine, _ board: HealthBoard, number: UInt8) {
        let servers = engine.policy.servers
        upstreams = OwnedArray(count: servers.count) {
            Upstream(server: servers[$0], health: board.servers[$0])
        }
        self.engine = engine
        self.number = number
    }

    /// True if there is something to send or to tell the engine, besides the outbox.
    var hasOutput: Bool { !news.isEmpty || !listed.isEmpty }

    /// Handles an event of a socket towards a server.
    mutating func handle(
        _ token: EventToken, _ readiness: Epoll.Interest, clients: inout ClientSockets,
        resources: inout WorkerResources
    ) {
        let index = token.upstreamIndex
        if token.kind == .upstreamStream {
            serveStream(index, token.generation, readiness: readiness, resources: &resources)
            return
        }
        let (server, socket) = index.quotientAndRemainder(dividingBy: UpstreamSockets.perServer)
        let path = UpstreamPath(server: server, socket: socket, transport: .udp)
        receiveAnswers(over: path, readiness, &clients, resources: &resources)
    }

    /// Sends the questions of the outbox.
    mutating func sendQuestions(_ resources: inout WorkerResources) {
        guard !resources.turn.outbox.questions.isEmpty else { return }
        for index in resources.turn.outbox.questions.indices {
            let question = resources.turn.outbox.questions[index]
            let server = question.path.server
            guard question.path.transport == .udp else {
                askOverStream(server, start: question.start, end: question.end, &resources)
                continue
            }
            if upstreams[server].senderSocket != question.path.socket || upstreams[server].sender.isFull {
                sendDatagrams(to: server, &resources)
                upstreams[server].senderSocket = question.path.socket
            }
            upstreams[server].sender.add(start: question.start, end: question.end)
        }
        for server in 0..<upstreams.count { sendDatagrams(to: server, &resources) }
    }

    /// Reports errors of sending to the engine, which may then have more to send.
    mutating func tellNews(_ resources: inout WorkerResources) {
        guard !news.isEmpty else { return }
        let published = news
        news.removeAll(keepingCapacity: true)
        for item in published {
            switch item.event {
            case .failed(let failure):
                resources.counters.upstreamFailures += 1
                engine.take(.failed(failure), on: item.path, in: &resources.turn)
            case .failedHere(let failure):
                note(failure, towards: item.path.server, &resources)
                engine.take(.failedHere(failure), on: item.path, in: &resources.turn)
            case .unsent(let id, let failure):
                note(failure, towards: item.path.server, &resources)
                engine.questionUnsent(id, over: item.path, failure, in: &resources.turn)
            case .hinted:
                engine.take(.hinted, on: item.path, in: &resources.turn)
            }
        }
    }

    /// A question could not leave for want of something here.
    private func note(_ failure: LocalFailure, towards server: Int, _ resources: inout WorkerResources) {
        resources.shortages.note(failure, for: upstreams[server].server, at: resources.now)
    }

    // MARK: - Descriptors

    /// Whether any socket needs a later check.
    enum SweepOutcome {
        /// Nothing is open any more.
        case allClosed
        /// Some are open.
        case someOpen
    }

    /// Closes the sockets that are done and the connections that have been idle too long.
    mutating func sweep(_ resources: inout WorkerResources) -> SweepOutcome {
        var outcome = renewSockets(&resources)
        for server in 0..<upstreams.count {
            let stream = upstreams[server].stream
            if stream.progress.isExpired(at: resources.now, resources.settings) {
                closeStream(server, .failed(.closed))
            }
            if stream.progress.phase != .closed { outcome = .someOpen }
        }
        return outcome
    }

    /// Opens a socket towards a server; if there is no room for it, closes an idle one.
    mutating func withDescriptor(
        _ resources: borrowing WorkerResources, _ open: () throws(Errno) -> FileDescriptor
    ) throws(Errno) -> ConnectedSocket {
        let openSockets = resources.openSockets
        if openSockets.value >= resources.settings.upstreamSocketsPerWorker, closeIdleSocket() == .noneIdle {
            throw .tooManyDescriptors
        }
        do throws(Errno) {
            return ConnectedSocket(try open(), openSockets)
        } catch {
            switch SocketFault(error) {
            case .local(.descriptors), .local(.memory), .local(.ports):
                guard closeIdleSocket() == .closed else { throw error }
                return ConnectedSocket(try open(), openSockets)
            default: throw error
            }
        }
    }

    /// What `closeIdleSocket` found.
    private enum IdleSocket {
        /// One was idle, and is closed.
        case closed
        /// All wait for answers.
        case noneIdle
    }

    /// Closes a socket towards some server that waits for no answer.
    private mutating func closeIdleSocket() -> IdleSocket {
        for step in 0..<upstreams.count {
            let server = (nextIdleServer + step) % upstreams.count
            for place in 0..<UpstreamSockets.perServer where upstreams[server].ports.isOpen(place) {
                let path = UpstreamPath(server: server, socket: place, transport: .udp)
                guard !engine.isWaiting(for: path) else { continue }
                upstreams[server].close(place)
                nextIdleServer = server
                return .closed
            }
            guard upstreams[server].stream.progress.isIdle else { continue }
            upstreams[server].stream.close()
            nextIdleServer = server
            return .closed
        }
        return .noneIdle
    }
}

/// A unit of an earlier configuration; a class, so that it can be in an array.
final class DrainingUnit {
    /// The unit.
    var unit: EngineUnit
    /// When its remaining questions are given up.
    let end: MonotonicTime

    init(_ unit: consuming EngineUnit, end: MonotonicTime) {
        self.unit = unit
        self.end = end
        self.unit.takesQuestions = false
    }

    /// When something is due.
    var nextDeadline: MonotonicTime { unit.engine.nextDeadline.map { min($0, end) } ?? end }

    /// True if it has no question in flight.
    var isFinished: Bool { unit.engine.transactionCount == 0 }
}
