import DNSServer
import Forwarding
import Synchronization

/// Writes one line for each server that dies, comes back or changes, and one for each cluster that has no
/// server left.
final class HealthLog: Sendable {
    /// The clusters without a server.
    private let downClusters = Mutex<Set<String>>([])

    /// A new configuration is in use: a cluster that it gives other servers is no longer down.
    func noteReload(_ serving: (policy: ForwardingPolicy, board: HealthBoard)) {
        let groups = serving.policy.groups
        let known = Set(groups.map(\.name))
        let dead = groups.filter { group in group.servers.allSatisfy { serving.board.servers[$0].isDead } }
        let down = Set(dead.map(\.name))
        // No event is added here: the worker that finds the last server of a cluster dead reports it.
        let risen = downClusters.withLock { clusters in
            defer { clusters.formIntersection(down) }
            return clusters.subtracting(down)
        }
        for cluster in risen.sorted() where known.contains(cluster) {
            Log.notice("cluster up", [("cluster", cluster), ("reason", "it has other servers now")])
        }
    }

    /// Writes the lines of one event.
    func write(_ news: HealthNews) {
        let fields = [("cluster", news.group), ("address", "\(news.server)")]
        switch news.mode {
        case .full: Log.notice("server up", fields)
        case .withoutEDNS: Log.notice("server up without EDNS", fields)
        case .onlyTCP: Log.notice("server up over TCP alone", fields)
        case .dead: Log.failure("server down", fields + [("reason", news.reason)])
        case .looping: Log.failure("server forwards to us, not asked", fields + [("reason", news.reason)])
        }
        let isChanged = downClusters.withLock {
            news.aliveServers == 0 ? $0.insert(news.group).inserted : $0.remove(news.group) != nil
        }
        guard isChanged else { return }
        if news.aliveServers == 0 {
            let reason = "no server left, \(news.reason)"
            Log.failure("cluster down", [("cluster", news.group), ("reason", reason)])
        } else {
            Log.notice("cluster up", [("cluster", news.group), ("address", "\(news.server)")])
        }
    }
}
