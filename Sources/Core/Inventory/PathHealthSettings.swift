package import IPAddressing

/// How it is found out whether a path carries packets, and what follows when it does not.
package struct PathHealthSettings: Hashable, Sendable {
    /// What clients at the near end get while the path is down: key `on-down`. Nil: `servfail` if the
    /// forwarder stands at the near end, so that it sees what its clients see, else `answer`.
    package var onDown: OnDown?

    /// How the path is probed: key `probe`. Nil: with the default settings, if the forwarder stands at the
    /// near end.
    package var probe: ProbeSettings?

    package init(onDown: OnDown? = nil, probe: ProbeSettings? = nil) {
        self.onDown = onDown
        self.probe = probe
    }
}

/// What clients at the near end of a path get for names of the far end while the path is down.
package enum OnDown: String, Hashable, Sendable, CaseIterable {
    /// SERVFAIL with an Extended DNS Error that names the path and the cause.
    case servfail
    /// As `servfail`; but plain names are answered by the next cluster of `bare-domain`.
    case next
    /// The same answers as always.
    case answer

    /// True if answers of the path's cluster are withheld.
    package var withholds: Bool { self != .answer }
}

/// How a path is probed: TCP connections that the far end must answer.
package struct ProbeSettings: Hashable, Sendable {
    /// False: the path is not probed.
    package var isOn: Bool

    /// The time from one probe to the next while they are answered. Default: 500 ms.
    package var every: Duration

    /// A path is down after `fail` times two thirds of `every` without an answer, and at least a second;
    /// six connections are tried for each. Default: 3.
    package var fail: Int

    /// Answered probes in a row after which a path that was down is up. Default: 5.
    package var rise: Int

    /// How long a path counts as changing after it has come back. Default: 10 s.
    package var hold: Duration

    /// Probed besides the cluster's DNS servers. Default: none.
    package var targets: [Endpoint]

    package init(
        isOn: Bool = true, every: Duration = .milliseconds(500), fail: Int = 3, rise: Int = 5,
        hold: Duration = .seconds(10)
    ) {
        self.isOn = isOn
        self.every = every
        self.fail = fail
        self.rise = rise
        self.hold = hold
        targets = []
    }
}

extension Path {
    /// The DNS servers of `cluster` that show whether the path works, as the near end sees them: those inside
    /// the prefixes that it leads to, at most four.
    package func probedServers(of cluster: Cluster) -> [Endpoint] {
        let prefixes = visiblePrefixes(of: cluster)
        func isReached(_ address: IPAddress) -> Bool { prefixes.contains { $0.contains(address) } }
        let servers = cluster.dns.compactMap { server -> Endpoint? in
            if isReached(server.address) { return server }
            let outer = addressMaps(of: cluster).first?.outer(of: server.address)
            return outer.flatMap { isReached($0) ? Endpoint(address: $0, port: server.port) : nil }
        }
        return Array(servers.prefix(4))
    }

    /// The hosts that carry it; empty if it is routed or a mesh.
    package var relayHosts: [String] {
        if case .relay(let relay) = carrier { relay.relays.map(\.host) } else { [] }
    }
}
