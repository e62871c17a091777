import Forwarding
import LinuxSystem
import Synchronization
import Telemetry

// From one configuration to the next, and from the last question to the end.

extension DNSServerWorker {
    /// Engines that drain at a time; beyond it the oldest gives up its questions.
    private static var mostDraining: Int { 8 }
    /// How long one drains: longer than any question waits.
    private static var drainMilliseconds: Int { 6_000 }

    /// Executes its commands; called between turns, when nothing is left to send.
    mutating func runCommands() {
        let commands = seed.commands.withLock { commands in
            defer { commands = [] }
            return commands
        }
        for command in commands {
            switch command.task {
            case .stop: isStopping = true
            case .end: beginEnd()
            case .begin(let change):
                engine.begin(change)
                for old in draining { old.engine.begin(change) }
            case .reconfigure(let serving, let change): reconfigure(serving, change, command.acknowledgement)
            case .settle: engine.settle()
            }
            command.acknowledgement.confirm()
        }
    }

    /// Switches to another configuration: a new engine takes the questions, the old one drains.
    private mutating func reconfigure(
        _ serving: Serving, _ change: PolicyChange, _ acknowledgement: Acknowledgement
    ) {
        guard end == nil else { return }
        now = MonotonicClock.now
        var other = ForwardingEngine(
            succeeding: &engine, change, board: serving.board, identity: serving.identity,
            limits: seed.limits)
        var otherUpstreams = Self.upstreams(of: change.new, serving.board)
        swap(&engine, &other)
        swap(&upstreams, &otherUpstreams)
        let old = DrainingEngine(
            other, otherUpstreams, number: engineNumber,
            end: now.advanced(milliseconds: Self.drainMilliseconds))
        engineNumber &+= 1  // 256 numbers for at most nine engines: none is in use twice
        draining.append(old)
        settings = serving.settings
        useQueryLog(serving.queryLog)
        clients.apply(serving.settings)
        switchListeners(serving.sockets, acknowledgement)
        drain()
        publish()
    }

    // MARK: - Old engines

    /// Does `work` with an old engine and its sockets in place of the present ones.
    mutating func withEngine(_ old: DrainingEngine, _ work: (inout DNSServerWorker) -> Void) {
        flush()
        exchange(old)
        isDraining = true
        work(&self)
        flush()
        exchange(old)
        isDraining = false
        flush()
    }

    /// Exchanges the present engine and an old one.
    private mutating func exchange(_ old: DrainingEngine) {
        swap(&engine, &old.engine)
        swap(&upstreams, &old.upstreams)
        swap(&engineNumber, &old.number)
    }

    /// Lets old engines do what is due, and removes those that have nothing in flight any more.
    mutating func drain() {
        guard !draining.isEmpty else { return }
        now = MonotonicClock.now
        let tooMany = draining.count - Self.mostDraining
        for (index, old) in draining.enumerated() where old.nextDeadline <= now || index < tooMany {
            hasNews = true
            withEngine(old) { $0.expireEngine(givesUp: old.end <= $0.now || index < tooMany) }
        }
        guard draining.contains(where: \.isFinished) else { return }
        for old in draining where old.isFinished { engine.takeCounts(of: &old.engine) }
        draining.removeAll(where: \.isFinished)
    }

    /// Ends the oldest engine.
    private mutating func expireEngine(givesUp: Bool) {
        engine.expire(in: &turn)
        if givesUp { engine.giveUpAll(in: &turn) }
    }

    // MARK: - Listeners

    /// Listens on these sockets and no others. Those that stay keep their index.
    private mutating func switchListeners(_ sockets: ListeningSockets, _ acknowledgement: Acknowledgement) {
        for index in listeners.indices {
            guard let listener = listeners[index], listener.retiredUntil == nil,
                !sockets.datagram.contains(where: { $0 === listener.socket })
            else { continue }
            retire(listener, index)
        }
        for (datagram, stream) in zip(sockets.datagram, sockets.stream) {
            listen(datagram, stream, acknowledgement)
        }
    }

    /// Takes what waits on a listener and stops listening. Replies are sent on it until all present engines
    /// have ended; connections stay open.
    private mutating func retire(_ listener: DatagramListener, _ index: Int) {
        receiveQuestions(index)
        acceptClients(index)
        flush()
        listener.retiredUntil = now.advanced(milliseconds: Self.drainMilliseconds)
        unwatch(listener, index)
        planSweep()
    }

    /// Stops watching a listener.
    private mutating func unwatch(_ listener: DatagramListener, _ index: Int) {
        do throws(Errno) {
            try seed.epoll.remove(listener.socket.descriptor)
            if let stream = streamListeners[index] { try seed.epoll.remove(stream.descriptor) }
            streamListeners[index] = nil
        } catch {
            preconditionFailure("a listener is not watched: \(error)")
        }
    }

    /// Listens on new sockets: a socket has an index while epoll watches it, and one that could not be
    /// watched is tried again with the next configuration.
    private mutating func listen(
        _ datagram: ListeningSocket, _ stream: ListeningSocket, _ acknowledgement: Acknowledgement
    ) {
        let heard = listeners.firstIndex { $0?.socket === datagram && $0?.retiredUntil == nil }
        let place = heard ?? listeners.firstIndex { $0 == nil } ?? listeners.count
        if place == listeners.count {
            listeners.append(nil)
            streamListeners.append(nil)
        }
        do throws(Errno) {
            if heard == nil {
                try seed.epoll.add(
                    datagram.descriptor, datagram.datagramInterest,
                    token: EventToken(.datagramListener, place).rawValue)
                listeners[place] = DatagramListener(datagram)
            }
            if streamListeners[place] == nil {
                try seed.epoll.add(
                    stream.descriptor, .readable, token: EventToken(.streamListener, place).rawValue)
                streamListeners[place] = stream
            }
        } catch {
            acknowledgement.note("\(datagram.endpoint) is not listened on by every worker: \(error)")
        }
    }

    /// Closes listeners that were retired long enough ago; true while there are others.
    mutating func closeRetiredListeners() -> Bool {
        var isAnyLeft = false
        for index in listeners.indices {
            guard let end = listeners[index]?.retiredUntil else { continue }
            if end <= now { listeners[index] = nil } else { isAnyLeft = true }
        }
        return isAnyLeft
    }
}

// MARK: - The end

// ```
// beginEnd          what clients have sent is taken; listeners and connections are no longer read
// each turn         answers are passed to clients; connections close once they have theirs
// endWhereAnswered  no question waits, or the time is up: the rest gets SERVFAIL; the worker stops
// ```
extension DNSServerWorker {
    /// How long clients are answered at the end: longer than any question waits, and well below
    /// `TimeoutStopSec` of namebridge.service.
    static var endMilliseconds: Int { 6_000 }
    /// How often a listener is emptied at the end, in turns: more than its buffer usually holds.
    private static var lastTurns: Int { 16 }

    /// Accepts no more questions from now on.
    mutating func beginEnd() {
        guard end == nil else { return }
        now = MonotonicClock.now
        for (index, listener) in listeners.enumerated() {
            guard let listener, listener.retiredUntil == nil else { continue }
            // What waits in a socket of the service manager is for the next process.
            if !listener.socket.isShared { empty(index) }
            unwatch(listener, index)
        }
        endClients()
        flush()
        end = now.advanced(milliseconds: Self.endMilliseconds)
    }

    /// Takes the datagrams on listener `index`.
    private mutating func empty(_ index: Int) {
        for _ in 0..<Self.lastTurns {
            let before = counters.datagramsReceived
            receiveQuestions(index)
            acceptClients(index)
            flush()
            if counters.datagramsReceived == before { break }
        }
    }

    /// Stops once every client has its answer, or the time for it is up.
    mutating func endWhereAnswered() {
        guard let end else { return }
        let isLate = end <= MonotonicClock.now
        guard isLate || !isAnyClientWaiting else { return }
        giveUpAll()
        isStopping = true
    }

    /// True if a client waits for an answer.
    private var isAnyClientWaiting: Bool {
        engine.hasWaitingClients || clients.count > 0 || draining.contains { $0.engine.hasWaitingClients }
    }

    /// Answers the clients that still wait with SERVFAIL.
    private mutating func giveUpAll() {
        engine.giveUpAll(in: &turn)
        flush()
        for old in draining { withEngine(old) { $0.engine.giveUpAll(in: &$0.turn) } }
    }
}
