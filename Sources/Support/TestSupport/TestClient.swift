import DNSWire
package import IPAddressing
import LinuxSystem

/// A client over UDP that waits for two seconds at most.
package final class DatagramClient {
    /// The socket.
    private let socket: FileDescriptor
    /// Waits for the socket.
    private let epoll: Epoll
    /// The events of a wait.
    private var events = EpollEvents(capacity: 4)
    /// The received datagram.
    private var batch = DatagramBatch(capacity: 1, slotSize: 65_535)
    /// Sends one datagram.
    private var sender = DatagramSender(capacity: 1)
    /// Nil if the socket is connected.
    private let server: Endpoint?

    /// - Parameter address: Of this host, to ask from; nil: as the kernel chooses.
    package init(_ server: Endpoint, from address: IPAddress? = nil) throws {
        if let address {
            socket = try DatagramSocket.listen(
                on: Endpoint(address: address, port: 0), sharesPort: false, reportsLocalAddress: false)
            self.server = server
        } else {
            socket = try DatagramSocket.connect(to: server)
            self.server = nil
        }
        epoll = try Epoll()
        try epoll.add(socket, .readable, token: 1)
    }

    /// Sends a message.
    package func send(_ message: [UInt8]) {
        if let server {
            sender.add(start: 0, end: message.count, to: server, from: nil, interface: 0)
        } else {
            sender.add(start: 0, end: message.count)
        }
        _ = sender.send(message.span, on: socket, stopsAtError: true)
    }

    /// The next datagram; nil after `milliseconds` without one.
    package func receive(milliseconds: Int32 = 2000) throws -> [UInt8]? {
        guard try epoll.wait(into: &events, milliseconds: milliseconds) > 0 else { return nil }
        return try batch.receive(from: socket) == 1 ? copy(of: batch, 0) : nil
    }

    /// The reply to an A question for `name`.
    package func ask(_ name: String, id: UInt16) throws -> [UInt8]? {
        send(TestMessage.question(name, id: id))
        return try receive()
    }
}

/// A client over TCP that waits for two seconds at most.
package final class StreamClient {
    /// The connection.
    private let socket: FileDescriptor
    /// Waits for the connection.
    private let epoll: Epoll
    /// The events of a wait.
    private var events = EpollEvents(capacity: 4)
    /// Octets from the server.
    private var framing = StreamFraming()

    /// Creates a stream client.
    package init(_ server: Endpoint) throws {
        socket = try StreamSocket.connect(to: server)
        epoll = try Epoll()
        try epoll.add(socket, .writable, token: 1)
        _ = try epoll.wait(into: &events, milliseconds: 2000)
        if let error = socket.pendingError() { throw error }
        try epoll.modify(socket, .readable, token: 1)
    }

    /// Sends octets.
    package func send(_ octets: [UInt8]) throws {
        _ = try StreamSocket.send(octets.span, on: socket)
    }

    /// Ends the sending side; answers still come.
    package func endSending() throws {
        try StreamSocket.endSending(on: socket)
    }

    /// What a connection may bring.
    package enum Event: Hashable {
        /// A whole message.
        case message([UInt8])
        /// The server has closed the connection.
        case closed
        /// Nothing in time.
        case silence
    }

    /// The next event within `milliseconds`.
    package func receive(milliseconds: Int32 = 2000) throws -> Event {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let range = try framing.next() {
                return .message(
                    framing.withMessage(range) { message in (0..<message.count).map { message[$0] } })
            }
            guard try epoll.wait(into: &events, milliseconds: milliseconds) > 0 else { return .silence }
            var span = buffer.mutableSpan
            do {
                switch try StreamSocket.receive(from: socket, into: &span) {
                case .nothing: continue
                case .end: return .closed
                case .octets(let count): framing.append(buffer.span.extracting(first: count))
                }
            } catch {
                return .closed
            }
        }
    }

    /// The IDs of the next `count` messages; fewer if they do not come.
    package func receiveIDs(_ count: Int) throws -> [UInt16] {
        var ids: [UInt16] = []
        while ids.count < count, case .message(let message) = try receive() {
            ids.append(TestMessage.id(message))
        }
        return ids
    }
}
