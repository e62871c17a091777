import DNSWire
import Forwarding
import IPAddressing
import LinuxSystem
import Telemetry

// UDP: questions from clients, answers from servers.

extension DNSServerWorker {
    /// Batches that one socket may bring in one turn, so that others get theirs.
    private static var batchesPerTurn: Int { 4 }

    /// Takes what waits on listening socket `index` into the engine.
    mutating func receiveQuestions(_ index: Int) {
        guard let socket = listeners[index]?.socket else { return }
        for _ in 0..<Self.batchesPerTurn {
            let count: Int
            do throws(Errno) {
                count = try clientBatch.receive(from: socket.descriptor)
            } catch {
                // An earlier reply met an error, which says nothing about what waits here.
                continue
            }
            if count > 0 { beginQuestions() }
            counters.datagramsReceived += count
            for place in 0..<count { receiveQuestion(place, socket, index) }
            if count < clientBatch.capacity { return }
            flush()
        }
    }

    /// To be called once questions were received, before the engine takes them.
    ///
    /// The clock is read again: an answer that expired before the question was asked must not seem fresh.
    mutating func beginQuestions() {
        now = MonotonicClock.now
        engine.unixTime = UInt32(truncatingIfNeeded: WallClock.seconds)
        engine.beginBatch(random: &random)
    }

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
        engine.receiveQuestion(place, of: clientBatch, from: path, at: now, random: &random, into: &outbox)
    }

    /// Takes what server `server` has sent to place `socket` of its pool into the engine.
    mutating func receiveAnswers(server: Int, socket place: Int, _ readiness: Epoll.Interest) {
        guard let socket = upstreams[server].sockets[place] else { return }
        let path = UpstreamPath(server: server, socket: place, transport: .udp)
        var error: Errno? = nil
        if readiness.contains(.failed) {
            error = socket.descriptor.pendingError()
            DatagramSocket.discardErrors(of: socket.descriptor)
        }
        for _ in 0..<Self.batchesPerTurn {
            let count: Int
            do throws(Errno) {
                count = try answerBatch.receive(from: socket.descriptor)
            } catch let met {
                error = met
                DatagramSocket.discardErrors(of: socket.descriptor)
                continue
            }
            if count > 0 { engine.beginBatch(random: &random) }
            counters.answersReceived += count
            for place in 0..<count {
                engine.receiveAnswer(
                    place, of: answerBatch, over: path, at: now, random: &random, into: &outbox)
            }
            if count < answerBatch.capacity { break }
            flush()
        }
        if let error { noteFailure(path, error) }
    }

    /// Tells the engine of an error. Where no way leads to the server the socket goes, too: a connected one
    /// keeps the address that it was given, which this host may have lost.
    private mutating func noteFailure(_ path: UpstreamPath, _ error: Errno) {
        let failure = UpstreamFailure(error)
        if failure == .unreachable { upstreams[path.server].sockets[path.socket] = nil }
        noteFailure(path, failure)
    }

    /// Closes one socket of each server's pool, where nothing is waited for, so that ports do not stay the
    /// same (RFC 5452 section 9.2). True where there are more.
    mutating func renewSockets() -> Bool {
        var isAnyOpen = false
        for server in 0..<upstreams.count {
            let place = upstreams[server].nextRenewal
            upstreams[server].nextRenewal = (place + 1) % UpstreamSockets.perServer
            let path = UpstreamPath(server: server, socket: place, transport: .udp)
            if !engine.isWaiting(for: path) { upstreams[server].sockets[place] = nil }
            isAnyOpen = isAnyOpen || upstreams[server].sockets.contains { $0 != nil }
        }
        return isAnyOpen
    }

    /// Sends the questions gathered for one server, out of one socket of its pool.
    mutating func sendQuestions(to server: Int) {
        guard upstreams[server].sender.count > 0 else { return }
        let place = upstreams[server].senderSocket
        let path = UpstreamPath(server: server, socket: place, transport: .udp)
        let isOld = upstreams[server].sockets[place] != nil
        guard var socket = openedSocket(path) else { return }
        var outcome = upstreams[server].flush(outbox, on: socket)
        if isOld, outcome.sent == 0, let error = outcome.error, UpstreamFailure(error) == .unreachable {
            // A new socket has an address that this host has now.
            upstreams[server].sockets[place] = nil
            upstreams[server].sender.addAgain()
            guard let fresh = openedSocket(path) else { return }
            socket = fresh
            outcome = upstreams[server].flush(outbox, on: socket)
        }
        counters.questionsSent += outcome.sent
        counters.questionsDropped += outcome.dropped
        if let error = outcome.error {
            // The error may be an earlier datagram's (ICMP): all that are in flight over this socket move on.
            DatagramSocket.discardErrors(of: socket.descriptor)
            noteFailure(path, error)
        }
    }

    /// The socket of `path`; nil where it can't be opened, which the engine hears of.
    private mutating func openedSocket(_ path: UpstreamPath) -> ConnectedSocket? {
        do throws(Errno) {
            return try openSocket(path.server, path.socket)
        } catch {
            upstreams[path.server].sender.removeAll()
            noteFailure(path, UpstreamFailure(opening: error))
            return nil
        }
    }

    /// Place `place` of a server's pool, opened where it is not.
    private mutating func openSocket(_ server: Int, _ place: Int) throws(Errno) -> ConnectedSocket {
        if let socket = upstreams[server].sockets[place] { return socket }
        let socket = ConnectedSocket(try DatagramSocket.connect(to: upstreams[server].server))
        let token = EventToken(
            .upstreamDatagram, server * UpstreamSockets.perServer + place, engine: engineNumber)
        try seed.epoll.add(socket.descriptor, .readable, token: token.rawValue)
        upstreams[server].sockets[place] = socket
        planSweep()
        return socket
    }

    /// Remembers what the engine is to be told once the outbox is empty; nil is not worth telling.
    mutating func noteFailure(_ path: UpstreamPath, _ failure: UpstreamFailure?) {
        guard let failure else { return }
        counters.upstreamFailures += 1
        failures.append((path, failure))
    }
}

extension ForwardingEngine {
    /// Takes question `place` of a batch; a function of its own, in which the batch is borrowed and the rest
    /// is ours.
    fileprivate mutating func receiveQuestion(
        _ place: Int, of batch: borrowing DatagramBatch, from path: ClientPath, at now: MonotonicTime,
        random: inout KernelRandom, into outbox: inout Outbox
    ) {
        receiveQuestion(batch.message(place), from: path, at: now, random: &random, into: &outbox)
    }

    /// Takes answer `place` of a batch.
    fileprivate mutating func receiveAnswer(
        _ place: Int, of batch: borrowing DatagramBatch, over path: UpstreamPath, at now: MonotonicTime,
        random: inout KernelRandom, into outbox: inout Outbox
    ) {
        receiveAnswer(batch.message(place), over: path, at: now, random: &random, into: &outbox)
    }
}
