import IPAddressing
import Inventory
import NetworkModel

/// What a node needs to be in a VXLAN segment with the nodes of other clusters.
struct VXLANPlanning {
    /// The planner with the inventory.
    let planner: NetworkPlanner
    /// The path.
    let path: Path
    /// The segment with all nodes.
    let segment: VXLANSegment

    /// The name of the device.
    var device: String { segment.settings.device }
    /// The path that needs it.
    var because: String { segment.because }

    /// Adds what the path needs on the builder's host.
    func contribute(to builder: inout PlanBuilder) {
        let host = builder.host
        guard host.isNode, segment.members.contains(where: { $0.key == host.place }) else { return }
        builder.take(role: .node)
        for note in segment.notes { builder.note(note.severity, note.message) }
        guard let index = segment.position["\(host.place)/\(host.host.name)"] else { return }
        let own = segment.peers[index]
        if path.isMapped, let mapped = planner.mapped[host.place] {
            return contributeMapped(mapped, own, position: index, to: &builder)
        }
        contributeLink(own, &builder)
        builder.reserve(peers: segment.peers.count)
        for (peer, way) in zip(segment.peers, segment.ways) where peer.underlay != own.underlay {
            builder.peer(way, isRouted: peer.member != own.member)
        }
        for (member, cluster) in segment.members.enumerated() where member != own.member {
            contributeServices(of: cluster, member: member, position: index, &builder)
            contributeTraffic(with: cluster, own, &builder)
        }
        warn(own, &builder)
    }

    /// The device, its address, and its own settings.
    private func contributeLink(_ own: VXLANSegment.Peer, _ builder: inout PlanBuilder) {
        let settings = segment.settings
        builder.link(link(own, on: builder.host), because: because)
        builder.address(address(own), because: because)
        builder.forwarding(.v4, .named(device), because: because)
        builder.setting(.reversePathFilter, .v4, of: .named(device), to: 2, because: because)
        if segment.carriesV6OverV4 || settings.network.family == .v6 {
            builder.forwarding(.v6, .named(device), because: because)
        }
        builder.clamp(
            FilterRule(
                [.outDevice([device]), .synchronize], .clampSegmentSize,
                comment: FilterRule.comment(because)))
    }

    /// The device of a node.
    func link(_ own: VXLANSegment.Peer, on host: LocatedHost) -> PlannedLink {
        let settings = segment.settings
        let mesh = VXLANLink(id: settings.id, port: Int(settings.port), local: own.underlay, underlay: nil)
        let alias = Ownership.tag + String(because.prefix(200))
        return PlannedLink(
            Link(name: device, kind: .vxlan(mesh), mac: own.mac, alias: alias),
            underlay: (settings.underlay ?? host.host.device).map { .named($0) } ?? .carrying(own.underlay),
            mtu: settings.mtu.map { .octets($0) } ?? .underlay(less: segment.overhead(own.underlay.family)))
    }

    /// Its address in the segment.
    func address(_ own: VXLANSegment.Peer) -> InterfaceAddress {
        InterfaceAddress(device: device, address: own.address, length: segment.settings.network.length)
    }

    /// To another cluster's services, through one of its nodes; neighbours in the list use different ones.
    func serviceRoutes(to cluster: Cluster, member: Int, position: Int) -> [Route] {
        guard path.targets.services, let range = segment.range(of: member), !range.isEmpty else { return [] }
        let entry = segment.peers[range.lowerBound + position % range.count]
        return path.seen(cluster.services, of: cluster).map {
            Route(to: $0, via: entry, device: device)
        }
    }

    /// Another cluster's services.
    private func contributeServices(
        of cluster: Cluster, member: Int, position: Int, _ builder: inout PlanBuilder
    ) {
        let routes = serviceRoutes(to: cluster, member: member, position: position)
        guard !routes.isEmpty else { return }
        builder.noteServices(of: cluster, cameInBy: device, because: because)
        for route in routes { builder.route(route, because: because) }
    }

    /// Traffic from another cluster is accepted; requests to services are answered through this node.
    private func contributeTraffic(
        with peer: Cluster, _ own: VXLANSegment.Peer, _ builder: inout PlanBuilder
    ) {
        let cluster = segment.members[own.member]
        for family in AddressFamily.allCases {
            // The segment's own addresses are those of the other clusters' nodes.
            let sources = path.seen(peer.pods, of: peer) + [segment.settings.network]
            if let incoming = PathTraffic(family, sources: sources, to: cluster, targets: path.targets) {
                planner.enterServices(incoming, of: cluster, by: device, &builder, because: because)
                builder.accept(incoming, because: because)
            }
            if let outgoing = outgoing(family, from: cluster, to: peer) {
                builder.accept(outgoing, because: because)
                builder.leaveUntranslated(outgoing, of: cluster, because: because)
            }
        }
    }

    /// What the pods of `cluster` send to another cluster; nil if nothing.
    func outgoing(_ family: AddressFamily, from cluster: Cluster, to peer: Cluster) -> PathTraffic? {
        PathTraffic(family, sources: cluster.pods, to: peer, targets: path.targets).map { inner in
            PathTraffic(
                inner.sources, of: inner, pods: path.seen(inner.pods.prefixes, of: peer),
                services: path.seen(inner.services.prefixes, of: peer))
        }
    }

    /// Adds the warnings of a node.
    func warn(_ own: VXLANSegment.Peer, _ builder: inout PlanBuilder) {
        let cluster = segment.members[own.member]
        if own.pods.isEmpty, path.targets.pods, !cluster.pods.isEmpty {
            builder.note(
                .warning,
                "\(because): the pods of \(own.name) are not known: give"
                    + " clusters.\(cluster.key).nodes.\(own.name).pods, else they cannot be reached")
        }
        builder.noteBlocks(of: [(own.name, own.pods)], in: cluster, because: because)
        if cluster.calico.usesBPF {
            builder.note(
                .warning,
                "\(because): eBPF programs of Calico in \(cluster.key) translate sources toward other"
                    + " clusters past netfilter until it has the IPPools of \"net render --format calico\""
                    + " (\(path.targets.words) of each peer)")
        }
        let isCommon = [4789, 8472].contains(segment.settings.port)
        builder.note(
            .advice,
            "\(because): firewalls between the nodes must let UDP port \(segment.settings.port) through"
                + (isCommon
                    ? "; some hypervisors drop it for themselves: where nothing arrives, choose another"
                        + " vxlan.port" : ""))
    }
}

extension PathTargets {
    /// `pods and services`, or one of the two.
    fileprivate var words: String {
        [pods ? "pods" : nil, services ? "services" : nil].compactMap { $0 }.joined(separator: " and ")
    }
}

extension VXLANSegment {
    /// The positions in `peers` of the nodes of one member, which are adjacent; nil if it has none.
    func range(of member: Int) -> Range<Int>? { ranges[member] }
}
