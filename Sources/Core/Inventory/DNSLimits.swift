/// Limits on what clients may use, so that no client exhausts the forwarder. Numbers without "all" are those
/// of one worker.
package struct DNSLimits: Hashable, Sendable {
    /// Questions that wait for a server, 1...32768. Beyond it new ones get SERVFAIL at once.
    package var questions = 16_384

    /// Of these: to the servers of one cluster, or to those of `upstream`. Beyond it, and always beyond the
    /// number of free places, new ones get an expired answer, or SERVFAIL.
    package var questionsPerCluster = 16_384

    /// Of these: of one client, an IPv4 address or an IPv6 /64. Beyond it new ones are sent to TCP, and get
    /// SERVFAIL at once if they have come by TCP. Addresses that may be forged are counted separately.
    package var questionsPerClient = 16_384

    /// How long a client waits at most before it gets SERVFAIL or an expired answer. Default: 4.5 s, since
    /// glibc and others ask again after 5 s. At least half a second.
    ///
    /// Answers of `dns.upstream`, and of a cluster of which only one server is alive, are waited for that
    /// long; other clusters have 1.9 s of it, or less if several are asked in turn.
    package var answerTime: Duration = .milliseconds(4_500)

    /// How long an answer is listened for once its client got SERVFAIL or an expired answer: it is cached
    /// for the next one. At most a minute.
    package var lateAnswers: Duration = .seconds(5)

    /// Clients' connections. Beyond it the one that is idle longest is closed; if none is idle, new ones
    /// are closed.
    package var connections = 1_024

    /// Of these: of one client, an IPv4 address or an IPv6 /64, in the same way.
    package var connectionsPerClient = 256

    /// How long a connection may neither bring a whole message nor take an answer.
    package var idleTime: Duration = .seconds(10)

    /// How old a connection may get; it is closed once its questions are answered.
    package var connectionTime: Duration = .seconds(600)

    /// Octets that wait for one connection to take them, 64 KiB or more; beyond it nothing is read from it.
    package var connectionBuffer = 256 << 10

    /// The same for all connections; beyond it a connection that does not read its answers is closed.
    package var connectionBuffers = 16 << 20

    /// Creates DNS limits.
    package init() {}
}
