/// What clients may take of the forwarder, so that none takes it all. Numbers without "all" are those of one
/// worker.
package struct DNSLimits: Hashable, Sendable {
    /// Questions that wait for a server, 1...32768. Beyond it new ones get SERVFAIL at once.
    package var questions = 16_384

    /// Of these: to the servers of one cluster, or to those of `upstream`. Beyond it, and always beyond the
    /// number of places that are free, new ones get an expired answer, or SERVFAIL.
    package var questionsPerCluster = 16_384

    /// Of these: of one client, an IPv4 address or an IPv6 /64. Beyond it new ones are sent to TCP, and get
    /// SERVFAIL at once if they have come that way. What may be forged is counted apart.
    package var questionsPerClient = 16_384

    /// Clients' connections. Beyond it the one idle longest gives way; where none is idle, new ones are
    /// closed.
    package var connections = 1_024

    /// Of these: of one client, an IPv4 address or an IPv6 /64, in the same way.
    package var connectionsPerClient = 256

    /// How long a connection may bring no whole message and take no answer.
    package var idleTime: Duration = .seconds(10)

    /// How old a connection may get; it is closed once its questions are answered.
    package var connectionTime: Duration = .seconds(600)

    /// Octets that wait for one connection to take them, 64 KiB or more; beyond it nothing is read from it.
    package var connectionBuffer = 256 << 10

    /// The same for all connections; beyond it a connection that leaves answers lying is closed.
    package var connectionBuffers = 16 << 20

    package init() {}
}
