import DNSWire
import Forwarding
import IPAddressing
import LinuxSystem
import Telemetry

// UDP: questions from clients, questions to servers and their answers.

extension DNSServerWorker {
    /// Batches that one socket may bring in one turn, so that other sockets are served too.
    private static var batchesPerTurn: Int { 4 }

    /// Passes the datagrams on listening socket `index` to the engine.
    mutating func receiveQuestions(_ index: Int) {
        guard let socket = listeners[index]?.socket else { return }
        for _ in 0..<Self.batchesPerTurn {
            let count: Int
            do throws(Errno) {
                count = try clientBatch.receive(from: socket.descriptor)
            } catch {
                // An error of an earlier reply, which says nothing about the datagrams that wait here.
                continue
            }
            if count > 0 { beginQuestions() }
            counters.datagramsReceived += count
            for place in 0..<count { receiveQuestion(place, socket, index) }
            if count < clientBatch.capacity { return }
            flush()
        }
    }

    /// Must be called after questions were received, before the engine gets them.
    ///
    /// The clock is read again: an answer that expired before the question was asked must not seem fresh.
    mutating func beginQuestions() {
        now = MonotonicClock.now
        engine.unixTime = UInt32(truncatingIfNeeded: WallClock.seconds)
    }

    /// Takes one question of a batch.
    private mutating func receiveQuestion(_ place: Int, _ socket: ListeningSocket, _ index: Int) {
        guard let sender = clientBatch.sender(place), sender.endpoint.port != 0, !clientBatch.isCut(place)
        else {
            counters.datagramsIgnored += 1
            return
        }
        var local = socket.endpoint.address
        var interface = sender.scope
        if socket.isWildcard {
            guard let destination = clientBatch.destination(place) else {
                counters.datagramsIgnored += 1
                return
            }
            local = destination.address
            if interface == 0 { interface = destination.interface }
        }
        let path = ClientPath(
            client: sender.endpoint, local: local, interface: interface, socket: UInt32(index), generation: 0,
            transport: .udp)
        engine.receiveQuestion(place, of: clientBatch, from: path, in: &turn)
    }
}

// MARK: - Servers

extension DNSServerWorker {
    /// Passes the answers of server `server` at place `place` of its pool to the engine.
    mutating func receiveAnswers(server: Int, socket place: Int, _ readiness: Epoll.Interest) {
        guard let socket = upstreams[server].socket(place) else { return }
        let path = UpstreamPath(server: server, socket: place, transport: .udp)
        var isHinted = false
        if readiness.contains(.failed) {
            isHinted = socket.descriptor.pendingError() != nil
            DatagramSocket.discardErrors(of: socket.descriptor)
        }
        var isDistrusted = false
        for _ in 0..<Self.batchesPerTurn {
            let count: Int
            do throws(Errno) {
                count = try answerBatch.receive(from: socket.descriptor)
            } catch {
                isHinted = true
                DatagramSocket.discardErrors(of: socket.descriptor)
                continue
            }
            counters.answersReceived += count
            for slot in 0..<count {
                let outcome = engine.receiveAnswer(
                    slot, of: answerBatch, over: path, in: &turn)
                guard outcome == .mismatch else { continue }
                upstreams[server].health.noteUnmatched(at: now)
                guard upstreams[server].ports.mismatched(place) else { continue }
                isDistrusted = true
            }
            if count < answerBatch.capacity { break }
            flush()
        }
        if isDistrusted { return distrust(path) }
        if isHinted { noteHint(path) }
        if upstreams[server].ports.isLeaving(place), !engine.isWaiting(for: path) {
            upstreams[server].close(place)
        }
    }

    /// Too many answers on `path` match no question: its questions are asked over TCP, and its port is
    /// given up.
    private mutating func distrust(_ path: UpstreamPath) {
        flush()
        counters.distrustedSockets += 1
        engine.distrust(path, in: &turn)
        upstreams[path.server].close(path.socket)
        drawPort(for: path.server)
    }

    /// ICMP says that no answers come on `path`. It is still listened on, but no more questions are sent from
    /// a port that a forger may know, and the engine asks elsewhere.
    private mutating func noteHint(_ path: UpstreamPath) {
        guard upstreams[path.server].ports.hinted(path.socket) else { return }
        counters.upstreamHints += 1
        upstreams[path.server].ports.retire(path.socket)
        drawPort(for: path.server)
        news.append(UpstreamNews(path, .hinted))
    }

    /// Closes the sockets that have sent their questions and wait for no answer (RFC 5452 section 9.2). True
    /// if there are others.
    mutating func renewSockets() -> Bool {
        var isAnyOpen = false
        for server in 0..<upstreams.count where !upstreams[server].isUnused {
            for place in 0..<UpstreamSockets.perServer where upstreams[server].ports.isOpen(place) {
                if isDone(server, place) { upstreams[server].close(place) } else { isAnyOpen = true }
            }
            drawPort(for: server)
        }
        return isAnyOpen
    }

    /// True if the socket has sent all the questions that it may, and their answers are here.
    private func isDone(_ server: Int, _ place: Int) -> Bool {
        let ports = upstreams[server].ports
        guard ports.isLeaving(place) || ports.isSpent(place, at: now) else { return false }
        return !engine.isWaiting(for: UpstreamPath(server: server, socket: place, transport: .udp))
    }

    /// Draws the port that the next questions to `server` are sent from.
    mutating func drawPort(for server: Int) {
        upstreams[server].ports.draw(turn.random.next(), among: portsPerServer)
        let place = upstreams[server].ports.place
        if upstreams[server].ports.isSpent(place, at: now) {
            if isDone(server, place) {
                upstreams[server].close(place)
            } else {
                upstreams[server].ports.retire(place)
            }
        }
        engine.sendQuestions(to: server, from: upstreams[server].ports.place)
    }

    /// The pool's size for each server while less than half of the worker's sockets are open; then each
    /// server's share.
    private var portsPerServer: Int {
        let most = settings.upstreamSocketsPerWorker
        return openSockets.value * 2 < most ? PortPool.mostTaking : most / max(1, upstreams.count)
    }

    /// Sends the collected questions to one server, from one socket of its pool.
    mutating func sendQuestions(to server: Int) {
        guard upstreams[server].sender.count > 0 else { return }
        let path = UpstreamPath(server: server, socket: upstreams[server].senderSocket, transport: .udp)
        let outcome = deliver(path)
        counters.questionsSent += outcome.sent
        counters.questionsDropped += outcome.dropped
        upstreams[server].ports.took(outcome.sent, path.socket)
        if outcome.reported != nil { noteHint(path) }
        if let error = outcome.error, case .remote(.unreachable) = SocketFault(error) {
            // This host has no route: earlier questions will not be answered either.
            news.append(UpstreamNews(path, error))
        } else if outcome.sent < upstreams[server].sender.lastCount {
            noteUnsent(path, from: outcome.sent, outcome.error)
        }
        drawPort(for: server)
    }

    /// Sends the datagrams for `path`; on a new socket if the old one has no route, since it keeps its source
    /// address, which this host may have lost.
    private mutating func deliver(_ path: UpstreamPath) -> DatagramSender.Outcome {
        let isOld = upstreams[path.server].ports.isOpen(path.socket)
        do throws(Errno) {
            let socket = try openedSocket(path)
            let outcome = upstreams[path.server].flush(turn.outbox, on: socket)
            guard isOld, outcome.sent == 0, let error = outcome.error,
                SocketFault(error) == .remote(.unreachable)
            else { return outcome }
            upstreams[path.server].close(path.socket)
            upstreams[path.server].sender.addAgain()
            return upstreams[path.server].flush(turn.outbox, on: try openedSocket(path))
        } catch {
            upstreams[path.server].sender.giveUpAll()
            var outcome = DatagramSender.Outcome()
            outcome.failed = upstreams[path.server].sender.lastCount
            outcome.error = error
            return outcome
        }
    }

    /// The questions of the last batch from `first` on were not sent: because of `error`, or because the
    /// socket's buffer is full.
    private mutating func noteUnsent(_ path: UpstreamPath, from first: Int, _ error: Errno?) {
        var failure = LocalFailure.buffer
        if let error, case .local(let why) = SocketFault(error) { failure = why }
        for index in first..<upstreams[path.server].sender.lastCount {
            let start = upstreams[path.server].sender.lastStart(index)
            let id = UInt16(truncatingIfNeeded: turn.outbox.octets.number16(at: start))
            news.append(UpstreamNews(path, .unsent(id: id, failure)))
        }
    }

    /// The socket of `path`, opened if it is closed.
    private mutating func openedSocket(_ path: UpstreamPath) throws(Errno) -> ConnectedSocket {
        if let socket = upstreams[path.server].socket(path.socket) { return socket }
        let server = upstreams[path.server].server
        let socket = try withDescriptor { () throws(Errno) in try DatagramSocket.connect(to: server) }
        let token = EventToken(
            .upstreamDatagram, path.server * UpstreamSockets.perServer + path.socket, engine: engineNumber)
        try seed.epoll.add(socket.descriptor, .readable, token: token.rawValue)
        upstreams[path.server].open(path.socket, socket, until: PortPool.Life(turn.random.next(), from: now))
        planSweep()
        return socket
    }

    /// Opens a socket towards a server; if there is no room for it, closes an idle one.
    mutating func withDescriptor(
        _ open: () throws(Errno) -> FileDescriptor
    ) throws(Errno) -> ConnectedSocket {
        if openSockets.value >= settings.upstreamSocketsPerWorker, !closeIdleSocket() {
            throw .tooManyDescriptors
        }
        do throws(Errno) {
            return ConnectedSocket(try open(), openSockets)
        } catch {
            switch SocketFault(error) {
            case .local(.descriptors), .local(.memory), .local(.ports):
                guard closeIdleSocket() else { throw error }
                return ConnectedSocket(try open(), openSockets)
            default: throw error
            }
        }
    }

    /// Closes a socket towards some server that waits for no answer; false if there is none.
    private mutating func closeIdleSocket() -> Bool {
        for step in 0..<upstreams.count {
            let server = (nextIdleServer + step) % upstreams.count
            for place in 0..<UpstreamSockets.perServer where upstreams[server].ports.isOpen(place) {
                let path = UpstreamPath(server: server, socket: place, transport: .udp)
                guard !engine.isWaiting(for: path) else { continue }
                upstreams[server].close(place)
                nextIdleServer = server
                return true
            }
            guard upstreams[server].stream.progress.isIdle else { continue }
            upstreams[server].stream.close()
            nextIdleServer = server
            return true
        }
        return false
    }
}

extension ForwardingEngine {
    /// Takes question `place` of a batch; a separate function, in which the batch is borrowed and the rest of
    /// the worker is accessible.
    fileprivate mutating func receiveQuestion(
        _ place: Int, of batch: borrowing DatagramBatch, from path: ClientPath, in turn: inout Turn
    ) {
        receiveQuestion(batch.message(place), from: path, in: &turn)
    }

    /// Takes answer `place` of a batch.
    fileprivate mutating func receiveAnswer(
        _ place: Int, of batch: borrowing DatagramBatch, over path: UpstreamPath, in turn: inout Turn
    ) -> AnswerOutcome {
        receiveAnswer(batch.message(place), over: path, in: &turn)
    }
}
