import DNSWire
import Forwarding
import IPAddressing
import LinuxSystem

/// The sockets of one worker towards one server.
struct Upstream: ~Copyable {
    let server: Endpoint
    /// `UpstreamSockets.perServer` places; each is opened when its first question goes out.
    var sockets: [ConnectedSocket?]
    let stream = UpstreamStream()
    /// Gathers the questions that go out of `senderSocket`.
    var sender = DatagramSender(capacity: 64)
    var senderSocket = 0
    /// The place whose socket is closed next, if nothing is waited for there; see
    /// `DNSServerWorker.renewSockets`.
    var nextRenewal = 0

    init(server: Endpoint) {
        self.server = server
        sockets = Array(repeating: nil, count: UpstreamSockets.perServer)
    }

    /// Sends the questions gathered, which lie in `outbox`.
    mutating func flush(_ outbox: borrowing Outbox, on socket: ConnectedSocket) -> DatagramSender.Outcome {
        sender.send(outbox.octets.span, on: socket.descriptor, stopsAtError: true)
    }
}

/// A UDP or TCP socket that is connected to a server.
final class ConnectedSocket: Sendable {
    let descriptor: FileDescriptor

    init(_ descriptor: consuming FileDescriptor) {
        self.descriptor = descriptor
    }
}

/// What the engine is told after the errors of sockets towards servers.
extension UpstreamFailure {
    /// nil for an error that concerns one datagram's size alone.
    init?(_ error: Errno) {
        switch error {
        case .connectionRefused, .connectionReset: self = .refused
        case .timedOut: self = .timeout
        case .messageTooLong: return nil
        default: self = .unreachable
        }
    }

    /// Of an error met where a socket was to be opened.
    init(opening error: Errno) {
        switch error {
        case .connectionRefused: self = .refused
        case .hostUnreachable, .networkUnreachable: self = .unreachable
        default: self = .noSocket
        }
    }
}
