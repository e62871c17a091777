package import DomainNames
package import IPAddressing

/// The observation of a client, or of any host that asks for names of a cluster.
package struct ClientObservation: Hashable, Sendable {
    /// Of the cluster, such as `prod.cluster.local`.
    package var suffix: DomainName

    /// The name whose address is asked for.
    package var name: DomainName

    /// True if the client's own files were searched for.
    package var hasOwnFiles = false

    /// Nil if it cannot be read, or must not be.
    package var resolverFile: ResolverFile?
    /// Nsswitch.conf; nil if it cannot be read, or must not be.
    package var nameServices: NameServiceSwitch?
    /// The routing domains of systemd-resolved; nil without it.
    package var resolvedDomains: ResolvedDomains?

    /// Namebridge, asked directly; nil if its address was not given.
    package var forwarder: ServerObservation?

    /// Those that the client asks, in their order.
    package var resolvers: [ServerObservation] = []

    /// The IPv4 addresses that the C library finds for the name, in ascending order; nil if it was not asked.
    package var libraryAddresses: [IPAddress]?

    /// Creates a client observation.
    package init(suffix: DomainName, name: DomainName) {
        self.suffix = suffix
        self.name = name
    }

    /// The suffix without its final dot.
    var suffixText: String { Self.bare(suffix) }
    /// The name without its final dot.
    var nameText: String { Self.bare(name) }

    /// Names below it belong to multicast DNS (RFC 6762 section 3).
    var isLocal: Bool { suffixText == "local" || suffixText.lowercased().hasSuffix(".local") }

    /// A name as text without its final dot.
    static func bare(_ name: DomainName) -> String {
        let text = "\(name)"
        return text.hasSuffix(".") && text.utf8.count > 1 ? String(text.dropLast()) : text
    }
}
