package import IPAddressing

/// Who may list and search the names that clusters are known to have.
package struct BrowseSettings: Hashable, Sendable {
    /// The clients; nil, the default: this host only. Each is shown what it may ask by DNS, and nothing else.
    package var clients: [IPPrefix]?

    package init(clients: [IPPrefix]? = nil) { self.clients = clients }
}
