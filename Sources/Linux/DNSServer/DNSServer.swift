package import AnswerCache
package import DNSWire
package import Forwarding
package import IPAddressing
package import LinuxSystem
import Synchronization

/// Forwards DNS questions between sockets and engines: worker threads that share nothing but the policy.
///
/// Binds its sockets when it is made, so that an error shows before anything runs; serves between `start`
/// and `stop`.
package final class DNSServer: Sendable {
    /// The workers' shared cache; nil: none.
    package let cache: AnswerCache?

    /// The present configuration; see `replace`.
    let current: Mutex<CurrentServing>

    /// The workers' parts.
    let seeds: [WorkerSeed]
    /// Called when a name server changes.
    private let news: (@Sendable (HealthNews) -> Void)?
    /// The prober; nil if `news` is.
    let prober: Mutex<ServerProber?>
    /// Listeners that are no longer listened on.
    let retiredListeners = Mutex<[RetiredListener]>([])
    /// The workers' threads.
    private let threads = Mutex<[NativeThread]>([])

    /// Octets of a worker's stack: its calls are shallow, and its tables are on the heap.
    private static let stackSize = 1024 * 1024

    /// - Parameters:
    ///   - endpoints: Each is listened on over UDP and TCP. `[::]` means IPv6 alone, `0.0.0.0` is a second
    ///     endpoint.
    ///   - workers: Threads, at least 1.
    ///   - cacheOctets: The memory for cached answers, in octets; 0: no cache.
    ///   - limits: How much each worker has in flight; nil: the policy's limits.
    ///   - cookieSecrets: Shared with other servers (RFC 9018); empty: the process makes its own.
    ///   - inherited: Sockets of the service manager, used for the endpoints that they are bound to.
    ///   - queryLog: The log that answers are written to; nil: none.
    ///   - news: Called when a name server dies, comes back or changes; nil: no server is probed, and none
    ///     given up unless `board` says so.
    ///   - board: What another server with the same policy knows of the name servers, whose prober goes on
    ///     for both; nil: nothing is known.
    package init(
        listen endpoints: [Endpoint], policy: ForwardingPolicy, workers: Int, cacheOctets: Int = 0,
        settings: DNSServerSettings = DNSServerSettings(), limits: EngineLimits? = nil,
        cookieSecrets: [SipHash.Key] = [], inherited: [InheritedSocket] = [], queryLog: QueryLog? = nil,
        news: (@Sendable (HealthNews) -> Void)? = nil, sharing board: HealthBoard? = nil
    ) throws(DNSServerError) {
        precondition(workers > 0, "a server has at least one worker")
        let settings = Self.fitted(settings, policy, workers: workers, on: endpoints)
        let listeners = try Listeners.bind(endpoints, workers: workers, inherited: inherited)
        let random = KernelRandom()
        let identity = ProcessIdentity(
            secret: SipHash.Key(low: random.next(), high: random.next()), cookieSecrets: cookieSecrets)
        cache = cacheOctets > 0 ? AnswerCache(octets: cacheOctets, hashKey: random.next()) : nil
        let board =
            board
            ?? HealthBoard(
                servers: policy.servers.count, groups: policy.groups.count, isProbed: news != nil)
        var seeds: [WorkerSeed] = []
        for (index, sockets) in listeners.byWorker.enumerated() {
            let serving = Serving(
                policy: policy, board: board, identity: identity, settings: settings, sockets: sockets,
                queryLog: queryLog)
            do throws(Errno) {
                seeds.append(try WorkerSeed(index: index, serving, cache: cache, limits: limits))
            } catch {
                throw .cannotStartWorker(index, error)
            }
        }
        self.seeds = seeds
        self.news = news
        current = Mutex(
            CurrentServing(
                policy: policy, board: board, identity: identity, settings: settings, listeners: listeners,
                queryLog: queryLog))
        prober = Mutex(nil)
        let first = try makeProber(policy, board, identity: identity, settings: settings)
        prober.withLock { $0 = first }
    }

    /// Not started; nil if `news` is.
    func makeProber(
        _ policy: ForwardingPolicy, _ board: HealthBoard, identity: ProcessIdentity,
        settings: DNSServerSettings
    ) throws(DNSServerError) -> ServerProber? {
        guard let news else { return nil }
        do throws(Errno) {
            return try ServerProber(
                policy, board, identity: identity, mostOpen: settings.probeSockets, news: news)
        } catch {
            throw .cannotStartWorker(seeds.count, error)
        }
    }

    /// `settings` with the number of sockets of each kind limited by the descriptors that the process
    /// may open.
    static func fitted(
        _ settings: DNSServerSettings, _ policy: ForwardingPolicy, workers: Int, on endpoints: [Endpoint]
    ) -> DNSServerSettings {
        var settings = settings
        settings.fit(
            into: DescriptorBudget(
                limit: ProcessLimits.descriptorLimit(orIfUnknown: 1_024),
                DescriptorBudget.Demand(
                    workers: workers, endpoints: endpoints.count, servers: policy.servers.count,
                    connectionsPerWorker: settings.connectionsPerWorker)))
        return settings
    }

    deinit {
        stop()
    }

    /// Starts the workers. To be called once.
    package func start() throws(DNSServerError) {
        do throws(Errno) {
            try prober.withLock { $0 }?.start()
            try queryLog?.start()
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

    /// Tells the workers to end, and waits until they have. The sockets are closed with the server.
    ///
    /// - Parameter answering: Questions that have come are answered first, within
    ///   `DNSServerWorker.endMilliseconds`; otherwise they are dropped.
    package func stop(answering: Bool = false) {
        if !answering { prober.withLock { $0 }?.stop() }
        for seed in seeds { seed.send(answering ? .end : .stop, seed.endAcknowledgement) }
        let running = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in running { thread.join() }
        prober.withLock { $0 }?.stop()
        queryLog?.stop()
    }

    /// How often each worker's loop has turned; see `WorkerPulse`.
    package var workerTurns: [Int] { seeds.map { $0.turns.load(ordering: .relaxed) } }

    /// True between `start` and `stop`.
    var isRunning: Bool { threads.withLock { !$0.isEmpty } }

    /// The workers' counts and present load: a tenth of a second old while they run, exact once they
    /// are stopped.
    package var statistics: ServerStatistics {
        ServerStatistics(workers: seeds.map { $0.published.withLock { $0 } }, policy: policy)
    }
}

/// The configuration of a server, for all workers together.
struct CurrentServing: Sendable {
    /// The policy.
    var policy: ForwardingPolicy
    /// The state of name servers.
    var board: HealthBoard
    /// The secrets of cookies and marks.
    var identity: ProcessIdentity
    /// The limits of connections.
    var settings: DNSServerSettings
    /// The listeners.
    var listeners: Listeners
    /// The query log.
    var queryLog: QueryLog?
}

extension DNSServer {
    /// Who may ask, and where each question goes.
    package var policy: ForwardingPolicy { current.withLock { $0.policy } }

    /// The state of the name servers, as the workers and the prober see it.
    package var board: HealthBoard { current.withLock { $0.board } }

    /// The log that answers are written to; nil: none.
    package var queryLog: QueryLog? { current.withLock { $0.queryLog } }

    /// Policy and board that belong together.
    package var policyAndBoard: (policy: ForwardingPolicy, board: HealthBoard) {
        current.withLock { ($0.policy, $0.board) }
    }

    /// Where it listens, in the order of the configuration, with the ports that the kernel chose.
    package var boundEndpoints: [Endpoint] { current.withLock { $0.listeners.bound } }

    /// Those that no client reaches, since the host does not have the address now.
    package var absentEndpoints: [Endpoint] { current.withLock { $0.listeners }.absent }
}

/// Everything that a worker needs, made on the thread that starts it: all that can fail is done here.
final class WorkerSeed: Sendable {
    /// The worker's index.
    let index: Int
    /// The first configuration; the worker takes it.
    let first: Mutex<Serving?>
    /// The shared cache.
    let cache: AnswerCache?
    /// The limits of questions in flight.
    let limits: EngineLimits?
    /// The worker's epoll.
    let epoll: Epoll
    /// Signalled for each command.
    let wake: EventFD
    /// Acknowledges the end.
    let endAcknowledgement: Acknowledgement
    /// The commands to the worker, in order; `wake` is signalled with each.
    let commands = Mutex<[WorkerCommand]>([])
    /// Written by the worker from time to time, and when it ends.
    let published = Mutex(WorkerStatistics())
    /// How often the worker's loop has turned.
    let turns = Atomic(0)

    init(
        index: Int, _ serving: Serving, cache: AnswerCache?, limits: EngineLimits?
    ) throws(Errno) {
        self.index = index
        first = Mutex(serving)
        self.cache = cache
        self.limits = limits
        epoll = try Epoll()
        wake = try EventFD()
        endAcknowledgement = try Acknowledgement(workers: 1)
        try epoll.add(wake.descriptor, .readable, token: EventToken(.wake, 0).rawValue)
        for (index, socket) in serving.sockets.datagram.enumerated() {
            try epoll.add(
                socket.descriptor, socket.datagramInterest,
                token: EventToken(.datagramListener, index).rawValue)
        }
        for (index, socket) in serving.sockets.stream.enumerated() {
            try epoll.add(socket.descriptor, .readable, token: EventToken(.streamListener, index).rawValue)
        }
    }

    /// Tells the worker what to do.
    func send(_ task: WorkerCommand.Task, _ acknowledgement: Acknowledgement) {
        commands.withLock { $0.append(WorkerCommand(task: task, acknowledgement: acknowledgement)) }
        wake.signal()
    }
}
