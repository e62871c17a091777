import DNSWire
import Forwarding
import LinuxSystem
import Telemetry

// From the outbox to the sockets.

extension DNSServerWorker {
    /// Sends everything that the engine has in its outbox, and what follows from that.
    mutating func flush() {
        // Ends: a failure makes the engine try a question's next server, and it gives up after a few; the
        // paused questions of connections are finite, since nothing is read here.
        while !turn.outbox.isEmpty || !news.isEmpty || !listedUpstreams.isEmpty
            || !(listedClients.isEmpty || isDraining)
        {
            sendQuestions()
            sendReplies()
            if turn.outbox.queryLog != nil { writeDown() }
            turn.outbox.removeAll()
            writeUpstreams()
            // Paused questions are for the present engine.
            if !isDraining { writeClients() }
            tellNews()
        }
    }

    /// Sends the questions of the outbox.
    private mutating func sendQuestions() {
        guard !turn.outbox.questions.isEmpty else { return }
        for index in turn.outbox.questions.indices {
            let question = turn.outbox.questions[index]
            let server = question.path.server
            guard question.path.transport == .udp else {
                askOverStream(server, start: question.start, end: question.end)
                continue
            }
            if upstreams[server].senderSocket != question.path.socket || upstreams[server].sender.isFull {
                sendQuestions(to: server)
                upstreams[server].senderSocket = question.path.socket
            }
            upstreams[server].sender.add(start: question.start, end: question.end)
        }
        for server in 0..<upstreams.count { sendQuestions(to: server) }
    }

    /// Sends the replies of the outbox.
    private mutating func sendReplies() {
        guard !turn.outbox.replies.isEmpty else { return }
        for index in turn.outbox.replies.indices {
            let reply = turn.outbox.replies[index]
            let path = reply.path
            guard path.transport == .udp else {
                queue(reply)
                continue
            }
            guard let listener = listeners[Int(path.socket)] else {
                counters.repliesUndeliverable += 1
                continue
            }
            if listener.sender.isFull { sendReplies(of: listener) }
            listener.sender.add(
                start: reply.start, end: reply.end, to: path.client,
                from: listener.socket.isWildcard ? path.local : nil, interface: path.interface)
        }
        for case let listener? in listeners where listener.sender.count > 0 { sendReplies(of: listener) }
        turns.record(
            nanoseconds: MonotonicClock.now.nanoseconds(since: now), row: 0, times: turn.outbox.replies.count)
    }

    /// Passes the sent replies that the query log wants to it.
    private mutating func writeDown() {
        guard let ring = queryLogRing, var batch = turn.outbox.queryLog, !batch.replies.isEmpty
        else { return }
        let microseconds = Int(MonotonicClock.now.nanoseconds(since: now) / 1000)
        for index in batch.replies.indices where batch.replies[index].microseconds < 0 {
            batch.replies[index].microseconds = microseconds
        }
        ring.take(&batch.replies)
        turn.outbox.queryLog = batch
    }

    /// Sends the replies of one listener.
    private mutating func sendReplies(of listener: DatagramListener) {
        let outcome = listener.flush(turn.outbox)
        counters.datagramsSent += outcome.sent
        counters.datagramsDropped += outcome.dropped
        counters.datagramsFailed += outcome.failed
    }

    /// Appends a reply to the output of its connection.
    private mutating func queue(_ reply: Outbox.Reply) {
        guard let connection = clients.find(Int(reply.path.socket), reply.path.generation) else {
            counters.repliesUndeliverable += 1
            return
        }
        connection.output.append(turn.outbox.octets.span.extracting(reply.start..<reply.end))
        connection.progress.settledQuestion()
        clients.recount(connection)
        // A client that reads its answers never has so many waiting.
        if clients.queuedOctets > settings.outputTotal, connection.output.count > Self.usualBacklog {
            counters.connectionsChoked += 1
            clients.remove(Int(reply.path.socket))
            return
        }
        list(connection)
    }

    /// Octets that may be in a connection's queue at any time: the longest message.
    private static var usualBacklog: Int { 65_537 }

    /// Reports errors of sending to the engine, which may then have more to send.
    private mutating func tellNews() {
        guard !news.isEmpty else { return }
        let published = news
        news.removeAll(keepingCapacity: true)
        for item in published {
            switch item.event {
            case .failed(let failure):
                counters.upstreamFailures += 1
                engine.upstreamFailed(item.path, failure, in: &turn)
            case .failedHere(let failure):
                noteShortage(failure, towards: item.path.server)
                engine.upstreamFailed(item.path, here: failure, in: &turn)
            case .unsent(let id, let failure):
                noteShortage(failure, towards: item.path.server)
                engine.questionUnsent(
                    id, over: item.path, failure, in: &turn)
            case .hinted:
                engine.upstreamHinted(item.path, in: &turn)
            }
        }
    }

    /// A question could not leave for want of something here.
    private func noteShortage(_ failure: LocalFailure, towards server: Int) {
        shortages.note(failure, for: upstreams[server].server, at: now)
    }
}
