package import Forwarding
package import Inventory

/// How the descriptors that the process may open are divided, so that no kind of socket takes another's.
///
/// ```
/// limit = own (listeners, epolls, logs) + admin + probes
///         + workers * (sockets towards servers + clients' connections)
/// ```
/// Servers come before clients' connections: a question over UDP needs a socket towards its server, and no
/// connection. What one kind does not need the other one gets.
package struct DescriptorBudget: Hashable, Sendable {
    /// Descriptors that the process may open (RLIMIT_NOFILE).
    package let limit: Int
    /// Sockets of one worker towards servers, at least 1.
    package let upstreamSocketsPerWorker: Int
    /// Clients' connections of one worker, at least 1.
    package let connectionsPerWorker: Int
    /// Sockets of the prober, at least one for each way to ask.
    package let probeSockets: Int

    /// The smallest limit with which each worker can ask every server at the same time, over UDP and
    /// over TCP.
    private let needed: Int
    /// The demand.
    private let demand: Demand

    /// What needs descriptors.
    package struct Demand: Hashable, Sendable {
        /// The number of workers.
        package let workers: Int
        /// Endpoints that are listened on.
        package let endpoints: Int
        /// The number of name servers.
        package let servers: Int
        /// Clients' connections that each worker may have.
        package let connectionsPerWorker: Int

        /// Creates a demand.
        package init(workers: Int, endpoints: Int, servers: Int, connectionsPerWorker: Int) {
            self.workers = workers
            self.endpoints = endpoints
            self.servers = servers
            self.connectionsPerWorker = connectionsPerWorker
        }

        /// - Parameter processors: The number of workers if the inventory has none.
        package init(_ inventory: Inventory, _ policy: ForwardingPolicy, processors: Int) {
            self.init(
                workers: inventory.dns.workers ?? processors, endpoints: inventory.dns.listen.count,
                servers: policy.servers.count, connectionsPerWorker: inventory.dns.limits.connections)
        }
    }

    /// Standard streams, signals, the query log, the prober's and the admin server's epolls and listeners,
    /// the file and folder that a reload reads, and a reserve.
    private static let own = 24
    /// An epoll and three events; see `WorkerSeed`.
    private static let ownPerWorker = 5
    /// Connections of the admin server and of the control socket; with a small limit fewer.
    private static let mostAdmin = 48
    /// More probes at the same time are of no use.
    private static let mostProbes = 1_024
    /// Sockets that one probe may need.
    private static let socketsPerProbe = ServerProbe.Way.allCases.count

    /// Creates a descriptor budget.
    package init(limit: Int, _ demand: Demand) {
        let workers = demand.workers
        let own = Self.own + workers * (Self.ownPerWorker + 2 * demand.endpoints)
        let left = max(0, limit - own - min(Self.mostAdmin, limit / 8))
        let allProbes = min(Self.mostProbes, Self.socketsPerProbe * demand.servers)
        probeSockets = max(Self.socketsPerProbe, min(allProbes, left / 8))
        let shared = max(0, left - probeSockets)
        let most = workers * demand.servers * (2 * PortPool.mostTaking + 1)
        let connections = workers * demand.connectionsPerWorker
        let towardsServers = min(most, max(shared / 2, shared - connections))
        upstreamSocketsPerWorker = max(1, towardsServers / workers)
        connectionsPerWorker = max(1, min(connections, shared - towardsServers) / workers)
        let least = 2 * workers * demand.servers
        needed = own + Self.mostAdmin + allProbes + least + min(least, connections)
        self.demand = demand
        self.limit = limit
    }

    /// The problem, and what to do; nil if every worker can ask all servers at the same time.
    package var shortage: String? {
        guard upstreamSocketsPerWorker < 2 * demand.servers else { return nil }
        return "\(demand.servers) servers and \(demand.workers) workers may need \(needed) descriptors, and "
            + "\(limit) may be open: each worker has \(upstreamSocketsPerWorker) sockets for questions and "
            + "closes idle ones for others; raise the limit (LimitNOFILE= of the unit, ulimit -n), or set "
            + "fewer dns.workers"
    }
}
