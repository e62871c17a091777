package import AnswerCache
package import DNSWire
package import Forwarding
package import IPAddressing
package import LinuxSystem
import Synchronization

/// Forwards DNS questions between sockets and engines: worker threads that share nothing but the policy.
///
/// Binds its sockets when it is made, so that a mistake shows before anything runs; serves between `start`
/// and `stop`.
package final class DNSServer: Sendable {
    /// Where it listens, in the order asked for; ports that the kernel chose stand here as numbers.
    package let boundEndpoints: [Endpoint]

    /// Who may ask, and where each question goes.
    package let policy: ForwardingPolicy

    /// What the workers keep of the answers; nil: nothing.
    package let cache: AnswerCache?

    /// What the workers and the prober know of the name servers.
    package let board: HealthBoard

    private let seeds: [WorkerSeed]
    private let prober: ServerProber?
    private let threads = Mutex<[NativeThread]>([])

    /// Octets of a worker's stack: its calls are shallow, and its tables live elsewhere.
    private static let stackSize = 1024 * 1024

    /// - Parameters:
    ///   - endpoints: Each is listened on over UDP and TCP. `[::]` means IPv6 alone, `0.0.0.0` is a second
    ///     endpoint.
    ///   - workers: Threads, at least 1.
    ///   - cacheOctets: The memory for kept answers, in octets; 0 keeps none.
    ///   - limits: How much each worker has in flight; nil: as the policy says.
    ///   - cookieSecrets: Shared with other servers (RFC 9018); empty: the process makes its own.
    ///   - inherited: Sockets of the service manager, used for the endpoints that they are bound to.
    ///   - news: Called when a name server dies, comes back or changes; nil: no server is probed, and none
    /// given up.
    package init(
        listen endpoints: [Endpoint], policy: ForwardingPolicy, workers: Int, cacheOctets: Int = 0,
        settings: DNSServerSettings = DNSServerSettings(), limits: EngineLimits? = nil,
        cookieSecrets: [SipHash.Key] = [], inherited: [InheritedSocket] = [],
        news: (@Sendable (HealthNews) -> Void)? = nil
    ) throws(DNSServerError) {
        precondition(workers > 0, "a server has at least one worker")
        let sockets = try ListeningSockets.bind(endpoints, workers: workers, inherited: inherited)
        boundEndpoints = sockets.first?.datagram.map(\.endpoint) ?? []
        self.policy = policy
        let random = KernelRandom()
        let identity = ProcessIdentity(
            secret: SipHash.Key(low: random.next(), high: random.next()), cookieSecrets: cookieSecrets)
        cache = cacheOctets > 0 ? AnswerCache(octets: cacheOctets, hashKey: random.next()) : nil
        board = HealthBoard(servers: policy.servers.count, groups: policy.groups.count, isProbed: news != nil)
        var seeds: [WorkerSeed] = []
        for (index, sockets) in sockets.enumerated() {
            do throws(Errno) {
                seeds.append(
                    try WorkerSeed(
                        index: index, sockets: sockets, policy: policy, cache: cache, board: board,
                        identity: identity, settings: settings, limits: limits))
            } catch {
                throw .cannotStartWorker(index, error)
            }
        }
        self.seeds = seeds
        do throws(Errno) {
            prober = if let news { try ServerProber(policy, board, identity, news: news) } else { nil }
        } catch {
            throw .cannotStartWorker(workers, error)
        }
    }

    deinit {
        stop()
    }

    /// Starts the workers. To be called once.
    package func start() throws(DNSServerError) {
        do throws(Errno) {
            try prober?.start()
        } catch {
            throw .cannotStartWorker(seeds.count, error)
        }
        for seed in seeds {
            do throws(Errno) {
                let thread = try NativeThread(name: "dns-\(seed.index)", stackSize: Self.stackSize) {
                    var worker = DNSServerWorker(seed)
                    worker.run()
                }
                threads.withLock { $0.append(thread) }
            } catch {
                stop()
                throw .cannotStartWorker(seed.index, error)
            }
        }
    }

    /// Tells the workers to end, and waits until they have. The sockets close with the server.
    package func stop() {
        prober?.stop()
        for seed in seeds { seed.wake.signal() }
        let running = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in running { thread.join() }
    }

    /// How often each worker's loop has turned; see `WorkerPulse`.
    package var workerTurns: [Int] { seeds.map { $0.turns.load(ordering: .relaxed) } }

    /// What the workers have done and have in hand: a tenth of a second old while they run, exact once they
    /// are stopped.
    package var statistics: ServerStatistics {
        ServerStatistics(workers: seeds.map { $0.published.withLock { $0 } })
    }
}

/// What a worker is made of, on the thread that starts it: all that can fail has been done here.
final class WorkerSeed: Sendable {
    let index: Int
    let sockets: ListeningSockets
    let policy: ForwardingPolicy
    let cache: AnswerCache?
    let board: HealthBoard
    let settings: DNSServerSettings
    let identity: ProcessIdentity
    let limits: EngineLimits?
    let epoll: Epoll
    let wake: EventFD
    /// Written by the worker now and then, and when it ends.
    let published = Mutex(WorkerStatistics())
    /// How often the worker's loop has turned.
    let turns = Atomic(0)

    init(
        index: Int, sockets: ListeningSockets, policy: ForwardingPolicy, cache: AnswerCache?,
        board: HealthBoard, identity: ProcessIdentity,
        settings: DNSServerSettings, limits: EngineLimits?
    ) throws(Errno) {
        self.index = index
        self.sockets = sockets
        self.policy = policy
        self.cache = cache
        self.board = board
        self.identity = identity
        self.settings = settings
        self.limits = limits
        epoll = try Epoll()
        wake = try EventFD()
        try epoll.add(wake.descriptor, .readable, token: EventToken(.wake, 0).rawValue)
        for (index, socket) in sockets.datagram.enumerated() {
            try epoll.add(
                socket.descriptor, socket.isShared ? [.readable, .exclusive] : .readable,
                token: EventToken(.datagramListener, index).rawValue)
        }
        for (index, socket) in sockets.stream.enumerated() {
            try epoll.add(socket.descriptor, .readable, token: EventToken(.streamListener, index).rawValue)
        }
    }
}
