import Forwarding
import LinuxSystem
import Synchronization

/// A command to a running worker, and where the worker acknowledges it.
struct WorkerCommand: Sendable {
    /// The command.
    let task: Task
    /// Where it is acknowledged.
    let acknowledgement: Acknowledgement

    /// The commands.
    enum Task: Sendable {
        /// Stop at once.
        case stop
        /// Take no more questions, answer those that were taken, and stop; see `DNSServerWorker.beginEnd`.
        case end
        /// The policy is about to change; see `ForwardingEngine.begin`.
        case begin(PolicyChange)
        /// Serve by another configuration.
        case reconfigure(Serving, PolicyChange)
        /// The change is complete; see `ForwardingEngine.completeReload`.
        case completeReload
    }
}

/// A worker's configuration: replaced as a whole.
struct Serving: Sendable {
    /// The policy.
    let policy: ForwardingPolicy
    /// The state of name servers.
    let board: HealthBoard
    /// The secrets of cookies and marks.
    let identity: ProcessIdentity
    /// The limits of connections.
    let settings: DNSServerSettings
    /// The sockets to listen on.
    let sockets: ListeningSockets
    /// The query log.
    let queryLog: QueryLog?
}

/// Counts the workers that have executed a command.
final class Acknowledgement: Sendable {
    /// Workers that have not acknowledged.
    private let missing: Atomic<Int>
    /// Waits for the last one.
    private let epoll: Epoll
    /// Signalled by the last one.
    private let wake: EventFD
    /// Problems so far.
    private let noted = Mutex<[String]>([])

    /// - Parameter workers: How many must acknowledge.
    init(workers: Int) throws(Errno) {
        missing = Atomic(workers)
        epoll = try Epoll()
        wake = try EventFD()
        try epoll.add(wake.descriptor, .readable, token: 0)
    }

    /// A worker has executed the command.
    func confirm() {
        if missing.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { wake.signal() }
    }

    /// A worker could not execute all of it.
    func note(_ problem: String) {
        noted.withLock { if !$0.contains(problem) { $0.append(problem) } }
    }

    /// The problems that were noted, each once.
    var problems: [String] { noted.withLock { $0 } }

    /// The outcome of waiting.
    enum Waiting {
        /// All have acknowledged.
        case complete
        /// It took too long.
        case timeout
    }

    /// Waits until all have acknowledged, for `milliseconds` at most.
    func wait(milliseconds: Int32) -> Waiting {
        var events = EpollEvents(capacity: 1)
        do throws(Errno) {
            _ = try epoll.wait(into: &events, milliseconds: milliseconds)
        } catch {
            preconditionFailure("epoll cannot wait: \(error)")
        }
        return missing.load(ordering: .acquiring) == 0 ? .complete : .timeout
    }
}
