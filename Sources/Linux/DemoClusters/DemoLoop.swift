import DNSWire
import Glibc
import IPAddressing
import LinuxSystem

/// The state and loop of a demo server's thread.
///
/// `@unchecked Sendable`: made by one thread and passed to the server's own, the only one that calls `run`.
final class DemoLoop: @unchecked Sendable {
    /// Answers the questions.
    private let responder: ZoneResponder
    /// The server's sockets.
    private let sockets: DemoServer.Sockets
    /// Ends the loop.
    private let stop: StopSignal
    /// The open connections, by token.
    private var connections: [UInt64: DemoConnection] = [:]
    /// The token of the next connection.
    private var nextToken: UInt64 = 3

    /// Further connections are closed at once: a demo has few clients.
    private static let mostConnections = 128

    init(
        _ responder: ZoneResponder, _ sockets: consuming DemoServer.Sockets,
        stop: StopSignal
    ) {
        self.responder = responder
        self.sockets = sockets
        self.stop = stop
    }

    /// Serves until it is stopped. An error of the kernel ends it too; clients then get no answer.
    func run() {
        do throws(Errno) {
            let epoll = try Epoll()
            try epoll.add(sockets.datagrams, .readable, token: 0)
            try epoll.add(sockets.streams, .readable, token: 1)
            try epoll.add(stop.event.descriptor, .readable, token: 2)
            var events = EpollEvents(capacity: 64)
            var batch = DatagramBatch(capacity: 32, slotSize: 4096)
            while true {  // until `stop`
                let count = try epoll.wait(into: &events, milliseconds: nil)
                for index in 0..<count {
                    switch events[index].token {
                    case 0: try answerDatagrams(&batch)
                    case 1: try accept(epoll)
                    case 2: return
                    case let token: serve(token, epoll)
                    }
                }
            }
        } catch {
            return
        }
    }

    /// Answers the datagrams that wait.
    private func answerDatagrams(_ batch: inout DatagramBatch) throws(Errno) {
        let count = try batch.receive(from: sockets.datagrams)
        var replies = OctetBuffer(capacity: 8 * 1024)
        var sender = DatagramSender(capacity: batch.capacity)
        for index in 0..<count {
            guard let client = batch.sender(index) else { continue }
            let start = replies.count
            responder.appendReply(to: batch.message(index), isDatagram: true, into: &replies)
            guard replies.count > start else { continue }
            sender.add(
                start: start, end: replies.count, to: client.endpoint, from: nil, interface: client.scope)
        }
        _ = sender.send(replies.span, on: sockets.datagrams, stopsAtError: false)
    }

    /// Accepts the connections that wait.
    private func accept(_ epoll: borrowing Epoll) throws(Errno) {
        while let accepted = try StreamSocket.accept(from: sockets.streams) {  // ends with the queue
            guard connections.count < Self.mostConnections else { continue }
            let connection = DemoConnection(accepted)
            try connection.watch(by: epoll, token: nextToken)
            connections[nextToken] = connection
            nextToken += 1
        }
    }

    /// Serves one connection.
    private func serve(_ token: UInt64, _ epoll: borrowing Epoll) {
        guard let connection = connections[token] else { return }
        do throws(Errno) {
            switch try connection.serve(responder) {
            case .open: try connection.rewatch(by: epoll, token: token)
            case .finished: connections[token] = nil
            }
        } catch {
            connections[token] = nil
        }
    }
}

/// One TCP connection of a demo server: messages after their lengths, answered in order.
final class DemoConnection {
    /// The socket.
    private let accepted: StreamSocket.Accepted
    /// Octets of an incomplete question.
    private var input: [UInt8] = []
    /// Answers that are not sent yet.
    private var output: [UInt8] = []

    /// The most output that may wait; a client that reads less is disconnected.
    private static let mostOutput = 1 << 20

    init(_ accepted: consuming StreamSocket.Accepted) {
        self.accepted = accepted
    }

    /// Starts to watch the connection.
    func watch(by epoll: borrowing Epoll, token: UInt64) throws(Errno) {
        try epoll.add(accepted.descriptor, .readable, token: token)
    }

    /// Watches for writability too while output waits.
    func rewatch(by epoll: borrowing Epoll, token: UInt64) throws(Errno) {
        try epoll.modify(
            accepted.descriptor, output.isEmpty ? .readable : [.readable, .writable], token: token)
    }

    /// What has become of a connection.
    enum Progress {
        /// It goes on.
        case open
        /// It is to be closed.
        case finished
    }

    /// Reads and answers what has come.
    func serve(_ responder: ZoneResponder) throws(Errno) -> Progress {
        var chunk = [UInt8](repeating: 0, count: 4096)
        var room = chunk.mutableSpan
        let received = try StreamSocket.receive(from: accepted.descriptor, into: &room)
        switch received {
        case .end: return .finished
        case .nothing: break
        case .octets(let count): input += chunk[..<count]
        }
        while input.count >= 2 {  // takes at least two octets each turn
            let length = Int(input[0]) << 8 | Int(input[1])
            guard input.count - 2 >= length else { break }
            answer(Array(input[2..<(2 + length)]), responder)
            input.removeFirst(2 + length)
        }
        if !output.isEmpty {
            let unsent = output
            let sent = try StreamSocket.send(unsent.span, on: accepted.descriptor)
            output.removeFirst(sent)
        }
        return output.count <= Self.mostOutput ? .open : .finished
    }

    /// Appends the answer to a question.
    private func answer(_ message: [UInt8], _ responder: ZoneResponder) {
        var reply = OctetBuffer(capacity: 4096)
        responder.appendReply(to: message.span, isDatagram: false, into: &reply)
        guard reply.count > 0 else { return }
        output += [UInt8(truncatingIfNeeded: reply.count >> 8), UInt8(truncatingIfNeeded: reply.count)]
        let octets = reply.span
        output += octets.indices.map { octets[$0] }
    }
}
