import DNSWire
import LinuxSystem
import Time

/// The TCP connection of a worker to one server, opened when a question needs it and kept for more.
final class UpstreamStream {
    /// nil while there is no connection.
    var socket: ConnectedSocket?
    /// Octets from the server.
    var framing = StreamFraming()
    /// Questions that are not sent yet.
    var output = MessageQueue()
    /// Decides when the connection is closed.
    var progress = UpstreamProgress()
    /// Distinguishes events of this connection from those of earlier ones.
    var generation: UInt32 = 0
    /// The events that epoll watches the socket for.
    var interest: Epoll.Interest = []
    /// True while it is in the worker's list of connections to write to.
    var isListed = false

    /// Begins with a new connection; what was left of the one before is dropped.
    func open(_ connected: ConnectedSocket, at now: MonotonicTime) {
        generation = EventToken.generation(after: generation)
        socket = connected
        framing = StreamFraming()
        progress.began(at: now)
    }

    /// Closes the connection; unsent output is dropped.
    func close() {
        socket = nil
        output.removeAll()
        progress.closed()
    }
}

/// Decides when a connection to a server is kept, watched and closed.
struct UpstreamProgress: Hashable, Sendable {
    /// The phases of a connection.
    enum Phase: Hashable, Sendable {
        /// There is no connection.
        case closed
        /// It is being established.
        case connecting
        /// It is established.
        case open
    }

    /// The phase.
    private(set) var phase = Phase.closed
    /// Questions sent whose answers have not come.
    private(set) var outstanding = 0
    /// When it last brought an answer, or was given a question while none was outstanding: a connection that
    /// takes questions and gives no answers does not live on.
    private(set) var lastActivity = MonotonicTime(nanoseconds: 0)

    /// Notes the start of connecting.
    mutating func began(at now: MonotonicTime) {
        phase = .connecting
        lastActivity = now
    }

    /// Notes that the connection is established.
    mutating func connected(at now: MonotonicTime) {
        phase = .open
        lastActivity = now
    }

    /// Notes a question.
    mutating func asked(at now: MonotonicTime) {
        if outstanding == 0 { lastActivity = now }
        outstanding += 1
    }

    /// Notes an answer.
    mutating func answered(at now: MonotonicTime) {
        outstanding = max(0, outstanding - 1)
        lastActivity = now
    }

    /// Notes that the connection is closed.
    mutating func closed() {
        phase = .closed
        outstanding = 0
    }

    /// True if it is open and no answer is outstanding.
    var isIdle: Bool { phase == .open && outstanding == 0 }

    /// True if it has been idle long enough, or owes an answer for longer than one takes: a device on the way
    /// may have dropped the connection.
    func isExpired(at now: MonotonicTime, _ settings: DNSServerSettings) -> Bool {
        let limit =
            outstanding > 0 ? settings.upstreamSilenceMilliseconds : settings.upstreamIdleMilliseconds
        return phase != .closed && lastActivity.advanced(milliseconds: limit) <= now
    }

    /// The events to watch the socket for, with `queued` octets waiting to be sent.
    func interest(queued: Int) -> Epoll.Interest {
        switch phase {
        case .closed: []
        case .connecting: .writable
        case .open: queued > 0 ? [.readable, .writable] : .readable
        }
    }
}
