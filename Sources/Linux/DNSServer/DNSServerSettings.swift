package import Inventory

/// The bounds of a server's connections. Times are in milliseconds.
package struct DNSServerSettings: Hashable, Sendable {
    /// How long a client's connection may bring no whole message and take no answer (RFC 7766 section 6.2.3).
    package var idleTimeoutMilliseconds = 10_000
    /// Clients' connections of one worker.
    package var connectionsPerWorker = 1024
    /// Connections of one client, an IPv4 address or an IPv6 /64, to one worker.
    package var connectionsPerClient = 256
    /// Questions of one connection that wait for their answers; no more are taken from it meanwhile.
    package var questionsPerConnection = 128
    /// Octets that wait for a connection to take them; no more questions are taken from it meanwhile.
    package var outputLimit = 256 * 1024
    /// The same for all connections of a worker; beyond it one that leaves its own lying is closed.
    package var outputTotal = 16 * 1024 * 1024
    /// How old a client's connection may get; then no more questions are taken from it.
    package var connectionMilliseconds = 600_000
    /// How long a connection towards a server is kept without a question on it.
    package var upstreamIdleMilliseconds = 5_000
    /// How long one may owe all of its answers; then it is closed, and its questions are asked anew.
    package var upstreamSilenceMilliseconds = 1_500

    /// Sockets of one worker towards servers, TCP included; see `DescriptorBudget`.
    package var upstreamSocketsPerWorker = 4_096
    /// Sockets of the prober.
    package var probeSockets = 256

    /// How long a worker without anything to do sleeps at most; nil: until something comes.
    package var longestSleepMilliseconds: Int? = nil

    package init() {}

    package init(_ limits: DNSLimits) {
        idleTimeoutMilliseconds = Int(limits.idleTime / .milliseconds(1))
        connectionMilliseconds = Int(limits.connectionTime / .milliseconds(1))
        connectionsPerWorker = limits.connections
        connectionsPerClient = min(limits.connectionsPerClient, limits.connections)
        outputLimit = limits.connectionBuffer
        outputTotal = limits.connectionBuffers
    }

    /// Takes no more descriptors than `budget` has for each kind of socket.
    mutating func fit(into budget: DescriptorBudget) {
        connectionsPerWorker = min(connectionsPerWorker, budget.connectionsPerWorker)
        connectionsPerClient = min(connectionsPerClient, connectionsPerWorker)
        upstreamSocketsPerWorker = budget.upstreamSocketsPerWorker
        probeSockets = budget.probeSockets
    }

    /// How often connections are looked at for having been idle too long.
    var sweepMilliseconds: Int {
        max(10, min(1000, min(idleTimeoutMilliseconds, upstreamIdleMilliseconds) / 4))
    }
}
