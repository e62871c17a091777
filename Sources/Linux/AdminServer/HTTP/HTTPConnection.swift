import HTTP
import LinuxSystem
import Telemetry

/// One HTTP client: it sends one request, gets one response, and is closed.
final class HTTPConnection {
    /// The connection.
    let socket: FileDescriptor
    /// When it is closed, in any state.
    private(set) var deadline: MonotonicTime
    /// Octets of an incomplete head.
    private var input: [UInt8] = []
    /// The response.
    private var output: [UInt8] = []
    /// Octets of the response that are sent.
    private var sent = 0

    init(_ socket: consuming FileDescriptor, deadline: MonotonicTime) {
        self.socket = socket
        self.deadline = deadline
    }

    /// True once there is a response to send.
    var isAnswering: Bool { !output.isEmpty }

    /// What must happen next.
    enum Step: Hashable {
        /// Wait until the socket is ready.
        case waiting
        /// A request is complete.
        case request(HTTPRequest)
        /// The request is wrong.
        case problem(HTTPProblem)
        /// Close the connection.
        case finished
    }

    /// Reads what has come.
    func receive(_ buffer: inout [UInt8]) -> Step {
        var span = buffer.mutableSpan
        let received: StreamSocket.Received
        do throws(Errno) {
            received = try StreamSocket.receive(from: socket, into: &span)
        } catch {
            return .finished
        }
        switch received {
        case .nothing: return .waiting
        case .end: return .finished
        case .octets(let count): input += buffer[..<count]
        }
        guard let end = HTTPRequest.endOfHead(in: input) else {
            return input.count > HTTPRequest.longestHead ? .problem(.headTooLong) : .waiting
        }
        guard end <= HTTPRequest.longestHead else { return .problem(.headTooLong) }
        do throws(HTTPProblem) {
            return .request(try HTTPRequest(parsing: input[..<end]))
        } catch {
            return .problem(error)
        }
    }

    /// Sets the response.
    func answer(_ response: HTTPResponse, isHead: Bool, deadline: MonotonicTime) {
        input = []
        output = response.octets(isHead: isHead)
        self.deadline = deadline
    }

    /// Sends as much as the client accepts; `finished` after the last octet.
    func send() -> Step {
        let output = output
        do throws(Errno) {
            while sent < output.count {  // each turn sends something, or ends
                let count = try StreamSocket.send(output.span.extracting(sent..<output.count), on: socket)
                guard count > 0 else { return .waiting }
                sent += count
            }
        } catch {
            return .finished
        }
        return .finished
    }
}
