package import PathHealth

/// What other parts of this host know, beside the server itself; asked for each status.
package struct HostReports: Sendable {
    /// Where the network agent of this host writes how it is doing.
    package let agentFile: String

    /// What probes show of the paths that this host speaks for.
    package let pathVerdicts: @Sendable () -> [PathVerdict]

    package init(
        agentFile: String = "/run/namebridge-net/agent.json",
        pathVerdicts: @escaping @Sendable () -> [PathVerdict] = { [] }
    ) {
        self.agentFile = agentFile
        self.pathVerdicts = pathVerdicts
    }
}
