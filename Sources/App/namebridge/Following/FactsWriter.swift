import ClusterDiscovery
import Inventory
import InventoryFile
import JSON
import LinuxSystem

/// Writes the two files of a followed cluster.
struct FactsWriter {
    /// The folder of all clusters.
    private let folder: StateFolder
    /// The cluster's key.
    private let key: String
    /// The lines of nodes that were written last.
    private var lines = ClusterFacts.NodeLines()

    init(folder: StateFolder, key: String) {
        self.folder = folder
        self.key = key
    }

    /// The facts that an earlier run has written about the same context; nil if there are none that can be
    /// read.
    func earlier(context: String) -> ClusterFacts? {
        let path = "\(folder.path)/\(key)\(FactsFolder.suffix)"
        do throws(FileError) {
            let octets = try contents(ofRegularFile: path, limit: InventoryFile.maximumSize)
            let (facts, problems) = InventoryFile.readFacts(octets, name: path)
            for problem in problems { Log.warning("facts not read", [("reason", "\(problem)")]) }
            guard facts?.cluster == key, facts?.context == context else { return nil }
            return facts
        } catch {
            if error.isAbsent { return nil }
            Log.warning("facts not read", [("cluster", key), ("reason", "\(error)")])
            return nil
        }
    }

    /// Replaces the file of facts as a whole.
    mutating func write(_ facts: ClusterFacts) throws(Errno) {
        try folder.write(key + FactsFolder.suffix, Array(facts.yaml(&lines).utf8), isForAll: true)
    }

    /// Replaces the file that says how it is going.
    func write(_ report: FollowReport) throws(Errno) {
        try folder.write(key + FollowReport.suffix, Array("\(report.json)\n".utf8), isForAll: true)
    }
}

/// How it is going with a followed cluster, for other programs.
struct FollowReport: Hashable, Sendable {
    /// The end of the names of reports.
    static let suffix = ".json"

    /// The cluster's key.
    let cluster: String
    /// The context in the kubeconfig.
    let context: String
    /// As in `FollowState.word`.
    let state: String
    /// What is wrong, and what to do; nil if nothing is.
    let reason: String?
    /// Since when it is so, in seconds since 1970.
    let since: Int
    /// When the cluster answered last; nil if it never did.
    let answered: Int?

    /// The report as one line.
    var json: JSONValue {
        .object([
            ("version", .integer(1)), ("cluster", .string(cluster)), ("context", .string(context)),
            ("state", .string(state)), ("reason", .optional(reason)), ("since", .integer(since)),
            ("answered", .optional(answered)), ("process", .integer(Int(ThisProcess.identifier))),
        ])
    }
}
