package import DNSWire
import IPAddressing

/// The secrets that all workers of a process share: they make tags that only this process can have made.
package struct ProcessIdentity: Sendable {
    /// Makes and checks the cookies of clients.
    private(set) var cookies: CookieSecrets
    /// The addresses that used TCP recently.
    let validatedClients: ValidatedClients
    /// Makes our cookies towards servers and the marks of our questions.
    let tagKey: SipHash.Key
    /// The key of the hashes of learned names.
    let nameKey: UInt64
    /// The key of cookies towards servers and of marks.
    private let cookieKey: SipHash.Key

    /// - Parameters:
    ///   - secret: Drawn at start.
    ///   - cookieSecrets: From a file, for all servers of a site; empty: the process has its own.
    package init(secret: SipHash.Key, cookieSecrets: [SipHash.Key]) {
        cookieKey = secret.derived(1)
        cookies = CookieSecrets(shared: cookieSecrets, random: cookieKey)
        validatedClients = ValidatedClients(hashKey: secret.derived(2).low)
        tagKey = secret.derived(3)
        nameKey = secret.derived(4).low
    }

    /// The same process with other cookies.
    ///
    /// - Parameter secrets: As in `init`.
    package func with(cookieSecrets secrets: [SipHash.Key]) -> ProcessIdentity {
        var other = self
        other.cookies = CookieSecrets(shared: secrets, random: cookieKey)
        return other
    }

    /// The mark of questions to a server of `policy`, which only this process can have made. It stays the
    /// same after a reload.
    package func mark(of server: Int, in policy: ForwardingPolicy) -> UInt64 {
        mark(of: policy.servers[server], group: policy.groups[policy.groupOfServer[server]].number)
    }

    /// - Parameter group: A `ServerGroup.number`: a server that is asked for a cluster's names and for all
    ///   others may forward the former and answer the latter.
    func mark(of server: Endpoint, group: Int) -> UInt64 { tag(server, UInt64(group) << 24 | 1) }

    /// Our cookie towards `server`.
    func clientCookie(for server: Endpoint) -> UInt64 { tag(server, 2) }

    /// - Parameter purpose: Leaves octets 1 and 2 to the port.
    private func tag(_ server: Endpoint, _ purpose: UInt64) -> UInt64 {
        var hash = SipHash(tagKey)
        hash.combine(octetsOf: UInt64(truncatingIfNeeded: server.address.bits >> 64))
        hash.combine(octetsOf: UInt64(truncatingIfNeeded: server.address.bits))
        hash.combine(octetsOf: UInt64(server.port) << 8 | purpose)
        return hash.finish()
    }

    /// An identity for tests.
    init(seed: UInt64) {
        self.init(secret: SipHash.Key(low: seed, high: ~seed).derived(0), cookieSecrets: [])
    }
}
