import Forwarding
import Glibc
import IPAddressing
import LinuxSystem

/// A socket for one question to a server.
final class QuestionSocket {
    /// The transport.
    private let transport: Transport
    /// The socket.
    private let socket: FileDescriptor
    /// Octets that are not sent yet.
    private var unsent: [UInt8]
    /// Octets of an answer that is not complete.
    private var received: [UInt8] = []

    init(_ question: [UInt8], to server: Endpoint, over transport: Transport) throws(Errno) {
        self.transport = transport
        switch transport {
        case .udp:
            socket = try DatagramSocket.connect(to: server)
            unsent = question
        case .tcp:
            socket = try StreamSocket.connect(to: server)
            unsent = [
                UInt8(truncatingIfNeeded: question.count >> 8), UInt8(truncatingIfNeeded: question.count),
            ]
            unsent += question
        }
    }

    /// The events to poll(2) for.
    var watched: pollfd {
        let events = unsent.isEmpty ? POLLIN : POLLIN | POLLOUT
        return pollfd(fd: socket.number, events: Int16(events), revents: 0)
    }

    /// Sends and receives as much as the socket accepts; the answer, once it is complete.
    func advance() throws(ExchangeFailure) -> [UInt8]? {
        let wasSent = unsent.isEmpty
        do throws(Errno) {
            if let error = socket.pendingError() { throw error }
            if !unsent.isEmpty {
                // send(2) on a connected socket: a datagram leaves as a whole.
                let octets = unsent
                unsent.removeFirst(try StreamSocket.send(octets.span, on: socket))
            }
            var room = [UInt8](repeating: 0, count: 65_535)
            var span = room.mutableSpan
            switch try StreamSocket.receive(from: socket, into: &span) {
            case .nothing: return nil
            case .octets(let count): return take(room[..<count])
            case .end:
                guard transport == .udp else { break }  // there it is an empty datagram
                return nil
            }
        } catch {
            // A connection that is not established yet is not ready.
            if error.code == ENOTCONN || error.code == EAGAIN { return nil }
            throw ExchangeFailure(error, isHint: transport == .udp && wasSent)
        }
        throw .closed
    }

    /// The answer, once it is complete.
    private func take(_ octets: ArraySlice<UInt8>) -> [UInt8]? {
        guard transport == .tcp else { return Array(octets) }
        received += octets
        guard received.count >= 2 else { return nil }
        let length = Int(received[0]) << 8 | Int(received[1])
        guard received.count - 2 >= length else { return nil }
        let message = Array(received[2..<(2 + length)])
        received.removeFirst(2 + length)
        return message
    }
}
