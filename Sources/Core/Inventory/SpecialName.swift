package import DomainNames

/// A name that is not in the public DNS: it, and all names below it, are answered here.
package enum SpecialName: String, Hashable, Sendable, CaseIterable {
    /// This very host (RFC 6761 section 6.3).
    case localhost
    /// For tests (RFC 6761 section 6.2).
    case test
    /// Never a name (RFC 6761 section 6.4).
    case invalid
    /// Tor's (RFC 7686).
    case onion
    /// Other name systems' (RFC 9476).
    case alt
    /// The network at home (RFC 8375).
    case home = "home.arpa"
    /// What resolvers say of themselves (RFC 9462).
    case resolver = "resolver.arpa"
    /// Browsers that get NXDOMAIN for it do not switch to DNS over HTTPS.
    case canary = "use-application-dns.net"

    /// The name itself.
    package var name: DomainName? { try? DomainName(parsing: rawValue) }

    /// Those that `dns.special-upstream` may name: for the others no resolver is to be asked. RFC 9476
    /// section 3.2 has `alt` treated as any other name.
    package static let forUpstream: [SpecialName] = [.test, .alt, .home, .canary]
}
