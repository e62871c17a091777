import JSON
import LinuxSystem
import Synchronization
import Telemetry

/// The thread of `ControlServer`.
final class ControlLoop: Sendable {
    /// Waits for the listener and all connections.
    let epoll: Epoll
    /// The listening socket.
    private let listener: FileDescriptor
    /// Decides who is served.
    private let mayAsk: @Sendable (Credentials) -> Bool
    /// Called every five seconds.
    private let tick: @Sendable () -> Void
    /// Called if connections cannot be accepted.
    private let complain: @Sendable (Errno) -> Void
    /// Handles requests.
    private let respond: ControlServer.Responder

    /// The token of the wake event.
    static let wakeToken: UInt64 = 0
    /// The token of the listener.
    private static let listenerToken: UInt64 = 1
    /// The token of connection 0; the others follow.
    private static let firstConnection: UInt64 = 2

    init(
        _ listener: consuming FileDescriptor, _ mayAsk: @escaping @Sendable (Credentials) -> Bool,
        _ tick: @escaping @Sendable () -> Void, _ complain: @escaping @Sendable (Errno) -> Void,
        _ respond: @escaping ControlServer.Responder
    ) throws(Errno) {
        epoll = try Epoll()
        try epoll.add(listener, .readable, token: Self.listenerToken)
        self.listener = listener
        self.mayAsk = mayAsk
        self.tick = tick
        self.complain = complain
        self.respond = respond
    }

    /// Serves until the wake event.
    func run() {
        var events = EpollEvents(capacity: 32)
        var connections = [ControlConnection?](repeating: nil, count: ControlServer.mostConnections)
        var buffer = [UInt8](repeating: 0, count: 2048)
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
                case Self.listenerToken: accept(into: &connections, &rest, at: now)
                case let token: serve(&connections[Int(token - Self.firstConnection)], token, &buffer)
                }
            }
            for (slot, connection) in connections.enumerated() {
                if let connection, connection.deadline <= now { connections[slot] = nil }
            }
            if rest.isOver(at: now) { watchListener(.readable) }
            if nextTick <= now {
                tick()
                nextTick = now.advanced(milliseconds: ControlServer.tickMilliseconds)
            }
        }
    }

    /// Changes what the listener is watched for.
    private func watchListener(_ interest: Epoll.Interest) {
        do throws(Errno) {
            try epoll.modify(listener, interest, token: Self.listenerToken)
        } catch {
            preconditionFailure("the listener is not watched: \(error)")
        }
    }

    /// Milliseconds until `time` or the first deadline of a connection.
    private func pollTimeout(_ connections: [ControlConnection?], _ time: MonotonicTime) -> Int32 {
        let next = connections.reduce(time) { next, connection in
            connection.map { min(next, $0.deadline) } ?? next
        }
        let nanoseconds = next.nanoseconds(since: MonotonicClock.now)
        return Int32(clamping: max(0, (nanoseconds + 999_999) / 1_000_000))
    }

    /// Accepts one client, or sends it a refusal.
    private func accept(
        into connections: inout [ControlConnection?], _ rest: inout ListenerRest, at now: MonotonicTime
    ) {
        let deadline = now.advanced(milliseconds: ControlServer.timeoutMilliseconds)
        do throws(Errno) {
            guard let socket = try LocalSocket.accept(from: listener) else { return }
            let isAllowed = mayAsk(try LocalSocket.peer(of: socket))
            let connection = ControlConnection(socket, deadline: deadline)
            guard isAllowed else {
                reject(connection, "not allowed: ask as root, or as the server's own user or group")
                return
            }
            guard let free = connections.firstIndex(where: { $0 == nil }) else {
                reject(connection, "busy: \(ControlServer.mostConnections) others are asking")
                return
            }
            try epoll.add(connection.socket, .readable, token: Self.firstConnection + UInt64(free))
            connections[free] = connection
        } catch {
            // Any other error: the client is gone.
            guard error.isShortage else { return }
            watchListener([])
            if rest.begin(at: now) { complain(error) }
        }
    }

    /// Sends a refusal.
    private func reject(_ connection: ControlConnection, _ reason: String) {
        connection.answer(.object([("error", .string(reason))]))
        _ = connection.send()
    }

    /// Continues with one client as far as it is ready; `slot` becomes nil once it is done, and its socket
    /// is closed.
    private func serve(_ slot: inout ControlConnection?, _ token: UInt64, _ buffer: inout [UInt8]) {
        guard let connection = slot else { return }
        if !connection.isAnswering {
            switch connection.receive(&buffer) {
            case .waiting: return
            case .line(let line): connection.answer(answer(to: line))
            case .tooLong: connection.answer(Self.refusal(.tooLong))
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

    /// The answer to a request's line.
    private func answer(to line: String) -> JSONValue {
        do throws(ControlRequestError) {
            return respond(try ControlRequest(parsing: line))
        } catch {
            return Self.refusal(error)
        }
    }

    /// A refusal as JSON.
    private static func refusal(_ error: ControlRequestError) -> JSONValue {
        .object([("error", .string("\(error)"))])
    }
}
