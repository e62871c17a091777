package import Inventory

/// The limits of a server's connections. Times are in milliseconds.
package struct DNSServerSettings: Hashable, Sendable {
    /// How long a client's connection may neither bring a whole message nor take an answer (RFC 7766
    /// section 6.2.3).
    package var idleTimeoutMilliseconds = 10_000
    /// Clients' connections of one worker.
    package var connectionsPerWorker = 1024
    /// Connections of one client, an IPv4 address or an IPv6 /64, to one worker.
    package var connectionsPerClient = 256
    /// Questions of one connection that wait for their answers; beyond it no more are read.
    package var questionsPerConnection = 128
    /// Octets that wait to be sent on a connection; beyond it no more questions are read.
    package var outputLimit = 256 * 1024
    /// The same for all connections of a worker; beyond it one that does not read its answers is closed.
    package var outputTotal = 16 * 1024 * 1024
    /// The greatest age of a client's connection; then no more questions are read.
    package var connectionMilliseconds = 600_000
    /// How long an idle connection towards a server is kept open.
    package var upstreamIdleMilliseconds = 5_000
    /// How long a server may leave all questions of a connection unanswered; then it is closed, and they are
    /// asked again.
    package var upstreamSilenceMilliseconds = 1_500

    /// Sockets of one worker towards servers, TCP included; see `DescriptorBudget`.
    package var upstreamSocketsPerWorker = 4_096
    /// Sockets of the prober.
    package var probeSockets = 256

    /// The longest sleep of an idle worker; nil: until something comes.
    package var longestSleepMilliseconds: Int? = nil

    /// Creates DNS server settings.
    package init() {}

    /// Creates DNS server settings.
    package init(_ limits: DNSLimits) {
        idleTimeoutMilliseconds = Int(limits.idleTime / .milliseconds(1))
        connectionMilliseconds = Int(limits.connectionTime / .milliseconds(1))
        connectionsPerWorker = limits.connections
        connectionsPerClient = min(limits.connectionsPerClient, limits.connections)
        outputLimit = limits.connectionBuffer
        outputTotal = limits.connectionBuffers
    }

    /// Limits the sockets of each kind to those of `budget`.
    mutating func fit(into budget: DescriptorBudget) {
        connectionsPerWorker = min(connectionsPerWorker, budget.connectionsPerWorker)
        connectionsPerClient = min(connectionsPerClient, connectionsPerWorker)
        upstreamSocketsPerWorker = budget.upstreamSocketsPerWorker
        probeSockets = budget.probeSockets
    }

    /// How often connections are checked for having been idle too long.
    var sweepMilliseconds: Int {
        max(10, min(1000, min(idleTimeoutMilliseconds, upstreamIdleMilliseconds) / 4))
    }
}
