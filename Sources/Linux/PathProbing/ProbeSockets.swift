import IPAddressing
import LinuxSystem
import PathHealth

/// The sockets of probes, each of which is used for one connection after the other: to make, watch and close
/// one for each connection took a third of what a probe costs.
struct ProbeSockets: ~Copyable {
    /// The most sockets.
    private let most: Int
    /// By their tokens; nil: closed.
    private var sockets: [ProbeSocket?] = []
    /// Tokens of `sockets` that are nil.
    private var vacant: [Int] = []
    /// Those without a connection, the latest last; at most `mostIdle`.
    private var idle: [ProbeSocket] = []
    /// Those with a connection.
    private var open: [AttemptID: ProbeSocket] = [:]

    /// So many wait for their next connection: more than the probes of hundreds of paths that go out at a
    /// time, while all goes well.
    private static let mostIdle = 64

    /// - Parameter most: Sockets at a time.
    init(most: Int) { self.most = most }

    /// Begins a connection to `target`.
    mutating func connect(
        _ attempt: AttemptID, to target: Endpoint, from origin: ProbeOrigin, _ epoll: borrowing Epoll
    ) throws(Errno) {
        let socket = try socket(ProbeSocket.Way(origin, to: target.address), epoll)
        do throws(Errno) {
            try StreamSocket.begin(to: target, on: socket.descriptor)
        } catch {
            close(socket)
            throw error
        }
        socket.attempt = attempt
        open[attempt] = socket
    }

    /// Takes an event of the socket with this token: what it belongs to, and what failed, if anything did;
    /// nil if the socket has no connection.
    mutating func take(_ token: UInt64, _ readiness: Epoll.Interest) -> (attempt: AttemptID, error: Errno?)? {
        guard let place = Int(exactly: token), sockets.indices.contains(place), let socket = sockets[place],
            let attempt = socket.attempt
        else { return nil }
        // What has failed is reported as such: the rest need not be asked.
        let error = readiness == .writable ? nil : socket.descriptor.pendingError()
        giveUp(attempt)
        return (attempt, error)
    }

    /// Ends a connection; its socket waits for the next one.
    mutating func giveUp(_ attempt: AttemptID) {
        guard let socket = open.removeValue(forKey: attempt) else { return }
        socket.attempt = nil
        guard idle.count < Self.mostIdle else { return close(socket) }
        do throws(Errno) {
            try StreamSocket.giveUp(on: socket.descriptor)
            idle.append(socket)
        } catch {
            close(socket)
        }
    }

    /// Closes the sockets that wait.
    mutating func closeIdle() {
        for socket in idle { close(socket) }
        idle = []
    }

    /// A socket without a connection, for packets that leave so.
    private mutating func socket(
        _ way: ProbeSocket.Way, _ epoll: borrowing Epoll
    ) throws(Errno) -> ProbeSocket {
        if let place = idle.lastIndex(where: { $0.way == way }) { return idle.remove(at: place) }
        if open.count + idle.count >= most {
            guard !idle.isEmpty else { throw .tooManyDescriptors }
            close(idle.removeFirst())
        }
        let token = vacant.last ?? sockets.count
        let made = try ProbeSocket(way, token: token)
        // Reported with each change: a socket without a connection is hung up all the time.
        try epoll.add(made.descriptor, [.writable, .onChange], token: UInt64(token))
        if vacant.isEmpty { sockets.append(made) } else { sockets[vacant.removeLast()] = made }
        return made
    }

    /// Forgets a socket that is neither idle nor open, which closes it; no event of it is reported any more.
    private mutating func close(_ socket: ProbeSocket) {
        sockets[socket.token] = nil
        vacant.append(socket.token)
    }
}

/// A socket, which is closed at the end of its life.
private final class ProbeSocket {
    /// The socket.
    let descriptor: FileDescriptor
    /// How its packets leave.
    let way: Way
    /// What epoll knows it by.
    let token: Int
    /// What its connection belongs to; nil if it has none.
    var attempt: AttemptID?

    /// What a socket keeps between its connections.
    struct Way: Equatable {
        /// See `ProbeOrigin.mark`.
        let mark: UInt32
        /// The family of targets.
        let family: AddressFamily
        /// See `ProbeOrigin.source`.
        let source: IPAddress?

        /// The way to a target.
        init(_ origin: ProbeOrigin, to target: IPAddress) {
            mark = origin.mark
            family = target.family
            source = origin.source(towards: target)
        }
    }

    /// Opens a socket.
    init(_ way: Way, token: Int) throws(Errno) {
        descriptor = try StreamSocket.probing(way.family, from: way.source, mark: way.mark)
        self.way = way
        self.token = token
    }
}
