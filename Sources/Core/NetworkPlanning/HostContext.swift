package import IPAddressing

/// What a host says of itself besides the kernel's objects, and what we wrote down about it.
package struct HostContext: Hashable, Sendable {
    /// The name servers of the host itself.
    package var resolvers: [IPAddress]

    /// The far ends of the sessions by which it is administered.
    package var sessions: [IPAddress]

    /// The settings that we changed, each with its value before and the one that we gave it.
    package var records: [SettingRecord]

    package init(resolvers: [IPAddress] = [], sessions: [IPAddress] = [], records: [SettingRecord] = []) {
        self.resolvers = resolvers
        self.sessions = sessions
        self.records = records
    }
}
