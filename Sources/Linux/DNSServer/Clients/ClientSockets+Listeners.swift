import LinuxSystem
import Time

// From the listeners of one configuration to those of the next.

extension ClientSockets {
    /// Listens on these sockets and no others. Those that stay keep their index.
    mutating func listen(
        on sockets: ListeningSockets, for unit: inout EngineUnit, _ resources: inout WorkerResources,
        _ acknowledgement: Acknowledgement
    ) {
        for index in listeners.indices {
            guard let listener = listeners[index], listener.retiredUntil == nil,
                !sockets.datagram.contains(where: { $0 === listener.socket })
            else { continue }
            retire(listener, index, for: &unit, resources: &resources)
        }
        for (datagram, stream) in zip(sockets.datagram, sockets.stream) {
            listen(datagram, stream, with: resources.seed.epoll, acknowledgement: acknowledgement)
        }
    }

    /// Takes what waits on a listener and stops listening. Replies are sent on it until all present engines
    /// have ended; connections stay open.
    private mutating func retire(
        _ listener: DatagramListener, _ index: Int, for unit: inout EngineUnit,
        resources: inout WorkerResources
    ) {
        receiveQuestions(index, for: &unit, &resources)
        acceptClients(index, &resources)
        flush(&unit, &resources)
        listener.retiredUntil = resources.now.advanced(milliseconds: DNSServerWorker.drainMilliseconds)
        unwatch(listener, index, with: resources.seed.epoll)
        resources.planSweep()
    }

    /// Stops watching a listener.
    private mutating func unwatch(
        _ listener: DatagramListener, _ index: Int, with epoll: borrowing Epoll
    ) {
        do throws(Errno) {
            try epoll.remove(listener.socket.descriptor)
            if let stream = streamListeners[index] { try epoll.remove(stream.descriptor) }
            streamListeners[index] = nil
        } catch {
            preconditionFailure("a listener is not watched: \(error)")
        }
    }

    /// Listens on new sockets: a socket has an index while epoll watches it, and one that could not be
    /// watched is tried again with the next configuration.
    private mutating func listen(
        _ datagram: ListeningSocket, _ stream: ListeningSocket, with epoll: borrowing Epoll,
        acknowledgement: Acknowledgement
    ) {
        let heard = listeners.firstIndex { $0?.socket === datagram && $0?.retiredUntil == nil }
        let place = heard ?? listeners.firstIndex { $0 == nil } ?? listeners.count
        if place == listeners.count {
            listeners.append(nil)
            streamListeners.append(nil)
        }
        do throws(Errno) {
            if heard == nil {
                try epoll.add(
                    datagram.descriptor, datagram.datagramInterest,
                    token: EventToken(.datagramListener, place).rawValue)
                listeners[place] = DatagramListener(datagram)
            }
            if streamListeners[place] == nil {
                try epoll.add(
                    stream.descriptor, .readable, token: EventToken(.streamListener, place).rawValue)
                streamListeners[place] = stream
            }
        } catch {
            acknowledgement.note("\(datagram.endpoint) is not listened on by every worker: \(error)")
        }
    }

    /// Whether retired listeners are left.
    enum RetirementOutcome {
        /// None is.
        case allClosed
        /// Some still send replies.
        case someLeft
    }

    /// Closes listeners that were retired long enough ago.
    mutating func closeRetiredListeners(at now: MonotonicTime) -> RetirementOutcome {
        var outcome = RetirementOutcome.allClosed
        for index in listeners.indices {
            guard let end = listeners[index]?.retiredUntil else { continue }
            if end <= now { listeners[index] = nil } else { outcome = .someLeft }
        }
        return outcome
    }

    /// Takes what waits on every listener, and stops listening.
    mutating func endListening(for unit: inout EngineUnit, _ resources: inout WorkerResources) {
        for (index, listener) in listeners.enumerated() {
            guard let listener, listener.retiredUntil == nil else { continue }
            // What waits in a socket of the service manager is for the next process.
            if !listener.socket.isShared { empty(index, for: &unit, &resources) }
            unwatch(listener, index, with: resources.seed.epoll)
        }
    }

    /// Takes the datagrams and connections that wait on listener `index`.
    private mutating func empty(
        _ index: Int, for unit: inout EngineUnit, _ resources: inout WorkerResources
    ) {
        for _ in 0..<Self.lastTurns {
            let before = resources.counters.datagramsReceived
            receiveQuestions(index, for: &unit, &resources)
            acceptClients(index, &resources)
            flush(&unit, &resources)
            if resources.counters.datagramsReceived == before { break }
        }
    }

    /// How often a listener is emptied at the end, in turns: more than its buffer usually holds.
    private static var lastTurns: Int { 16 }
}
