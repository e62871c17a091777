import IPAddressing
import JSON
import LinuxSystem

/// Answers one line with one line on the control socket.
struct ControlService: ConnectionService {
    /// Whether a client of these credentials is served.
    let mayAsk: @Sendable (Credentials) -> Bool
    /// Handles requests.
    let respond: ControlServer.Responder

    static let limits = ConnectionLimits(
        connections: 16, requestMilliseconds: ControlServer.timeoutMilliseconds, responseMilliseconds: nil,
        lateResponse: [], busyResponse: refusal("busy: 16 others are asking"))

    func accept(from listener: borrowing FileDescriptor) throws(Errno) -> AcceptedClient? {
        guard let socket = try LocalSocket.accept(from: listener) else { return nil }
        let isAllowed = mayAsk(try LocalSocket.peer(of: socket))
        let refusal = Self.refusal("not allowed: ask as root, or as the server's own user or group")
        return AcceptedClient(socket, refusal: isAllowed ? nil : refusal)
    }

    func read(_ octets: [UInt8], from client: IPAddress?, isEnd: Bool) -> RequestProgress {
        let longest = ControlRequest.longestLine
        if let end = octets.firstIndex(of: UInt8(ascii: "\n")), end <= longest {
            return .response(answer(to: octets[..<end]))
        }
        if octets.count > longest { return .response(Self.refusal("\(ControlRequestError.tooLong)")) }
        guard isEnd else { return .incomplete }
        // A line may also end with the end of the stream.
        return octets.isEmpty ? .nothing : .response(answer(to: octets[...]))
    }

    /// The answer to a request's line, which may end with a carriage return.
    private func answer(to line: ArraySlice<UInt8>) -> [UInt8] {
        let text = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        do throws(ControlRequestError) {
            return Self.line(respond(try ControlRequest(parsing: String(decoding: text, as: UTF8.self))))
        } catch {
            return Self.refusal("\(error)")
        }
    }

    /// A refusal as a line.
    private static func refusal(_ reason: String) -> [UInt8] {
        line(.object([("error", .string(reason))]))
    }

    /// `value` as a line.
    private static func line(_ value: JSONValue) -> [UInt8] {
        Array((value.text() + "\n").utf8)
    }
}
