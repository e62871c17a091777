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
    /// The failure for the engine.
    let kind: UpstreamFailure
    /// The failure in words.
    let words: String

    /// The server closed the connection.
    static let closed = ExchangeFailure(kind: .closed, words: "the server closed the connection")

    init(_ error: Errno) {
        kind = error == .connectionRefused || error == .connectionReset ? .refused : .unreachable
        words = error.description
    }

    private init(kind: UpstreamFailure, words: String) {
        self.kind = kind
        self.words = words
    }
}
