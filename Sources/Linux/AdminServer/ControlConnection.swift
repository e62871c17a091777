import JSON
import LinuxSystem
import Telemetry

/// One client of the control socket: it sends one line, gets one answer, and is closed.
final class ControlConnection {
    /// The connection.
    let socket: FileDescriptor
    /// When it is closed, in any state.
    let deadline: MonotonicTime
    /// Octets of an incomplete line.
    private var input: [UInt8] = []
    /// The answer.
    private var output: [UInt8] = []
    /// Octets of the answer that are sent.
    private var sent = 0

    init(_ socket: consuming FileDescriptor, deadline: MonotonicTime) {
        self.socket = socket
        self.deadline = deadline
    }

    /// True once there is an answer to send.
    var isAnswering: Bool { !output.isEmpty }

    /// What must happen next.
    enum Step: Hashable {
        /// Wait until the socket is ready.
        case waiting
        /// A whole line, without its end.
        case line(String)
        /// The line is too long.
        case tooLong
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
        // A line may also end with the end of the stream.
        case .end: return input.isEmpty ? .finished : .line(Self.text(input[...]))
        case .octets(let count): input += buffer[..<count]
        }
        if let end = input.firstIndex(of: UInt8(ascii: "\n")), end <= ControlRequest.longestLine {
            return .line(Self.text(input[..<end]))
        }
        return input.count > ControlRequest.longestLine ? .tooLong : .waiting
    }

    /// Sets the answer.
    func answer(_ value: JSONValue) {
        output = Array((value.text() + "\n").utf8)
    }

    /// Sends as much as the client accepts; `finished` after the last octet.
    func send() -> Step {
        let output = output
        do throws(Errno) {
            sent += try StreamSocket.send(output.span.extracting(sent..<output.count), on: socket)
        } catch {
            return .finished
        }
        return sent == output.count ? .finished : .waiting
    }

    /// A line's text.
    private static func text(_ octets: ArraySlice<UInt8>) -> String {
        String(decoding: octets.last == UInt8(ascii: "\r") ? octets.dropLast() : octets, as: UTF8.self)
    }
}
