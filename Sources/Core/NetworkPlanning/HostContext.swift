package import IPAddressing

/// Facts of a host besides the kernel's objects, and our records about it.
package struct HostContext: Hashable, Sendable {
    /// The name servers of the host itself.
    package var resolvers: [IPAddress]

    /// The remote addresses of the ssh sessions by which it is administered.
    package var sessions: [IPAddress]

    /// The settings that we changed, each with its earlier value and ours.
    package var records: [SettingRecord]

    /// Creates a host context.
    package init(resolvers: [IPAddress] = [], sessions: [IPAddress] = [], records: [SettingRecord] = []) {
        self.resolvers = resolvers
        self.sessions = sessions
        self.records = records
    }
}
