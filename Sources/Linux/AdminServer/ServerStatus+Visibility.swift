import DNSServer
import DomainNames
import Forwarding
import IPAddressing
import Inventory
import LinuxSystem

extension ServerControl {
    /// The state of the server as it is shown to a client over HTTP: with names and clients only if
    /// `browse.clients` has it, and without what its view may not ask. One without a view may ask nothing,
    /// and is shown no clusters, unless it is on this host.
    func status(for client: IPAddress) -> ServerStatus {
        var status = status
        let policy = server.policy
        let view = policy.view(of: client)
        let mayBrowse = inventory.browse.objection(to: client) == nil
        let isWatching = view == nil && HostAddresses.isLocal(client)
        func mayAsk(_ text: String) -> Bool {
            guard let view, let name = try? DomainName(parsing: text) else { return false }
            return policy.mayAsk(name, view: view)
        }
        status.hide(
            Set(hiddenClusters(from: client)), mayAsk: { isWatching || mayAsk($0) },
            maySee: { mayBrowse && mayAsk($0) })
        if !mayBrowse { status.hideClients() }
        return status
    }

    /// The keys of the clusters that a client is not shown.
    func hiddenClusters(from client: IPAddress) -> [String] {
        let policy = server.policy
        let keys = inventory.clusters.map(\.key)
        guard let view = policy.view(of: client) else { return HostAddresses.isLocal(client) ? [] : keys }
        return keys.filter { !policy.mayAsk(cluster: $0, view: view) }
    }

    /// The metrics as they are shown to a client: without the lines about clusters that its view may not
    /// ask. One without a view is a collector, which `admin.clients` lets read them: it gets all.
    func metrics(for client: IPAddress) -> String {
        guard server.policy.view(of: client) != nil else { return metrics }
        let hidden = Set(hiddenClusters(from: client))
        guard !hidden.isEmpty else { return metrics }
        let lines = metrics.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.filter { !$0.namesCluster(of: hidden) }.joined(separator: "\n")
    }
}

extension Substring {
    /// True for a metric with one of the clusters in the value of a label, which may be a path or a host.
    func namesCluster(of hidden: Set<String>) -> Bool {
        guard !hasPrefix("#") else { return false }
        return labelValues.contains { value in
            value.split { "/,\"\\".contains($0) || $0.isWhitespace }.contains { hidden.contains(String($0)) }
        }
    }

    /// The values of a metric's labels with their escapes: a quote inside of one has a backslash before it,
    /// and so has a backslash.
    private var labelValues: [Substring] {
        var values: [Substring] = []
        var start: Index?
        var isEscaped = false
        for index in utf8.indices {
            if isEscaped {
                isEscaped = false
            } else if utf8[index] == UInt8(ascii: "\\") {
                isEscaped = start != nil
            } else if utf8[index] == UInt8(ascii: "\"") {
                if let first = start { values.append(self[first..<index]) }
                start = start == nil ? utf8.index(after: index) : nil
            }
        }
        return values
    }
}

extension ServerStatus {
    /// Removes the addresses of clients. That some are refused remains.
    mutating func hideClients() {
        topClients = []
        guard !refusedClients.isEmpty else { return }
        refusedClients = [
            RefusedNetwork(
                network: "", count: refusedClients.reduce(0) { $0 + $1.count },
                secondsAgo: refusedClients.map(\.secondsAgo).min() ?? 0)
        ]
    }

    /// Removes clusters, private zones and names.
    ///
    /// - Parameters:
    ///   - hidden: The keys of the clusters.
    ///   - mayAsk: False for private zones to be removed.
    ///   - maySee: False for names to be removed.
    mutating func hide(_ hidden: Set<String>, mayAsk: (String) -> Bool, maySee: (String) -> Bool) {
        topNames.removeAll { !maySee($0.name) }
        latestAnswers.removeAll { !maySee($0.name) || hidden.contains($0.cluster) }
        failures = failures.filter { !hidden.contains($0.cluster) }.map { failure in
            let isNameShown = maySee(failure.name)
            guard !isNameShown || !hidden.isEmpty else { return failure }
            // The reason may have the name in it. It is also about every cluster that was asked before the
            // failure's own, and names their servers.
            var failure = failure
            if !isNameShown { failure.name = "" }
            failure.reason = failure.cluster.isEmpty ? "no answer" : "\(failure.cluster): no answer"
            return failure
        }
        suffixes = suffixes.compactMap { suffix in
            guard suffix.kind != Suffix.privateZone || mayAsk(suffix.name) else { return nil }
            var suffix = suffix
            suffix.clusters.removeAll { hidden.contains($0) }
            return suffix.clusters.isEmpty ? nil : suffix
        }
        for index in groups.indices { groups[index].also.removeAll { !mayAsk($0) } }
        guard !hidden.isEmpty else { return }
        groups.removeAll { hidden.contains($0.name) }
        followed.removeAll { hidden.contains($0.cluster) }
        paths.removeAll { !hidden.isDisjoint(with: $0.from + $0.to) }
        // They are about this host and its file as a whole.
        network = nil
        renderings = []
        hideClients()
        unmatched = nil
        shortages = []
        reload.lastProblems = []
    }
}
