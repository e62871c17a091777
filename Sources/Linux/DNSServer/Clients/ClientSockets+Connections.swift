import DNSWire
import Forwarding
import IPAddressing
import LinuxSystem
import Time

// TCP: clients' connections.

extension ClientSockets {
    /// Connections that one listener may bring in one turn, so that other sockets are served too.
    private static var acceptsPerTurn: Int { 16 }
    /// Octets that a connection may hold of incomplete questions at any time: far more than a question has.
    private static var usualInput: Int { 4096 }
    /// Reads of one connection in one turn.
    private static var readsPerTurn: Int { 4 }

    /// Takes the connections that wait on listening socket `index`.
    mutating func acceptClients(_ index: Int, _ resources: inout WorkerResources) {
        guard let listener = streamListeners[index] else { return }
        for _ in 0..<Self.acceptsPerTurn {
            do throws(Errno) {
                guard let accepted = try StreamSocket.accept(from: listener.descriptor) else { return }
                admit(accepted, &resources)
            } catch {
                switch SocketFault(error) {
                case .local(let shortage) where shortage == .descriptors || shortage == .memory:
                    resources.shortages.note(shortage, for: nil, at: resources.now)
                    makeRoom(index, &resources)
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
    private mutating func makeRoom(_ index: Int, _ resources: inout WorkerResources) {
        if let slot = connections.longestIdle() {
            resources.counters.connectionsDisplaced += 1
            connections.remove(slot)
            return
        }
        hasPausedListener = true
        watchListener(index, [], with: resources.seed.epoll)
        resources.planSweep()
    }

    /// Lets all listeners accept again.
    mutating func resumeListeners(_ epoll: borrowing Epoll) {
        hasPausedListener = false
        for index in streamListeners.indices { watchListener(index, .readable, with: epoll) }
    }

    /// Changes what a listener is watched for.
    private func watchListener(_ index: Int, _ interest: Epoll.Interest, with epoll: borrowing Epoll) {
        guard let listener = streamListeners[index] else { return }
        let token = EventToken(.streamListener, index).rawValue
        do throws(Errno) {
            try epoll.modify(listener.descriptor, interest, token: token)
        } catch {
            preconditionFailure("a listener is not watched: \(error)")
        }
    }

    /// Gives a new connection a slot, or closes it.
    private mutating func admit(
        _ accepted: consuming StreamSocket.Accepted, _ resources: inout WorkerResources
    ) {
        let client = Endpoint(address: accepted.client.address.unmapped, port: accepted.client.port)
        switch connections.admission(of: client.address) {
        case .admit: break
        case .displace(let slot):
            resources.counters.connectionsDisplaced += 1
            connections.remove(slot)
        case .refuse:
            resources.counters.connectionsRefused += 1
            return
        }
        let descriptor = accepted.takeDescriptor()
        let local: Endpoint
        do throws(Errno) { local = try descriptor.localEndpoint() } catch { return }
        var owned: FileDescriptor? = consume descriptor
        let now = resources.now
        let connection = connections.insert { (slot, generation) in
            guard let descriptor = owned.take() else { return nil }
            let path = ClientPath(
                client: client, local: local.address, interface: 0, socket: UInt32(slot),
                generation: generation,
                transport: .tcp)
            return ClientConnection(descriptor, path: path, at: now)
        }
        guard let connection else { return }
        do throws(Errno) {
            try resources.seed.epoll.add(
                connection.descriptor, connection.interest, token: token(of: connection))
        } catch {
            resources.counters.connectionsRefused += 1
            close(connection)
            return
        }
        resources.counters.connectionsAccepted += 1
        resources.planSweep()
    }

    /// The token of a connection.
    private func token(of connection: ClientConnection) -> UInt64 {
        EventToken(.client, Int(connection.path.socket), generation: connection.path.generation).rawValue
    }

    /// Closes a connection.
    private mutating func close(_ connection: ClientConnection) {
        connections.remove(Int(connection.path.socket))
    }

    /// Adds the connection to those that the next `flush` writes to, and reads from again.
    mutating func list(_ connection: ClientConnection) {
        guard !connection.isListed else { return }
        connection.isListed = true
        listed.append(connection)
    }

    /// Reads what the client has sent, and schedules writing if it takes octets again.
    mutating func serve(
        _ connection: ClientConnection, _ readiness: Epoll.Interest, for unit: inout EngineUnit,
        resources: inout WorkerResources
    ) {
        if !readiness.isDisjoint(with: [.failed, .hungUp]) {
            close(connection)
            return
        }
        if readiness.contains(.readable) { read(connection, for: &unit, &resources) }
        list(connection)
    }

    /// Reads from a connection.
    private mutating func read(
        _ connection: ClientConnection, for unit: inout EngineUnit, _ resources: inout WorkerResources
    ) {
        // A whole message waits here only if the connection was paused; then it is not watched for more.
        for _ in 0..<Self.readsPerTurn {
            guard connection.interest.contains(.readable), !connection.progress.hasEnded else { return }
            let received: StreamSocket.Received
            do throws(Errno) {
                var buffer = resources.readBuffer.mutableSpan
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
                connection.framing.append(resources.readBuffer.span.extracting(first: count))
                let next = takeQuestions(connection, for: &unit, &resources)
                connections.recount(connection)
                if connections.queuedOctets > resources.settings.outputTotal,
                    connection.framing.heldCount > Self.usualInput
                {
                    resources.counters.connectionsChoked += 1
                    close(connection)
                    return
                }
                guard next == .needsMore, count == resources.readBuffer.count else { return }
            }
        }
    }

    /// What became of a connection whose questions were taken.
    private enum QuestionsOutcome {
        /// All whole messages are taken.
        case needsMore
        /// As many as may be are in flight, and the rest waits.
        case paused
        /// It was closed.
        case closed
    }

    /// Passes whole messages to the engine, as many as the connection may have in flight.
    private mutating func takeQuestions(
        _ connection: ClientConnection, for unit: inout EngineUnit, _ resources: inout WorkerResources
    ) -> QuestionsOutcome {
        unit.beginQuestions(&resources)
        while connection.progress.mayTakeQuestion(queued: connection.output.count, resources.settings) {
            do throws(FramingError) {
                guard let range = try connection.framing.next() else { return .needsMore }
                connection.progress.tookQuestion(at: resources.now)
                let outcome = connection.framing.withMessage(range) { message in
                    unit.engine.receiveQuestion(message, from: connection.path, in: &resources.turn)
                }
                if outcome == .ignored { connection.progress.answeredQuestion() }
            } catch {
                close(connection)
                return .closed
            }
        }
        return .paused
    }

    /// Appends a reply to the output of its connection.
    mutating func queue(_ reply: Outbox.Reply, _ resources: inout WorkerResources) {
        guard let connection = connections.find(Int(reply.path.socket), reply.path.generation) else {
            resources.counters.repliesUndeliverable += 1
            return
        }
        connection.output.append(resources.turn.outbox.octets.span.extracting(reply.start..<reply.end))
        connection.progress.answeredQuestion()
        connections.recount(connection)
        // A client that reads its answers never has so many waiting.
        if connections.queuedOctets > resources.settings.outputTotal,
            connection.output.count > Self.usualBacklog
        {
            resources.counters.connectionsChoked += 1
            close(connection)
            return
        }
        list(connection)
    }

    /// Octets that may be in a connection's queue at any time: the longest message.
    private static var usualBacklog: Int { 65_537 }

    /// Writes to every listed connection, takes the questions that were paused, and closes it if it
    /// has finished.
    mutating func writeConnections(_ unit: inout EngineUnit, _ resources: inout WorkerResources) {
        guard !listed.isEmpty else { return }
        let due = listed
        listed.removeAll(keepingCapacity: true)
        for connection in due {
            connection.isListed = false
            guard connections.find(Int(connection.path.socket), connection.path.generation) === connection
            else {
                continue
            }
            guard write(connection, at: resources.now) == .open else {
                close(connection)
                continue
            }
            let isDrained =
                connection.progress.isRetired
                || takeQuestions(connection, for: &unit, &resources) == .needsMore
            guard connections.find(Int(connection.path.socket), connection.path.generation) === connection
            else {
                continue
            }
            let queued = connection.output.count
            if isDrained, connection.progress.isFinished(queued: queued) {
                close(connection)
                continue
            }
            let interest = connection.progress.interest(queued: queued, resources.settings)
            watch(connection, interest, with: resources.seed.epoll)
        }
    }

    /// Takes what the clients have asked, and lets every connection end when that is answered.
    mutating func endConnections(for unit: inout EngineUnit, _ resources: inout WorkerResources) {
        for connection in connections.all {
            read(connection, for: &unit, &resources)
            connection.progress.retire()
            list(connection)
        }
    }

    /// Closes the connections that have been idle too long.
    mutating func closeExpiredConnections(_ resources: inout WorkerResources) {
        for slot in connections.expired(at: resources.now) {
            resources.counters.connectionsExpired += 1
            connections.remove(slot)
        }
    }

    /// Lets connections that are too old end when their questions are answered.
    mutating func retireConnections(_ resources: inout WorkerResources) {
        for connection in connections.retire(at: resources.now) {
            resources.counters.connectionsRetired += 1
            list(connection)
        }
    }

    /// Whether a client still takes answers.
    private enum WriteOutcome {
        /// It does.
        case open
        /// Its connection has failed.
        case failed
    }

    /// Writes to a connection.
    private mutating func write(_ connection: ClientConnection, at now: MonotonicTime) -> WriteOutcome {
        guard connection.output.count > 0 else { return .open }
        do throws(Errno) {
            let sent = try connection.output.send(on: connection.descriptor)
            connections.recount(connection)
            if sent > 0 { connection.progress.sentOctets(at: now) }
            return .open
        } catch {
            return .failed
        }
    }

    /// Changes what a connection is watched for.
    private mutating func watch(
        _ connection: ClientConnection, _ interest: Epoll.Interest, with epoll: borrowing Epoll
    ) {
        guard interest != connection.interest else { return }
        connection.interest = interest
        do throws(Errno) {
            try epoll.modify(connection.descriptor, interest, token: token(of: connection))
        } catch {
            close(connection)
        }
    }
}
