/// The bounds of a server's connections. Times are in milliseconds.
package struct DNSServerSettings: Hashable, Sendable {
    /// How long a client's connection may bring no whole message and take no answer (RFC 7766 section 6.2.3).
    package var idleTimeoutMilliseconds = 10_000
    /// Clients' connections of one worker.
    package var connectionsPerWorker = 1024
    /// Connections of one client's address to one worker.
    package var connectionsPerClient = 64
    /// Questions of one connection that wait for their answers; no more are taken from it meanwhile.
    package var questionsPerConnection = 128
    /// Octets that wait for a connection to take them; no more questions are taken from it meanwhile.
    package var outputLimit = 256 * 1024
    /// How long a connection towards a server is kept without a question on it.
    package var upstreamIdleMilliseconds = 5_000

    package init() {}

    /// How often connections are looked at for having been idle too long.
    var sweepMilliseconds: Int {
        max(10, min(1000, min(idleTimeoutMilliseconds, upstreamIdleMilliseconds) / 4))
    }
}
