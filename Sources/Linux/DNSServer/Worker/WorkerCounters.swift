/// Counts of a worker's sockets since its start; the results of the questions are counted by the engine.
package struct WorkerCounters: Hashable, Sendable {
    /// Datagrams from clients.
    package var datagramsReceived = 0
    /// Datagrams from clients that were larger than any question, or had no source address.
    package var datagramsIgnored = 0
    /// Replies sent by UDP.
    package var datagramsSent = 0
    /// Replies not sent, because the socket's buffer was full.
    package var datagramsDropped = 0
    /// Replies that the kernel refused to send.
    package var datagramsFailed = 0
    /// Clients' connections accepted.
    package var connectionsAccepted = 0
    /// Connections closed at once for lack of room.
    package var connectionsRefused = 0
    /// Idle connections closed to make room for others.
    package var connectionsDisplaced = 0
    /// Connections closed for being idle too long.
    package var connectionsExpired = 0
    /// Connections that were too old to bring more questions.
    package var connectionsRetired = 0
    /// Connections closed for not reading answers while the buffers of all were full.
    package var connectionsChoked = 0
    /// Replies to connections that had gone.
    package var repliesUndeliverable = 0
    /// Datagrams sent to servers.
    package var questionsSent = 0
    /// Datagrams to servers not sent, because the socket's buffer was full.
    package var questionsDropped = 0
    /// Datagrams from servers.
    package var answersReceived = 0
    /// Errors of servers' connections, and of ways to servers.
    package var upstreamFailures = 0
    /// Sockets towards servers of which ICMP said that no answer comes.
    package var upstreamHints = 0
    /// Sockets towards servers closed for answers that match no question; see `PortPool.mostMismatches`.
    package var distrustedSockets = 0
    /// Connections opened to servers.
    package var upstreamConnections = 0

    /// Creates worker counters.
    package init() {}
}
