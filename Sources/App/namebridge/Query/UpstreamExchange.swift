import DNSServer
import Forwarding
import Glibc
import IPAddressing
import LinuxSystem

/// One question of the engine to a server.
final class UpstreamExchange {
    /// The engine's path for the question.
    let path: UpstreamPath
    /// Its index in `QueryReport.exchanges`.
    let row: Int

    /// The socket of the question.
    private let socket: QuestionSocket

    init(_ question: [UInt8], to server: Endpoint, by path: UpstreamPath, row: Int) throws(Errno) {
        self.path = path
        self.row = row
        socket = try QuestionSocket(question, to: server, over: path.transport)
    }

    /// The events to poll(2) for.
    var watched: pollfd { socket.watched }

    /// Sends and receives as much as the socket accepts; the answer, once it is complete.
    func advance() throws(ExchangeFailure) -> [UInt8]? { try socket.advance() }
}

/// Why an exchange has no answer, for the engine and in words.
struct ExchangeFailure: Error {
    let fault: SocketFault
    let words: String
    /// True for what ICMP says of a datagram: it can be forged, and an answer may come all the same.
    let isHint: Bool

    /// The server closed the connection.
    static let closed = ExchangeFailure(
        fault: .remote(.closed), words: "the server closed the connection", isHint: false)

    /// - Parameter isHint: True if the error came by ICMP, of what was sent before.
    init(_ error: Errno, isHint: Bool = false) {
        self.init(fault: SocketFault(error), words: error.description, isHint: isHint)
    }

    private init(fault: SocketFault, words: String, isHint: Bool) {
        self.fault = fault
        self.words = words
        self.isHint = isHint
    }
}
