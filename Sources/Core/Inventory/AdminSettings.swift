package import IPAddressing

/// How the server shows its state over HTTP: metrics, health, the status page.
package struct AdminSettings: Hashable, Sendable {
    /// The addresses listened on over TCP. Default: none, nothing is shown.
    package var listen: [Endpoint]

    /// Who may read the pages. Default: this machine only.
    package var clients: [IPPrefix]

    /// Names by which browsers and collectors call this machine, besides its addresses, `localhost` and its
    /// own host name; requests under other names are refused. Default: none.
    package var hosts: [String]

    /// Creates admin settings.
    package init(
        listen: [Endpoint] = [], clients: [IPPrefix] = Self.defaultClients, hosts: [String] = []
    ) {
        self.listen = listen
        self.clients = clients
        self.hosts = hosts
    }

    /// The loopback addresses of both families.
    package static let defaultClients = ["127.0.0.0/8", "::1/128"].compactMap { try? IPPrefix(parsing: $0) }

    /// The port where none is given: that of CoreDNS's metrics, which Prometheus registers for it.
    package static let defaultPort: UInt16 = 9153
}
