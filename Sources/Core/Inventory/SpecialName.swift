package import DomainNames

/// A name that is not for the DNS of the Internet: it, and all below it, is answered here.
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
    /// Browsers that are denied it do not send their questions elsewhere, over HTTPS.
    case canary = "use-application-dns.net"

    package var name: DomainName? { try? DomainName(parsing: rawValue) }

    /// Those that `dns.special-upstream` may name: the others mean nothing to any resolver.
    package static let forUpstream: [SpecialName] = [.test, .home, .canary]
}
