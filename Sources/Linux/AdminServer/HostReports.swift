package import Inventory
import JSON
import LinuxSystem
package import PathHealth

/// What other parts of this host know, beside the server itself; asked for each status.
package struct HostReports: Sendable {
    /// Where the network agent of this host writes how it is doing.
    package let agentFile: String

    /// The folder where followers of clusters write how it is going, in `KEY.json`.
    package let factsFolder: String

    /// What probes show of the paths that this host speaks for.
    package let pathVerdicts: @Sendable () -> [PathVerdict]

    /// Why paths are down, by their names (`ProbedPath.name`).
    package let pathReasons: @Sendable () -> [String: ServerStatus.PathReason]

    /// Which relays' ranges of addresses are given out.
    package let rangeReports: @Sendable () -> [ServerStatus.RelayGroup]

    /// For each cluster with outer addresses that this host translates, by its key, how many packets so far.
    package let translatedPackets: @Sendable (Inventory) -> [String: Int]

    /// The instructions for other devices that would be rendered otherwise now.
    package let changedRenderings: @Sendable (Inventory) -> [ServerStatus.ChangedRendering]

    package init(
        agentFile: String = "/run/namebridge-net/agent.json",
        factsFolder: String = "/var/lib/namebridge/clusters",
        pathVerdicts: @escaping @Sendable () -> [PathVerdict] = { [] },
        pathReasons: @escaping @Sendable () -> [String: ServerStatus.PathReason] = { [:] },
        rangeReports: @escaping @Sendable () -> [ServerStatus.RelayGroup] = { [] },
        translatedPackets: @escaping @Sendable (Inventory) -> [String: Int] = { _ in [:] },
        changedRenderings: @escaping @Sendable (Inventory) -> [ServerStatus.ChangedRendering] = { _ in [] }
    ) {
        self.agentFile = agentFile
        self.factsFolder = factsFolder
        self.pathVerdicts = pathVerdicts
        self.pathReasons = pathReasons
        self.rangeReports = rangeReports
        self.translatedPackets = translatedPackets
        self.changedRenderings = changedRenderings
    }
}

extension HostReports {
    /// A report that another process writes; nil if there is none, or it can't be read.
    static func report(in file: String) -> JSONValue? {
        do throws(Errno) {
            let octets = try FileContents.read(file)
            return try? JSONReader.read(octets)
        } catch {
            return nil
        }
    }
}
