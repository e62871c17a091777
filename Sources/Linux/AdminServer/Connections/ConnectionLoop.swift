import LinuxSystem
import Time

/// Serves a few clients at a time on one thread, which never waits for one of them.
final class ConnectionLoop<Service: ConnectionService>: Sendable {
    /// Waits for the listeners and all connections.
    private let epoll: Epoll
    /// The listening sockets.
    private let listeners: [StreamListener]
    /// Answers requests.
    private let service: Service
    /// What is done beside serving.
    private let duties: ConnectionDuties

    /// The token of the wake event.
    private static var wakeToken: UInt64 { 0 }
    /// The token of connection 0; the others follow. Those of listeners follow all connections.
    private static var firstConnection: UInt64 { 1 }
    /// The token of listener 0.
    private static var firstListener: UInt64 { firstConnection + UInt64(Service.limits.connections) }

    /// - Parameter wake: Ends `run`.
    init(
        _ listeners: [StreamListener], wake: borrowing EventFD, _ service: Service, _ duties: ConnectionDuties
    ) throws(Errno) {
        epoll = try Epoll()
        try epoll.add(wake.descriptor, .readable, token: Self.wakeToken)
        for (index, listener) in listeners.enumerated() {
            try epoll.add(listener.socket, .readable, token: Self.firstListener + UInt64(index))
        }
        self.listeners = listeners
        self.service = service
        self.duties = duties
    }

    /// Serves until the wake event.
    func run() {
        var events = EpollEvents(capacity: 64)
        var connections = [ServedConnection?](repeating: nil, count: Service.limits.connections)
        var buffer = [UInt8](repeating: 0, count: 4096)
        var nextTick = MonotonicClock.now.advanced(milliseconds: ConnectionDuties.tickMilliseconds)
        var rest = ListenerRest()
        while true {
            let count: Int
            do throws(Errno) {
                let next = rest.end.map { min($0, nextTick) } ?? nextTick
                count = try epoll.wait(into: &events, milliseconds: pollTimeout(connections, next))
            } catch {
                preconditionFailure("epoll cannot wait: \(error)")
            }
            let now = MonotonicClock.now
            for index in 0..<count {
                switch events[index].token {
                case Self.wakeToken: return
                case let token where token >= Self.firstListener:
                    let slot = accept(Int(token - Self.firstListener), into: &connections, &rest, at: now)
                    // Most requests have come already.
                    if let slot { serve(&connections[slot], slot, &buffer, at: now) }
                case let token:
                    let slot = Int(token - Self.firstConnection)
                    serve(&connections[slot], slot, &buffer, at: now)
                }
            }
            for (slot, connection) in connections.enumerated() {
                if let connection, connection.deadline <= now { expire(&connections[slot], connection, now) }
            }
            if rest.advance(to: now) == .ended { watchListeners(.readable) }
            if nextTick <= now {
                duties.tick()
                nextTick = now.advanced(milliseconds: ConnectionDuties.tickMilliseconds)
            }
        }
    }

    /// Changes what the listeners are watched for.
    private func watchListeners(_ interest: Epoll.Interest) {
        for (index, listener) in listeners.enumerated() {
            do throws(Errno) {
                try epoll.modify(listener.socket, interest, token: Self.firstListener + UInt64(index))
            } catch {
                preconditionFailure("a listener is not watched: \(error)")
            }
        }
    }

    /// Milliseconds until `time` or the first deadline of a connection.
    private func pollTimeout(_ connections: [ServedConnection?], _ time: MonotonicTime) -> Int32 {
        let next = connections.reduce(time) { next, connection in
            connection.map { min(next, $0.deadline) } ?? next
        }
        let nanoseconds = next.nanoseconds(since: MonotonicClock.now)
        return Int32(clamping: max(0, (nanoseconds + 999_999) / 1_000_000))
    }

    /// Tells a client that its request did not come in time, and closes the connection.
    private func expire(_ slot: inout ServedConnection?, _ connection: ServedConnection, _ now: MonotonicTime)
    {
        if !connection.isAnswering { refuse(connection, Service.limits.lateResponse, at: now) }
        slot = nil
    }

    /// Accepts one client; one that is not allowed gets a refusal.
    ///
    /// - Returns: The new connection's slot; nil if there is none.
    private func accept(
        _ listener: Int, into connections: inout [ServedConnection?], _ rest: inout ListenerRest,
        at now: MonotonicTime
    ) -> Int? {
        let limits = Service.limits
        do throws(Errno) {
            guard let client = try service.accept(from: listeners[listener].socket) else { return nil }
            let (refusal, address) = (client.refusal, client.address)
            let deadline = now.advanced(milliseconds: limits.requestMilliseconds)
            let connection = ServedConnection(client.takeSocket(), from: address, deadline: deadline)
            if let refusal {
                refuse(connection, refusal, at: now)
                return nil
            }
            let free = connections.firstIndex { $0 == nil }
            if free == nil, let busy = limits.busyResponse {
                refuse(connection, busy, at: now)
                return nil
            }
            let slot = free ?? longestWaiting(connections)
            connections[slot] = nil
            try epoll.add(connection.socket, .readable, token: Self.firstConnection + UInt64(slot))
            connections[slot] = connection
            return slot
        } catch {
            // Any other error: the client is gone.
            guard error.isShortage else { return nil }
            watchListeners([])
            if rest.begin(at: now) == .due { duties.complain(error) }
            return nil
        }
    }

    /// Sends `response` to a client that is not served.
    private func refuse(_ connection: ServedConnection, _ response: [UInt8], at now: MonotonicTime) {
        guard !response.isEmpty else { return }
        // What it asked is read first, or the kernel would cut our response off with a reset.
        var ignored = [UInt8](repeating: 0, count: 4096)
        var span = ignored.mutableSpan
        do throws(Errno) { _ = try StreamSocket.receive(from: connection.socket, into: &span) } catch {}
        connection.answer(response, deadline: now)
        _ = connection.send()
    }

    /// The connection whose deadline is first; there is one.
    private func longestWaiting(_ connections: [ServedConnection?]) -> Int {
        let never = MonotonicTime(nanoseconds: .max)
        let deadlines = connections.map { $0?.deadline ?? never }
        return deadlines.indices.min { deadlines[$0] < deadlines[$1] } ?? 0
    }

    /// Continues with one client as far as it is ready; `place` becomes nil once it is done, and its socket
    /// is closed.
    private func serve(
        _ place: inout ServedConnection?, _ slot: Int, _ buffer: inout [UInt8], at now: MonotonicTime
    ) {
        guard let connection = place else { return }
        if !connection.isAnswering {
            switch connection.receive(&buffer, for: service) {
            case .incomplete: return
            case .response(let response):
                let milliseconds = Service.limits.responseMilliseconds
                let deadline = milliseconds.map { now.advanced(milliseconds: $0) } ?? connection.deadline
                connection.answer(response, deadline: deadline)
            case .nothing:
                place = nil
                return
            }
        }
        guard connection.send() == .waiting else {
            place = nil
            return
        }
        do throws(Errno) {
            try epoll.modify(connection.socket, .writable, token: Self.firstConnection + UInt64(slot))
        } catch {
            place = nil
        }
    }
}

/// What a `ConnectionLoop` does beside serving; called on its thread.
struct ConnectionDuties: Sendable {
    /// How often `tick` is called.
    static let tickMilliseconds = 5_000

    /// Called every `tickMilliseconds`.
    let tick: @Sendable () -> Void
    /// Called at most once a minute if connections cannot be accepted.
    let complain: @Sendable (Errno) -> Void
}

/// A listening socket as a class, so that it can be in an array.
final class StreamListener: Sendable {
    /// The socket.
    let socket: FileDescriptor

    init(_ socket: consuming FileDescriptor) {
        self.socket = socket
    }
}
