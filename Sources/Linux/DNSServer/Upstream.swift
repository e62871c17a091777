import DNSWire
import Forwarding
import IPAddressing
import LinuxSystem

/// The sockets of one worker towards one server.
struct Upstream: ~Copyable {
    let server: Endpoint
    /// By place, `UpstreamSockets.perServer` of them; empty until the first opens.
    private var sockets: [ConnectedSocket?] = []
    /// Which of them take questions.
    var ports = PortPool()
    let stream = UpstreamStream()
    /// Gathers the questions that go out of `senderSocket`.
    var sender = DatagramSender(capacity: 64)
    var senderSocket = 0

    init(server: Endpoint) {
        self.server = server
    }

    /// The socket at `place`; nil if it is closed.
    func socket(_ place: Int) -> ConnectedSocket? {
        ports.isOpen(place) ? sockets[place] : nil
    }

    /// True if none of its UDP sockets was ever open.
    var isUnused: Bool { sockets.isEmpty }

    mutating func open(_ place: Int, _ socket: ConnectedSocket, until life: PortPool.Life) {
        if sockets.isEmpty { sockets = Array(repeating: nil, count: UpstreamSockets.perServer) }
        sockets[place] = socket
        ports.opened(place, life)
    }

    mutating func close(_ place: Int) {
        guard ports.isOpen(place) else { return }
        sockets[place] = nil
        ports.closed(place)
    }

    /// Sends the questions gathered, which lie in `outbox`.
    mutating func flush(_ outbox: borrowing Outbox, on socket: ConnectedSocket) -> DatagramSender.Outcome {
        sender.send(outbox.octets.span, on: socket.descriptor, stopsAtError: true)
    }
}

/// A UDP or TCP socket that is connected to a server.
final class ConnectedSocket {
    let descriptor: FileDescriptor
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

/// How many sockets of one worker towards servers are open.
final class OpenSocketCount {
    fileprivate(set) var value = 0
}

/// What the engine is to be told of a path once the outbox is empty.
struct UpstreamNews {
    let path: UpstreamPath
    let event: Event

    enum Event {
        /// The server, or the way to it, has failed what waits for it there.
        case failed(UpstreamFailure)
        /// The same for want of something here.
        case failedHere(LocalFailure)
        /// The question with this ID could not leave.
        case unsent(id: UInt16, LocalFailure)
        /// Something says by ICMP that no answer will come.
        case hinted
    }

    /// What waits on the path fails by `error`.
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
