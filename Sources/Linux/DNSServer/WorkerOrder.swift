import Forwarding
import LinuxSystem
import Synchronization

/// What a worker is told while it runs, and where it signs for it.
struct WorkerOrder: Sendable {
    let task: Task
    let receipt: OrderReceipt

    enum Task: Sendable {
        case stop
        /// Take no more questions, answer those that were taken, and stop; see `DNSServerWorker.beginEnd`.
        case end
        /// The policy is about to change; see `ForwardingEngine.begin`.
        case begin(PolicyChange)
        /// Serve by another configuration.
        case adopt(Serving, PolicyChange)
        /// The change is complete; see `ForwardingEngine.settle`.
        case settle
    }
}

/// What a worker serves by: replaced as a whole.
struct Serving: Sendable {
    let policy: ForwardingPolicy
    let board: HealthBoard
    let identity: ProcessIdentity
    let settings: DNSServerSettings
    let sockets: ListeningSockets
    let queryLog: QueryLog?
}

/// Tells whether all workers have done as they were told.
final class OrderReceipt: Sendable {
    private let missing: Atomic<Int>
    private let epoll: Epoll
    private let wake: EventFD
    private let noted = Mutex<[String]>([])

    /// - Parameter workers: How many have to sign.
    init(workers: Int) throws(Errno) {
        missing = Atomic(workers)
        epoll = try Epoll()
        wake = try EventFD()
        try epoll.add(wake.descriptor, .readable, token: 0)
    }

    /// A worker has done it.
    func sign() {
        if missing.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { wake.signal() }
    }

    /// A worker could not do all of it.
    func note(_ problem: String) {
        noted.withLock { if !$0.contains(problem) { $0.append(problem) } }
    }

    /// What was noted, each once.
    var problems: [String] { noted.withLock { $0 } }

    /// Waits until all have signed; false if that takes longer than `milliseconds`.
    func wait(milliseconds: Int32) -> Bool {
        var events = EpollEvents(capacity: 1)
        do throws(Errno) {
            _ = try epoll.wait(into: &events, milliseconds: milliseconds)
        } catch {
            preconditionFailure("epoll cannot wait: \(error)")
        }
        return missing.load(ordering: .acquiring) == 0
    }
}
