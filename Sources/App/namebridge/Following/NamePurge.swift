import AdminServer
import ClusterDiscovery
import LinuxSystem
import Time

/// Makes the running server forget names whose addresses have changed: at once, and once more a moment
/// later, since the cluster's own DNS may have learned of the change after the first question that
/// followed.
struct NamePurge {
    /// The cluster's key.
    private let cluster: String
    /// Where the server listens for commands.
    private let paths: [String]
    /// The names that are forgotten once more, and when.
    private var again: (names: ChangedNames, time: MonotonicTime)?
    /// The last failure, which is told once.
    private var trouble: String?

    /// From the first to the second time, in milliseconds.
    private static let pause = 500
    /// In octets; the rest of a request needs little.
    private static let longestList = ControlRequest.longestLine - 200

    init(cluster: String, paths: [String]) {
        self.cluster = cluster
        self.paths = paths
    }

    /// When names are to be forgotten once more; nil if none are.
    var nextTime: MonotonicTime? { again?.time }

    /// Forgets `names`, and those whose second time has come.
    mutating func run(_ names: ChangedNames?, at now: MonotonicTime) {
        var due = names
        if let (earlier, time) = again, now >= time {
            due = due ?? ChangedNames()
            due?.formUnion(earlier)
            again = nil
        }
        if let due { purge(due) }
        guard let names else { return }
        var next = again?.names ?? ChangedNames()
        next.formUnion(names)
        again = (next, again?.time ?? now.advanced(milliseconds: Self.pause))
    }

    /// Sends the requests.
    private mutating func purge(_ names: ChangedNames) {
        if names.areUnknown { return ask(.flush(.cluster(cluster))) }
        var list: [String] = []
        var length = 0
        for service in names.services.sorted() {
            if length + service.utf8.count + 1 > Self.longestList {
                ask(.flush(.services(cluster: cluster, list)))
                (list, length) = ([], 0)
            }
            list.append(service)
            length += service.utf8.count + 1
        }
        if !list.isEmpty { ask(.flush(.services(cluster: cluster, list))) }
    }

    /// Sends one request; without a server there is nothing to forget.
    private mutating func ask(_ request: ControlRequest) {
        do throws(ControlError) {
            _ = try ControlClient.ask(request, at: paths)
            trouble = nil
        } catch .noServer {
        } catch {
            let text = "\(error)"
            if text != trouble {
                Log.warning("names not forgotten", [("cluster", cluster), ("reason", text)])
            }
            trouble = text
        }
    }
}
