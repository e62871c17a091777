import DNSWire
import Forwarding
import LinuxSystem

// TCP: connections towards servers.

extension EngineUnit {
    /// Octets that may wait to be sent to a server: thousands of questions.
    private static var mostQueued: Int { 256 << 10 }

    /// Appends a question to the output of the connection to `server`, which is opened if there is none.
    mutating func askOverStream(
        _ server: Int, start: Int, end: Int, _ resources: inout WorkerResources
    ) {
        let stream = upstreams[server].stream
        if stream.output.count > Self.mostQueued {
            // The server takes nothing, although it may keep the connection alive.
            closeStream(server, .failed(.closed))
            let path = UpstreamPath(server: server, socket: 0, transport: .tcp)
            news.append(UpstreamNews(path, .failed(.closed)))
            return
        }
        if stream.progress.phase == .closed {
            do throws(Errno) {
                let endpoint = upstreams[server].server
                stream.open(
                    try withDescriptor(resources) { () throws(Errno) in
                        try StreamSocket.connect(to: endpoint)
                    }, at: resources.now)
                try watchNew(stream, server, with: resources.seed.epoll)
            } catch {
                stream.close()
                news.append(
                    UpstreamNews(UpstreamPath(server: server, socket: 0, transport: .tcp), error))
                return
            }
            resources.counters.upstreamConnections += 1
            resources.planSweep()
        }
        stream.output.append(resources.turn.outbox.octets.span.extracting(start..<end))
        stream.progress.asked(at: resources.now)
        list(server)
    }

    /// Adds the connection to those that are written to.
    private mutating func list(_ server: Int) {
        let stream = upstreams[server].stream
        guard !stream.isListed else { return }
        stream.isListed = true
        listed.append(server)
    }

    /// Starts to watch a new connection.
    private func watchNew(_ stream: UpstreamStream, _ server: Int, with epoll: borrowing Epoll) throws(Errno)
    {
        stream.interest = stream.progress.interest(queued: 0)
        guard let socket = stream.socket else { return }
        try epoll.add(socket.descriptor, stream.interest, token: token(of: stream, server))
    }

    /// The token of a connection.
    private func token(of stream: UpstreamStream, _ server: Int) -> UInt64 {
        EventToken(.upstreamStream, server, engine: number, generation: stream.generation).rawValue
    }

    /// Closes the connection to `server`; its questions are asked in another way.
    mutating func closeStream(_ server: Int, _ event: UpstreamNews.Event) {
        let stream = upstreams[server].stream
        let hadQuestions = stream.progress.outstanding > 0
        stream.close()
        guard hadQuestions else { return }
        news.append(UpstreamNews(UpstreamPath(server: server, socket: 0, transport: .tcp), event))
    }

    /// The same after an error.
    private mutating func closeStream(_ server: Int, _ error: Errno) {
        closeStream(
            server, UpstreamNews(UpstreamPath(server: server, socket: 0, transport: .tcp), error).event)
    }

    /// Continues with a connection that is ready.
    mutating func serveStream(
        _ server: Int, _ generation: UInt32, readiness: Epoll.Interest,
        resources: inout WorkerResources
    ) {
        let stream = upstreams[server].stream
        guard stream.progress.phase != .closed, stream.generation == generation else { return }
        if stream.progress.phase == .connecting {
            if let error = stream.socket?.descriptor.pendingError() {
                closeStream(server, error)
                return
            }
            stream.progress.connected(at: resources.now)
        }
        // Answers that came before an error count too: reading reports the error.
        if !readiness.isDisjoint(with: [.readable, .failed, .hungUp]) { readAnswers(server, &resources) }
        if stream.progress.phase == .open { list(server) }
    }

    /// Passes the answers of a connection to the engine.
    private mutating func readAnswers(_ server: Int, _ resources: inout WorkerResources) {
        let stream = upstreams[server].stream
        let path = UpstreamPath(server: server, socket: 0, transport: .tcp)
        for _ in 0..<4 {  // so that other sockets are served too
            let received: StreamSocket.Received
            do throws(Errno) {
                guard let socket = stream.socket else { return }
                var buffer = resources.readBuffer.mutableSpan
                received = try StreamSocket.receive(from: socket.descriptor, into: &buffer)
            } catch {
                closeStream(server, error)
                return
            }
            switch received {
            case .nothing: return
            case .end:
                closeStream(server, .failed(.closed))
                return
            case .octets(let count):
                stream.framing.append(resources.readBuffer.span.extracting(first: count))
                do throws(FramingError) {
                    while let range = try stream.framing.next() {  // each turn takes octets
                        stream.progress.answered(at: resources.now)
                        let outcome = stream.framing.withMessage(range) { message in
                            engine.receiveAnswer(message, over: path, in: &resources.turn)
                        }
                        // The connection has only one writer, so the server has mixed up its own answers.
                        guard outcome != .mismatch else {
                            upstreams[server].health.noteUnmatched(at: resources.now)
                            closeStream(server, .failed(.closed))
                            return
                        }
                    }
                } catch {
                    closeStream(server, .failed(.closed))
                    return
                }
                if count < resources.readBuffer.count { return }
            }
        }
    }

    /// Writes to every listed connection.
    mutating func writeStreams(_ resources: inout WorkerResources) {
        guard !listed.isEmpty else { return }
        let servers = listed
        listed.removeAll(keepingCapacity: true)
        for server in servers {
            let stream = upstreams[server].stream
            stream.isListed = false
            guard stream.progress.phase == .open else { continue }
            do throws(Errno) {
                guard let socket = stream.socket else { continue }
                _ = try stream.output.send(on: socket.descriptor)
                let interest = stream.progress.interest(queued: stream.output.count)
                guard interest != stream.interest else { continue }
                stream.interest = interest
                try resources.seed.epoll.modify(socket.descriptor, interest, token: token(of: stream, server))
            } catch {
                closeStream(server, error)
            }
        }
    }
}
