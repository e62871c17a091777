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
    /// New names, which are forgotten as soon as it is time.
    private var fresh = ChangedNames()
    /// The names that are forgotten once more.
    private var again = ChangedNames()
    /// Not before this time; nil: at any time.
    private var earliest: MonotonicTime?
    /// The last failure, which is told once.
    private var trouble: String?
    /// True if the server did not know the last request of `forgetCluster`.
    private var isServerOld = false

    /// From the first to the second time, and between any two, in milliseconds: however fast a cluster
    /// changes, the server keeps the names that do not.
    private static let pause = 500
    /// How every version of the server begins its answer to a request that it does not know.
    private static let unknownRequest = "unknown request"
    /// In octets; the rest of a request needs little.
    private static let longestList = ControlRequest.longestLine - 200

    init(cluster: String, paths: [String]) {
        self.cluster = cluster
        self.paths = paths
    }

    /// When names are to be forgotten; nil if none are.
    var nextTime: MonotonicTime? { isIdle ? nil : earliest }

    /// True if there is nothing to forget.
    private var isIdle: Bool { fresh == ChangedNames() && again == ChangedNames() }

    /// Forgets `names`, and those whose second time has come.
    mutating func run(_ names: ChangedNames?, at now: MonotonicTime) {
        if let due = due(names, at: now) { purge(due) }
    }

    /// The names to forget now; nil if there are none, or it is too early.
    mutating func due(_ names: ChangedNames?, at now: MonotonicTime) -> ChangedNames? {
        if let names { fresh.formUnion(names) }
        guard !isIdle, now >= earliest ?? now else { return nil }
        var due = again
        due.formUnion(fresh)
        again = fresh
        fresh = ChangedNames()
        earliest = now.advanced(milliseconds: Self.pause)
        return due
    }

    /// Sends the requests.
    private mutating func purge(_ names: ChangedNames) {
        if names.areUnknown { forgetCluster() }
        var list: [String] = []
        var length = 0
        for service in names.services.sorted() {
            if length + service.utf8.count + 2 > Self.longestList {
                purge(list, names)
                (list, length) = ([], 0)
            }
            list.append(service)
            length += service.utf8.count + 2
        }
        if !list.isEmpty { purge(list, names) }
    }

    /// Sends one request about services of `names`.
    private mutating func purge(_ services: [String], _ names: ChangedNames) {
        ask(
            .flush(
                .services(
                    cluster: cluster, services.filter { !names.gone.contains($0) },
                    gone: services.filter { names.gone.contains($0) })))
    }

    /// Has the server forget all that it knows of the cluster. One that is older than this follower, as in
    /// the middle of an upgrade, forgets its answers alone.
    private mutating func forgetCluster() {
        do throws(ControlError) {
            _ = try ControlClient.ask(.flush(.missed(cluster)), at: paths)
            (trouble, isServerOld) = (nil, false)
        } catch .refused(let reason) where reason.hasPrefix(Self.unknownRequest) {
            if !isServerOld {
                Log.warning(
                    "server is older than this follower",
                    [
                        ("cluster", cluster),
                        (
                            "reason",
                            "it forgets the cluster's answers, but goes on to list services that are gone;"
                                + " restart namebridge.service"
                        ),
                    ])
            }
            isServerOld = true
            ask(.flush(.cluster(cluster)))
        } catch {
            tell(error)
        }
    }

    /// Sends one request.
    private mutating func ask(_ request: ControlRequest) {
        do throws(ControlError) {
            _ = try ControlClient.ask(request, at: paths)
            trouble = nil
        } catch {
            tell(error)
        }
    }

    /// Logs a failure once; without a server there is nothing to forget.
    private mutating func tell(_ error: ControlError) {
        if case .noServer = error { return }
        let text = "\(error)"
        if text != trouble {
            Log.warning("names not forgotten", [("cluster", cluster), ("reason", text)])
        }
        trouble = text
    }
}
