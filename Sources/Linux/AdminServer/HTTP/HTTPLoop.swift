import HTTP
import IPAddressing
import LinuxSystem
import Telemetry

/// The thread of `HTTPServer`.
final class HTTPLoop: Sendable {
    /// Waits for the listeners and all connections.
    let epoll: Epoll
    /// The listening sockets.
    private let listeners: [HTTPListener]
    /// Decides who is served.
    private let access: HTTPServer.Access
    /// Called every five seconds.
    private let tick: @Sendable () -> Void
    /// Called if connections cannot be accepted.
    private let complain: @Sendable (Errno) -> Void
    /// Gives the responses.
    private let respond: HTTPServer.Responder

    /// The token of the wake event.
    static let wakeToken: UInt64 = 0
    /// The token of connection 0; the others follow. Those of listeners follow all connections.
    private static let firstConnection: UInt64 = 1
    /// The token of listener 0.
    private static let firstListener = firstConnection + UInt64(HTTPServer.mostConnections)

    init(
        _ listeners: [HTTPListener], _ access: HTTPServer.Access, _ tick: @escaping @Sendable () -> Void,
        _ complain: @escaping @Sendable (Errno) -> Void, _ respond: @escaping HTTPServer.Responder
    ) throws(Errno) {
        epoll = try Epoll()
        for (index, listener) in listeners.enumerated() {
            try epoll.add(listener.socket, .readable, token: Self.firstListener + UInt64(index))
        }
        self.listeners = listeners
        self.access = access
        self.tick = tick
        self.complain = complain
        self.respond = respond
    }

    /// Serves until the wake event.
    func run() {
        var events = EpollEvents(capacity: 64)
        var connections = [HTTPConnection?](repeating: nil, count: HTTPServer.mostConnections)
        var buffer = [UInt8](repeating: 0, count: 4096)
        var nextTick = MonotonicClock.now.advanced(milliseconds: ControlServer.tickMilliseconds)
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
                    accept(Int(token - Self.firstListener), into: &connections, &rest, &buffer, at: now)
                case let token:
                    serve(&connections[Int(token - Self.firstConnection)], token, &buffer, at: now)
                }
            }
            for (slot, connection) in connections.enumerated() {
                if let connection, connection.deadline <= now { expire(&connections[slot], connection, now) }
            }
            if rest.isOver(at: now) { watchListeners(.readable) }
            if nextTick <= now {
                tick()
                nextTick = now.advanced(milliseconds: ControlServer.tickMilliseconds)
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
    private func pollTimeout(_ connections: [HTTPConnection?], _ time: MonotonicTime) -> Int32 {
        let next = connections.reduce(time) { next, connection in
            connection.map { min(next, $0.deadline) } ?? next
        }
        let nanoseconds = next.nanoseconds(since: MonotonicClock.now)
        return Int32(clamping: max(0, (nanoseconds + 999_999) / 1_000_000))
    }

    /// Tells a client that its request did not come in time, and closes the connection.
    private func expire(_ slot: inout HTTPConnection?, _ connection: HTTPConnection, _ now: MonotonicTime) {
        if !connection.isAnswering {
            connection.answer(HTTPResponse(.tooSlow), isHead: false, deadline: now)
            _ = connection.send()
        }
        slot = nil
    }

    /// Accepts one client; one that is not allowed gets a refusal.
    private func accept(
        _ listener: Int, into connections: inout [HTTPConnection?], _ rest: inout ListenerRest,
        _ buffer: inout [UInt8], at now: MonotonicTime
    ) {
        do throws(Errno) {
            guard let accepted = try StreamSocket.accept(from: listeners[listener].socket) else { return }
            let isAllowed = access.clients.longestMatch(accepted.client.address) != nil
            let deadline = now.advanced(milliseconds: HTTPServer.askingMilliseconds)
            let connection = HTTPConnection(accepted.takeDescriptor(), deadline: deadline)
            guard isAllowed else {
                // The request is read, or the kernel would cut our response off with a reset.
                _ = connection.receive(&buffer)
                connection.answer(HTTPResponse(.notAllowed), isHead: false, deadline: now)
                _ = connection.send()
                return
            }
            let slot = connections.firstIndex { $0 == nil } ?? longestWaiting(connections)
            connections[slot] = nil
            try epoll.add(connection.socket, .readable, token: Self.firstConnection + UInt64(slot))
            connections[slot] = connection
        } catch {
            // Any other error: the client is gone.
            guard error.isShortage else { return }
            watchListeners([])
            if rest.begin(at: now) { complain(error) }
        }
    }

    /// The connection whose deadline is first; there is one.
    private func longestWaiting(_ connections: [HTTPConnection?]) -> Int {
        let never = MonotonicTime(nanoseconds: .max)
        let deadlines = connections.map { $0?.deadline ?? never }
        return deadlines.indices.min { deadlines[$0] < deadlines[$1] } ?? 0
    }

    /// Continues with one client as far as it is ready; `slot` becomes nil once it is done, and its socket
    /// is closed.
    private func serve(
        _ slot: inout HTTPConnection?, _ token: UInt64, _ buffer: inout [UInt8], at now: MonotonicTime
    ) {
        guard let connection = slot else { return }
        if !connection.isAnswering {
            let deadline = now.advanced(milliseconds: HTTPServer.answeringMilliseconds)
            switch connection.receive(&buffer) {
            case .waiting: return
            case .request(let request):
                connection.answer(answer(to: request), isHead: request.isHead, deadline: deadline)
            case .problem(let problem):
                connection.answer(HTTPResponse(problem), isHead: false, deadline: deadline)
            case .finished:
                slot = nil
                return
            }
        }
        guard connection.send() == .waiting else {
            slot = nil
            return
        }
        do throws(Errno) {
            try epoll.modify(connection.socket, .writable, token: token)
        } catch {
            slot = nil
        }
    }

    /// The response to a request.
    private func answer(to request: HTTPRequest) -> HTTPResponse {
        guard isOurs(request.host) else { return HTTPResponse(.strangeHost) }
        return respond(request.path) ?? HTTPResponse(.notFound)
    }

    /// True if `host` is an address, `localhost`, or a name of this machine.
    ///
    /// A browser that a foreign name has led here sends that name; it can't send an address instead.
    private func isOurs(_ host: String?) -> Bool {
        guard let host, host != "localhost", !access.hosts.contains(host) else { return true }
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        return IPAddress(bare) != nil
    }
}
