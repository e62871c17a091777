package import IPAddressing
package import Inventory

/// A path that probes are sent along, from this host, and what follows from the verdict.
package struct ProbedPath: Hashable, Sendable {
    /// Key of the site or cluster that this host stands in, or speaks for.
    package let from: String

    /// Key of the cluster that is reached.
    package let to: String

    /// The relays that carry the path; empty if it is routed or a mesh. Which of them carries a probe is the
    /// choice of the routers on the way.
    package let relays: [String]

    /// Probed in turn; never empty.
    package let targets: [ProbeTarget]

    package let settings: ProbeSettings

    package let onDown: OnDown

    /// True if a path that has never been up may be gated: the file says so. Else a firewall that stops just
    /// the probes would take all names away.
    package let isGatedUnproven: Bool

    /// How probes leave this host.
    package let origin: ProbeOrigin

    package init(
        from: String, to: String, relays: [String], targets: [ProbeTarget],
        settings: ProbeSettings = ProbeSettings(), onDown: OnDown = .answer, isGatedUnproven: Bool = false,
        origin: ProbeOrigin = ProbeOrigin()
    ) {
        self.from = from
        self.to = to
        self.relays = relays
        self.targets = targets
        self.settings = settings
        self.onDown = onDown
        self.isGatedUnproven = isGatedUnproven
        self.origin = origin
    }

    /// As in `office -> prod via relay1, relay2`.
    package var name: String {
        "\(from) -> \(to)" + (relays.isEmpty ? "" : " via " + relays.joined(separator: ", "))
    }

    /// What fails together: paths of one site over the same relays.
    var way: [String] { relays.isEmpty ? ["", to] : relays }
}

/// By which relay probes leave this host, and with which address.
package struct ProbeOrigin: Hashable, Sendable {
    /// The mark of the packets, by which a rule of routing leads them to one relay; 0: none.
    package let mark: UInt32

    /// At most one of each family: the address that the packets come from; the kernel chooses for others.
    package let sources: [IPAddress]

    package init(mark: UInt32 = 0, sources: [IPAddress] = []) {
        self.mark = mark
        self.sources = sources
    }

    /// The address for packets to `target`; nil: the kernel's choice.
    package func source(towards target: IPAddress) -> IPAddress? {
        sources.first { $0.family == target.family }
    }
}

/// Where a probe connects to, over TCP.
package struct ProbeTarget: Hashable, Sendable {
    package let endpoint: Endpoint

    /// True if a refused connection shows that the path works: a cluster's DNS server may be down while the
    /// path is not.
    package let mayRefuse: Bool

    /// True for a target behind the others: once it has answered, the others show nothing any more, since
    /// they answer although the way beyond them is dead.
    package let isBehindOthers: Bool

    package init(_ endpoint: Endpoint, mayRefuse: Bool, isBehindOthers: Bool = false) {
        self.endpoint = endpoint
        self.mayRefuse = mayRefuse
        self.isBehindOthers = isBehindOthers
    }
}

extension Inventory {
    /// The paths to probe from a host with `ownAddresses`: those whose near end it stands in, and those
    /// whose file entry asks for it.
    package func probedPaths(ownAddresses: [IPAddress]) -> [ProbedPath] {
        paths.flatMap(\.throughEachRelay).flatMap { path in
            ends(of: path, ownAddresses).compactMap {
                probedPath(path, from: $0.from, to: $0.to, ownAddresses)
            }
        }
    }

    private func probedPath(
        _ path: Path, from: String, to: String, _ ownAddresses: [IPAddress]
    ) -> ProbedPath? {
        guard let cluster = cluster(to), path.health.probe?.isOn != false else { return nil }
        let isNear = isNear(from, ownAddresses) && !isInside(cluster, ownAddresses)
        // In a mesh the host that asks stands in one cluster, and cannot speak for the others.
        let isAskedFor =
            path.isOneWay && (path.health.probe != nil || path.health.onDown?.withholds == true)
        guard isNear || isAskedFor else { return nil }
        let settings = path.health.probe ?? ProbeSettings()
        let targets = path.probeTargets(of: cluster)
        guard !targets.isEmpty else { return nil }
        return ProbedPath(
            from: from, to: to, relays: path.relayHosts, targets: targets, settings: settings,
            onDown: path.health.onDown ?? (isNear ? .servfail : .answer),
            isGatedUnproven: path.health.onDown != nil)
    }

    /// The ends that may be probed from this host: in a mesh, from the members that it stands in.
    private func ends(of path: Path, _ ownAddresses: [IPAddress]) -> [(from: String, to: String)] {
        switch path.ends {
        case .oneWay(let from, let to): [(from, to)]
        case .mutual(let members):
            members.filter { isNear($0, ownAddresses) }.flatMap { from in
                members.filter { $0 != from }.map { (from, $0) }
            }
        }
    }

    /// True if the host stands in the networks of the site, or in the cluster.
    private func isNear(_ key: String, _ ownAddresses: [IPAddress]) -> Bool {
        if let site = site(key) {
            return ownAddresses.contains { address in site.networks.contains { $0.contains(address) } }
        }
        return cluster(key).map { isInside($0, ownAddresses) } ?? false
    }

    /// True if the host is a node or a pod of the cluster.
    private func isInside(_ cluster: Cluster, _ ownAddresses: [IPAddress]) -> Bool {
        let own = Set(ownAddresses)
        return cluster.nodes.contains { !own.isDisjoint(with: $0.addresses) }
            || ownAddresses.contains { address in cluster.pods.contains { $0.contains(address) } }
    }
}

extension Path {
    /// What shows whether packets to `cluster` arrive; empty if nothing does.
    package func probeTargets(of cluster: Cluster) -> [ProbeTarget] {
        probedServers(of: cluster).map { ProbeTarget($0, mayRefuse: true) }
            + (health.probe?.targets ?? []).compactMap { target in
                seen(target, in: cluster).map { ProbeTarget($0, mayRefuse: false) }
            }
    }

    /// The target as the near end sees it: where each relay has a range, at the address there; nil if it is
    /// an address of another relay's range.
    private func seen(_ target: Endpoint, in cluster: Cluster) -> Endpoint? {
        guard hasRangePerRelay, let map = addressMaps(of: cluster).first else { return target }
        if let outer = map.outer(of: target.address) { return Endpoint(address: outer, port: target.port) }
        let isOfOther = cluster.outerRanges.contains { $0.contains(target.address) }
        return isOfOther && map.inner(of: target.address) == nil ? nil : target
    }

    fileprivate var isOneWay: Bool {
        if case .oneWay = ends { true } else { false }
    }
}
