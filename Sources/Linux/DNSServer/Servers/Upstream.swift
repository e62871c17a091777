import DNSWire
import Forwarding
import IPAddressing
import LinuxSystem

/// The sockets of one worker towards one server.
struct Upstream: ~Copyable {
    /// The server.
    let server: Endpoint
    let health: ServerHealth
    /// By place, `UpstreamSockets.perServer` of them; empty until the first opens.
    private var sockets: [ConnectedSocket?] = []
    /// Which of them take questions.
    var ports = PortPool()
    /// The TCP connection.
    let stream = UpstreamStream()
    /// Collects the questions to send on `senderSocket`.
    var sender = DatagramSender(capacity: 64)
    /// The place that the collected questions are sent from.
    var senderSocket = 0

    init(server: Endpoint, health: ServerHealth) {
        self.server = server
        self.health = health
    }

    /// The socket at `place`; nil if it is closed.
    func socket(_ place: Int) -> ConnectedSocket? {
        ports.isOpen(place) ? sockets[place] : nil
    }

    /// True if none of its UDP sockets was ever open.
    var isUnused: Bool { sockets.isEmpty }

    /// Stores an opened socket.
    mutating func open(_ place: Int, _ socket: ConnectedSocket, until life: PortPool.Life) {
        if sockets.isEmpty { sockets = Array(repeating: nil, count: UpstreamSockets.perServer) }
        sockets[place] = socket
        ports.opened(place, life)
    }

    /// Closes the socket at `place`.
    mutating func close(_ place: Int) {
        guard ports.isOpen(place) else { return }
        sockets[place] = nil
        ports.closed(place)
    }

    /// Sends the collected questions, which are in `outbox`.
    mutating func flush(_ outbox: borrowing Outbox, on socket: ConnectedSocket) -> DatagramSender.Outcome {
        sender.send(outbox.octets.span, on: socket.descriptor, stopsAtError: true)
    }
}

/// A UDP or TCP socket that is connected to a server.
final class ConnectedSocket {
    /// The socket.
    let descriptor: FileDescriptor
    /// Counts it.
    private let count: OpenSocketCount

    /// - Parameter count: Counts it while it is open.
    init(_ descriptor: consuming FileDescriptor, _ count: OpenSocketCount) {
        self.descriptor = descriptor
        self.count = count
        count.value += 1
    }

    deinit {
        count.value -= 1
    }
}

/// The number of open sockets of one worker towards servers.
final class OpenSocketCount {
    /// The number.
    fileprivate(set) var value = 0
}

/// An event of a path that the engine gets once the outbox is empty.
struct UpstreamNews {
    /// The path.
    let path: UpstreamPath
    /// The event.
    let event: Event

    /// The events of a path.
    enum Event {
        /// The server, or the way to it, has failed: so have its questions.
        case failed(UpstreamFailure)
        /// The same for lack of a local resource.
        case failedHere(LocalFailure)
        /// The question with this ID could not be sent.
        case unsent(id: UInt16, LocalFailure)
        /// ICMP reports that no answer will come.
        case hinted
    }

    /// The questions on the path fail with `error`.
    init(_ path: UpstreamPath, _ error: Errno) {
        self.path = path
        event =
            switch SocketFault(error) {
            case .local(let failure): .failedHere(failure)
            case .remote(let failure): .failed(failure)
            }
    }

    init(_ path: UpstreamPath, _ event: Event) {
        self.path = path
        self.event = event
    }
}
