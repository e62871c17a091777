import IPAddressing
import LinuxSystem
import Time

/// One client of a `ConnectionLoop`.
final class ServedConnection {
    /// The connection.
    let socket: FileDescriptor
    /// The client's address; nil on a local socket.
    private let address: IPAddress?
    /// When it is closed, in any state.
    private(set) var deadline: MonotonicTime
    /// Octets of an incomplete request.
    private var input: [UInt8] = []
    /// The response.
    private var output: [UInt8] = []
    /// Octets of the response that are sent.
    private var sent = 0

    init(_ socket: consuming FileDescriptor, from address: IPAddress?, deadline: MonotonicTime) {
        self.socket = socket
        self.address = address
        self.deadline = deadline
    }

    /// True once there is a response to send.
    var isAnswering: Bool { !output.isEmpty }

    /// Reads what has come, and asks `service` what it means; an error is the end of the connection.
    func receive(_ buffer: inout [UInt8], for service: some ConnectionService) -> RequestProgress {
        var span = buffer.mutableSpan
        let received: StreamSocket.Received
        do throws(Errno) {
            received = try StreamSocket.receive(from: socket, into: &span)
        } catch {
            return .nothing
        }
        switch received {
        case .nothing: return .incomplete
        case .end: return service.read(input, from: address, isEnd: true)
        case .octets(let count):
            input += buffer[..<count]
            return service.read(input, from: address, isEnd: false)
        }
    }

    /// Sets the response.
    func answer(_ response: [UInt8], deadline: MonotonicTime) {
        input = []
        output = response
        self.deadline = deadline
    }

    /// Whether there is more to send.
    enum SendingState {
        /// The client does not accept more now.
        case waiting
        /// The whole response is sent, or the client is gone.
        case finished
    }

    /// Sends as much as the client accepts.
    func send() -> SendingState {
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
