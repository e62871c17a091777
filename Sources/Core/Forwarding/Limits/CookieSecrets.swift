package import DNSWire
import IPAddressing

/// Makes and checks the cookies of clients (RFC 7873, RFC 9018 section 4).
///
/// Secrets from a file are used as they are, so that several servers at one address accept each other's
/// cookies. From the random secret of a process each day gets its own key: the time in a cookie selects the
/// key, so nothing has to be stored or exchanged when the day changes.
package struct CookieSecrets: Sendable {
    /// Secrets of a file: the first makes cookies, all are accepted. Empty: `random` is used.
    private let shared: [SipHash.Key]
    /// The random secret of the process.
    private let random: SipHash.Key

    /// - Parameter random: Drawn at start, the same for all workers.
    package init(shared: [SipHash.Key], random: SipHash.Key) {
        self.shared = shared
        self.random = random
    }

    /// Seconds for which a cookie is accepted, those for which it is not made anew, and by how much another
    /// server's clock may be ahead (RFC 9018 section 4.3).
    private static let lifetime: UInt32 = 3_600
    /// Seconds after which a cookie is made again.
    private static let renewalAge: UInt32 = 1_800
    /// Seconds by which another server's clock may be ahead.
    private static let clockSkew: UInt32 = 300

    /// A client's cookie with the result of `judge`.
    func judged(_ cookie: ClientCookie, from client: IPAddress, at now: UInt32) -> ClientCookie {
        var cookie = cookie
        judge(&cookie, from: client, at: now)
        return cookie
    }

    /// Checks the cookie of a question from `client`, and returns the cookie of the reply.
    ///
    /// - Parameter now: Seconds since 1970, modulo 2^32.
    func judge(_ cookie: inout ClientCookie, from client: IPAddress, at now: UInt32) {
        let age = cookie.server.map { now &- $0.time } ?? 0
        if let server = cookie.server, age <= Self.lifetime || 0 &- age <= Self.clockSkew {
            cookie.isProof = isOurs(server, cookie.client, client: client)
        }
        // The time may lie ahead by the difference of the servers' clocks.
        if cookie.isProof, age < Self.renewalAge || 0 &- age <= Self.clockSkew {
            cookie.reply = cookie.server
        } else {
            let head = 1 << 56 | UInt64(now)
            let key = shared.first ?? dailyKey(now)
            cookie.reply = ServerCookie(
                head: head, hash: Self.hash(key, cookie.client, head: head, client: client))
        }
    }

    /// True if one of the secrets made the cookie.
    private func isOurs(_ server: ServerCookie, _ cookie: UInt64, client: IPAddress) -> Bool {
        guard server.version == 1 else { return false }
        if shared.isEmpty {
            return Self.hash(dailyKey(server.time), cookie, head: server.head, client: client) == server.hash
        }
        return shared.contains { Self.hash($0, cookie, head: server.head, client: client) == server.hash }
    }

    /// The key of a day.
    private func dailyKey(_ time: UInt32) -> SipHash.Key { random.derived(UInt64(time / 86_400)) }

    /// The hash over client cookie, version, reserved octets, time and address (RFC 9018 section 4.4).
    private static func hash(
        _ key: SipHash.Key, _ cookie: UInt64, head: UInt64, client: IPAddress
    ) -> UInt64 {
        var hash = SipHash(key)
        hash.combine(octetsOf: cookie)
        hash.combine(octetsOf: head)
        guard client.family == .v6 else {
            return hash.finish(octets: 4, of: UInt64(truncatingIfNeeded: client.bits))
        }
        hash.combine(octetsOf: UInt64(truncatingIfNeeded: client.bits >> 64))
        hash.combine(octetsOf: UInt64(truncatingIfNeeded: client.bits))
        return hash.finish()
    }
}
