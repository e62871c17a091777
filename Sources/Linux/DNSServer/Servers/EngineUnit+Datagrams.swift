import DNSWire
import Forwarding
import LinuxSystem
import Time

// UDP: questions to servers and their answers.

extension EngineUnit {
    /// Batches that one socket may bring in one turn, so that other sockets are served too.
    private static var batchesPerTurn: Int { 4 }

    /// Passes the answers that wait on `path` to the engine.
    mutating func receiveAnswers(
        over path: UpstreamPath, _ readiness: Epoll.Interest, _ clients: inout ClientSockets,
        resources: inout WorkerResources
    ) {
        let (server, place) = (path.server, path.socket)
        guard let socket = upstreams[server].socket(place) else { return }
        var isHinted = false
        if readiness.contains(.failed) {
            isHinted = socket.descriptor.pendingError() != nil
            DatagramSocket.discardErrors(of: socket.descriptor)
        }
        var isDistrusted = false
        for _ in 0..<Self.batchesPerTurn {
            let count: Int
            do throws(Errno) {
                count = try resources.answerBatch.receive(from: socket.descriptor)
            } catch {
                isHinted = true
                DatagramSocket.discardErrors(of: socket.descriptor)
                continue
            }
            resources.counters.answersReceived += count
            for slot in 0..<count {
                let outcome = resources.answerBatch.give(
                    slot, over: path, to: &engine, in: &resources.turn)
                guard outcome == .mismatch else { continue }
                upstreams[server].health.noteUnmatched(at: resources.now)
                guard upstreams[server].ports.mismatched(place) == .tooMany else { continue }
                isDistrusted = true
            }
            if count < resources.answerBatch.capacity { break }
            clients.flush(&self, &resources)
        }
        if isDistrusted { return distrust(path, &clients, resources: &resources) }
        if isHinted { noteHint(path, &resources) }
        if upstreams[server].ports.isLeaving(place), !engine.isWaiting(for: path) {
            upstreams[server].close(place)
        }
    }

    /// Too many answers on `path` match no question: its questions are asked over TCP, and its port is
    /// given up.
    private mutating func distrust(
        _ path: UpstreamPath, _ clients: inout ClientSockets, resources: inout WorkerResources
    ) {
        clients.flush(&self, &resources)
        resources.counters.distrustedSockets += 1
        engine.take(.distrusted, on: path, in: &resources.turn)
        upstreams[path.server].close(path.socket)
        drawPort(for: path.server, &resources)
    }

    /// ICMP says that no answers come on `path`. It is still listened on, but no more questions are sent from
    /// a port that a forger may know, and the engine asks elsewhere.
    private mutating func noteHint(_ path: UpstreamPath, _ resources: inout WorkerResources) {
        guard upstreams[path.server].ports.hinted(path.socket) == .first else { return }
        resources.counters.upstreamHints += 1
        upstreams[path.server].ports.retire(path.socket)
        drawPort(for: path.server, &resources)
        news.append(UpstreamNews(path, .hinted))
    }

    /// Closes the sockets that have sent their questions and wait for no answer (RFC 5452 section 9.2).
    mutating func renewSockets(_ resources: inout WorkerResources) -> SweepOutcome {
        var outcome = SweepOutcome.allClosed
        for server in 0..<upstreams.count where !upstreams[server].isUnused {
            for place in 0..<UpstreamSockets.perServer where upstreams[server].ports.isOpen(place) {
                if isDone(server, place, at: resources.now) {
                    upstreams[server].close(place)
                } else {
                    outcome = .someOpen
                }
            }
            drawPort(for: server, &resources)
        }
        return outcome
    }

    /// True if the socket has sent all the questions that it may, and their answers are here.
    private func isDone(_ server: Int, _ place: Int, at now: MonotonicTime) -> Bool {
        let ports = upstreams[server].ports
        guard ports.isLeaving(place) || ports.isSpent(place, at: now) else { return false }
        return !engine.isWaiting(for: UpstreamPath(server: server, socket: place, transport: .udp))
    }

    /// Draws the port that the next questions to `server` are sent from.
    private mutating func drawPort(for server: Int, _ resources: inout WorkerResources) {
        upstreams[server].ports.draw(resources.turn.random.next(), among: portsPerServer(resources))
        let place = upstreams[server].ports.place
        if upstreams[server].ports.isSpent(place, at: resources.now) {
            if isDone(server, place, at: resources.now) {
                upstreams[server].close(place)
            } else {
                upstreams[server].ports.retire(place)
            }
        }
        engine.sendQuestions(to: server, from: upstreams[server].ports.place)
    }

    /// The pool's size for each server while less than half of the worker's sockets are open; then each
    /// server's share.
    private func portsPerServer(_ resources: borrowing WorkerResources) -> Int {
        let most = resources.settings.upstreamSocketsPerWorker
        return resources.openSockets.value * 2 < most ? PortPool.mostTaking : most / max(1, upstreams.count)
    }

    /// Sends the collected questions to one server, from one socket of its pool.
    mutating func sendDatagrams(to server: Int, _ resources: inout WorkerResources) {
        guard upstreams[server].sender.count > 0 else { return }
        let path = UpstreamPath(server: server, socket: upstreams[server].senderSocket, transport: .udp)
        let outcome = deliver(path, &resources)
        resources.counters.questionsSent += outcome.sent
        resources.counters.questionsDropped += outcome.dropped
        upstreams[server].ports.took(outcome.sent, path.socket)
        if outcome.reported != nil { noteHint(path, &resources) }
        if let error = outcome.error, case .remote(.unreachable) = SocketFault(error) {
            // This host has no route: earlier questions will not be answered either.
            news.append(UpstreamNews(path, error))
        } else if outcome.sent < upstreams[server].sender.lastCount {
            noteUnsent(path, from: outcome.sent, outcome.error, resources: resources)
        }
        drawPort(for: server, &resources)
    }

    /// Sends the datagrams for `path`; on a new socket if the old one has no route, since it keeps its source
    /// address, which this host may have lost.
    private mutating func deliver(
        _ path: UpstreamPath, _ resources: inout WorkerResources
    ) -> DatagramSender.Outcome {
        let isOld = upstreams[path.server].ports.isOpen(path.socket)
        do throws(Errno) {
            let socket = try openedSocket(path, &resources)
            let outcome = upstreams[path.server].flush(resources.turn.outbox, on: socket)
            guard isOld, outcome.sent == 0, let error = outcome.error,
                SocketFault(error) == .remote(.unreachable)
            else { return outcome }
            upstreams[path.server].close(path.socket)
            upstreams[path.server].sender.addAgain()
            return upstreams[path.server].flush(resources.turn.outbox, on: try openedSocket(path, &resources))
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
    private mutating func noteUnsent(
        _ path: UpstreamPath, from first: Int, _ error: Errno?, resources: borrowing WorkerResources
    ) {
        var failure = LocalFailure.buffer
        if let error, case .local(let why) = SocketFault(error) { failure = why }
        for index in first..<upstreams[path.server].sender.lastCount {
            let start = upstreams[path.server].sender.lastStart(index)
            let id = UInt16(truncatingIfNeeded: resources.turn.outbox.octets.number16(at: start))
            news.append(UpstreamNews(path, .unsent(id: id, failure)))
        }
    }

    /// The socket of `path`, opened if it is closed.
    private mutating func openedSocket(
        _ path: UpstreamPath, _ resources: inout WorkerResources
    ) throws(Errno) -> ConnectedSocket {
        if let socket = upstreams[path.server].socket(path.socket) { return socket }
        let server = upstreams[path.server].server
        let socket = try withDescriptor(resources) { () throws(Errno) in
            try DatagramSocket.connect(to: server)
        }
        let token = EventToken(
            .upstreamDatagram, path.server * UpstreamSockets.perServer + path.socket, engine: number)
        try resources.seed.epoll.add(socket.descriptor, .readable, token: token.rawValue)
        upstreams[path.server].open(
            path.socket, socket, until: PortPool.Life(resources.turn.random.next(), from: resources.now))
        resources.planSweep()
        return socket
    }
}

extension DatagramBatch {
    /// Gives answer `place` to the engine; a separate function, in which the batch is borrowed and the rest
    /// of the resources is accessible.
    fileprivate func give(
        _ place: Int, over path: UpstreamPath, to engine: inout ForwardingEngine, in turn: inout Turn
    ) -> AnswerOutcome {
        engine.receiveAnswer(message(place), over: path, in: &turn)
    }
}
