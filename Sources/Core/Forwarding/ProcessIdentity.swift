package import DNSWire

/// What all workers of a process share and nobody outside knows: it makes tags that only this process can
/// have made.
package struct ProcessIdentity: Sendable {
    /// Makes and knows the cookies that clients get.
    let cookies: CookieSecrets
    let provenClients: ProvenClients
    /// Makes our cookies towards servers and the marks of our questions.
    let tagKey: SipHash.Key

    /// - Parameters:
    ///   - secret: Drawn at start.
    ///   - cookieSecrets: From a file, for all servers of a site; empty: the process has its own.
    package init(secret: SipHash.Key, cookieSecrets: [SipHash.Key]) {
        cookies = CookieSecrets(shared: cookieSecrets, random: secret.derived(1))
        provenClients = ProvenClients(hashKey: secret.derived(2).low)
        tagKey = secret.derived(3)
    }

    init(seed: UInt64) {
        self.init(secret: SipHash.Key(low: seed, high: ~seed).derived(0), cookieSecrets: [])
    }
}
