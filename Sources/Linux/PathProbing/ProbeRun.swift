import IPAddressing
import LinuxSystem
import PathHealth
import Time

/// The engine with its sockets: what the prober's thread owns.
struct ProbeRun: ~Copyable {
    /// Decides what to do.
    private var engine: PathHealthEngine
    /// The most connections at a time.
    private let mostOpen: Int
    /// The open connections, by their tokens.
    private var sockets: [UInt64: ProbeConnection] = [:]
    /// The actions to perform.
    private var actions: [PathAction] = []
    /// Random bits.
    private var random = KernelRandom()

    /// A run without paths.
    init(mostOpen: Int) {
        self.mostOpen = mostOpen
        engine = PathHealthEngine([], at: MonotonicClock.now, random: &random)
    }

    /// The verdicts on all paths.
    var verdicts: [PathVerdict] { engine.verdicts }

    /// Until the next deadline, in whole milliseconds: to the next whole hundredth of a second, so that
    /// probes of many paths go out and come back together.
    var milliseconds: Int32 {
        guard let deadline = engine.nextDeadline else { return 1000 }
        let now = MonotonicClock.now.milliseconds
        let due = (deadline.nanoseconds + 9_999_999) / 10_000_000 * 10
        return Int32(clamping: max(0, min(due - now, 1000)))
    }

    /// Probes other paths from now on.
    mutating func replace(_ paths: [ProbedPath], _ epoll: borrowing Epoll) {
        engine.replace(paths, at: MonotonicClock.now, random: &random, into: &actions)
        _ = perform(epoll)
    }

    /// Takes an event of the connection with this token.
    mutating func take(_ token: UInt64, _ readiness: Epoll.Interest) {
        guard let connection = sockets.removeValue(forKey: token) else { return }
        // What has failed is reported as such: the rest need not be asked.
        let error = readiness == .writable ? nil : connection.descriptor.pendingError()
        let result: AttemptResult =
            switch error {
            case nil: .answered
            case .connectionRefused: .refused
            case .some(let error): .failed(error.text)
            }
        engine.learn(result, of: connection.attempt, at: MonotonicClock.now, into: &actions)
    }

    /// Does what is due; the paths of which something has changed.
    mutating func advance(_ epoll: borrowing Epoll) -> [PathVerdict] {
        engine.advance(to: MonotonicClock.now, random: &random, into: &actions)
        return perform(epoll)
    }

    /// Performs the actions; returns changed verdicts.
    private mutating func perform(_ epoll: borrowing Epoll) -> [PathVerdict] {
        var changed: [Int] = []
        // Ends: no result of an action asks for a connection, only `advance` does.
        while !actions.isEmpty {
            let current = actions
            actions = []
            for action in current {
                switch action {
                case .connect(let attempt, let target): connect(attempt, to: target, epoll)
                case .close(let attempt): sockets.removeValue(forKey: attempt.token)
                case .examineHost(let path, let target):
                    let fault = LocalLink.fault(towards: target, mark: engine.path(path).origin.mark)
                    engine.noteHost(fault, path: path, at: MonotonicClock.now, into: &actions)
                case .tell(let path): if !changed.contains(path) { changed.append(path) }
                }
            }
        }
        return changed.map { engine.verdict($0) }
    }

    /// Opens a connection.
    private mutating func connect(_ attempt: AttemptID, to target: Endpoint, _ epoll: borrowing Epoll) {
        do throws(Errno) {
            guard sockets.count < mostOpen else { throw .tooManyDescriptors }
            let origin = engine.path(attempt.path).origin
            let socket = try StreamSocket.probe(
                target, from: origin.source(towards: target.address), mark: origin.mark)
            let connection = ProbeConnection(socket, attempt)
            try epoll.add(connection.descriptor, .writable, token: attempt.token)
            sockets[attempt.token] = connection
        } catch {
            // A host that connects to itself hears at once that it refuses.
            let result: AttemptResult = error == .connectionRefused ? .refused : .unsent(error.text)
            engine.learn(result, of: attempt, at: MonotonicClock.now, into: &actions)
        }
    }
}

/// One connection on its way; closed at the end of its life.
final class ProbeConnection {
    /// The socket.
    let descriptor: FileDescriptor
    /// The attempt that it belongs to.
    let attempt: AttemptID

    /// Creates a connection.
    init(_ descriptor: consuming FileDescriptor, _ attempt: AttemptID) {
        self.descriptor = descriptor
        self.attempt = attempt
    }
}

extension AttemptID {
    /// What epoll knows its socket by.
    fileprivate var token: UInt64 { UInt64(UInt32(truncatingIfNeeded: path)) << 32 | UInt64(number) }
}
