import DNSWire
import Forwarding
import IPAddressing
import LinuxSystem

// TCP: clients' connections.

extension DNSServerWorker {
    /// Connections that one listener may bring in one turn, so that other sockets are served too.
    private static var acceptsPerTurn: Int { 16 }
    /// Octets that a connection may hold of incomplete questions at any time: far more than a question has.
    private static var usualInput: Int { 4096 }
    /// Reads of one connection in one turn.
    private static var readsPerTurn: Int { 4 }

    /// Takes the connections that wait on listening socket `index`.
    mutating func acceptClients(_ index: Int) {
        guard let listener = streamListeners[index] else { return }
        for _ in 0..<Self.acceptsPerTurn {
            do throws(Errno) {
                guard let accepted = try StreamSocket.accept(from: listener.descriptor) else { return }
                admit(accepted)
            } catch {
                switch SocketFault(error) {
                case .local(let shortage) where shortage == .descriptors || shortage == .memory:
                    shortages.note(shortage, for: nil, at: now)
                    makeRoom(index)
                    return
                default:
                    // The client went away before it was accepted, or a network error (accept(2)): continue
                    // with the next one.
                    continue
                }
            }
        }
    }

    /// Frees a descriptor by closing an idle connection; if none is idle, the listener waits until the
    /// next sweep.
    private mutating func makeRoom(_ index: Int) {
        if let slot = clients.longestIdle() {
            counters.connectionsDisplaced += 1
            clients.remove(slot)
            return
        }
        hasPausedListener = true
        watchListener(index, [])
        planSweep()
    }

    /// Lets all listeners accept again.
    mutating func resumeListeners() {
        hasPausedListener = false
        for index in streamListeners.indices { watchListener(index, .readable) }
    }

    /// Changes what a listener is watched for.
    private func watchListener(_ index: Int, _ interest: Epoll.Interest) {
        guard let listener = streamListeners[index] else { return }
        let token = EventToken(.streamListener, index).rawValue
        do throws(Errno) {
            try seed.epoll.modify(listener.descriptor, interest, token: token)
        } catch {
            preconditionFailure("a listener is not watched: \(error)")
        }
    }

    /// Gives a new connection a slot, or closes it.
    private mutating func admit(_ accepted: consuming StreamSocket.Accepted) {
        let client = Endpoint(address: accepted.client.address.unmapped, port: accepted.client.port)
        switch clients.admission(of: client.address) {
        case .admit: break
        case .displace(let slot):
            counters.connectionsDisplaced += 1
            clients.remove(slot)
        case .refuse:
            counters.connectionsRefused += 1
            return
        }
        let descriptor = accepted.takeDescriptor()
        let local: Endpoint
        do throws(Errno) { local = try descriptor.localEndpoint() } catch { return }
        var owned: FileDescriptor? = consume descriptor
        let now = now
        let connection = clients.insert { (slot, generation) in
            guard let descriptor = owned.take() else { return nil }
            let path = ClientPath(
                client: client, local: local.address, interface: 0, socket: UInt32(slot),
                generation: generation,
                transport: .tcp)
            return ClientConnection(descriptor, path: path, at: now)
        }
        guard let connection else { return }
        do throws(Errno) {
            try seed.epoll.add(connection.descriptor, connection.interest, token: token(of: connection))
        } catch {
            counters.connectionsRefused += 1
            close(connection)
            return
        }
        counters.connectionsAccepted += 1
        planSweep()
    }

    /// The token of a connection.
    private func token(of connection: ClientConnection) -> UInt64 {
        EventToken(.client, Int(connection.path.socket), generation: connection.path.generation).rawValue
    }

    /// Closes a connection.
    private mutating func close(_ connection: ClientConnection) {
        clients.remove(Int(connection.path.socket))
    }

    /// Adds the connection to those that the next `flush` writes to, and reads from again.
    mutating func list(_ connection: ClientConnection) {
        guard !connection.isListed else { return }
        connection.isListed = true
        listedClients.append(connection)
    }

    /// Reads what the client has sent, and schedules writing if it takes octets again.
    mutating func serve(_ connection: ClientConnection, _ readiness: Epoll.Interest) {
        if !readiness.isDisjoint(with: [.failed, .hungUp]) {
            close(connection)
            return
        }
        if readiness.contains(.readable) { read(connection) }
        list(connection)
    }

    /// Reads from a connection.
    private mutating func read(_ connection: ClientConnection) {
        // A whole message waits here only if the connection was paused; then it is not watched for more.
        for _ in 0..<Self.readsPerTurn {
            guard connection.interest.contains(.readable), !connection.progress.hasEnded else { return }
            let received: StreamSocket.Received
            do throws(Errno) {
                var buffer = readBuffer.mutableSpan
                received = try StreamSocket.receive(from: connection.descriptor, into: &buffer)
            } catch {
                close(connection)
                return
            }
            switch received {
            case .nothing: return
            case .end:
                connection.progress.reachedEnd()
                return
            case .octets(let count):
                connection.framing.append(readBuffer.span.extracting(first: count))
                let isOpen = takeQuestions(connection)
                clients.recount(connection)
                if clients.queuedOctets > settings.outputTotal,
                    connection.framing.heldCount > Self.usualInput
                {
                    counters.connectionsChoked += 1
                    close(connection)
                    return
                }
                guard isOpen, count == readBuffer.count else { return }
            }
        }
    }

    /// Passes whole messages to the engine, as many as the connection may have in flight.
    ///
    /// - Returns: False if the connection was closed, or is paused.
    private mutating func takeQuestions(_ connection: ClientConnection) -> Bool {
        beginQuestions()
        while connection.progress.mayTakeQuestion(queued: connection.output.count, settings) {
            do throws(FramingError) {
                guard let range = try connection.framing.next() else { return true }
                connection.progress.tookQuestion(at: now)
                let outcome = connection.framing.withMessage(range) { message in
                    engine.receiveQuestion(message, from: connection.path, in: &turn)
                }
                if outcome == .ignored { connection.progress.settledQuestion() }
            } catch {
                close(connection)
                return false
            }
        }
        return false
    }

    /// Writes to every listed connection, takes the questions that were paused, and closes it if it
    /// has finished.
    mutating func writeClients() {
        guard !listedClients.isEmpty else { return }
        let listed = listedClients
        listedClients.removeAll(keepingCapacity: true)
        for connection in listed {
            connection.isListed = false
            guard clients.find(Int(connection.path.socket), connection.path.generation) === connection else {
                continue
            }
            guard write(connection) else {
                close(connection)
                continue
            }
            let isDrained = connection.progress.isRetired || takeQuestions(connection)
            guard clients.find(Int(connection.path.socket), connection.path.generation) === connection else {
                continue
            }
            let queued = connection.output.count
            if isDrained, connection.progress.isFinished(queued: queued) {
                close(connection)
                continue
            }
            watch(connection, connection.progress.interest(queued: queued, settings))
        }
    }

    /// Takes what the clients have asked, and lets every connection end when that is answered.
    mutating func endClients() {
        for connection in clients.all {
            read(connection)
            connection.progress.retire()
            list(connection)
        }
    }

    /// Lets connections that are too old end when their questions are answered.
    mutating func retireClients() {
        for connection in clients.retired(at: now) {
            counters.connectionsRetired += 1
            list(connection)
        }
    }

    /// Writes to a connection; false if it was closed.
    private mutating func write(_ connection: ClientConnection) -> Bool {
        guard connection.output.count > 0 else { return true }
        do throws(Errno) {
            let sent = try connection.output.send(on: connection.descriptor)
            clients.recount(connection)
            if sent > 0 { connection.progress.sentOctets(at: now) }
            return true
        } catch {
            return false
        }
    }

    /// Changes what a connection is watched for.
    private mutating func watch(_ connection: ClientConnection, _ interest: Epoll.Interest) {
        guard interest != connection.interest else { return }
        connection.interest = interest
        do throws(Errno) {
            try seed.epoll.modify(connection.descriptor, interest, token: token(of: connection))
        } catch {
            close(connection)
        }
    }
}
