import IPAddressing
import Inventory
import NetworkModel

/// Nodes of clusters with outer addresses in a segment: the device is in the cluster's namespace, and the
/// nodes of all other clusters know outer addresses alone.
///
/// ```
/// pod -> node -> nb-KEY: inner source becomes outer -> segment -> nb-PEER: outer becomes inner -> node
/// ```
///
/// kube-proxy of the node translates services afterwards: in one pass with the prefixes it could not.
extension VXLANPlanning {
    func contributeMapped(
        _ mapped: MappedCluster, _ own: VXLANSegment.Peer, position: Int, to builder: inout PlanBuilder
    ) {
        let cluster = mapped.cluster
        let part = segmentPart(own, position: position, on: builder.host)
        for family in AddressFamily.allCases {
            let inner = path.targets.prefixes(of: cluster).of(family)
            let others = segment.members.filter { $0.key != cluster.key }
            let visible = others.flatMap { path.visiblePrefixes(of: $0) }.of(family)
            guard !visible.isEmpty, !inner.isEmpty else { continue }
            // Nodes of the others have addresses of the segment's network.
            let far = PrefixSet(visible + [segment.settings.network].of(family))
            let nodes =
                [mapped.network(family)] + builder.host.host.addresses.map { IPPrefix(only: $0) }.of(family)
            builder.namespace(of: mapped, family, because: because) { namespace in
                namespace.join(part)
                namespace.open(to: far, pods: inner, nodes: nodes, mask: own.address, because: because)
            }
            turnAround(mapped, family, in: &builder)
            builder.leadInto(mapped, far.prefixes, because: because)
            builder.forwarding(family, .named(mapped.device), because: because)
            if let incoming = PathTraffic(
                family, sources: far.prefixes, to: cluster, targets: path.targets)
            {
                planner.enterServices(incoming, of: cluster, by: mapped.device, &builder, because: because)
                builder.accept(incoming, because: because)
            }
            for peer in others {
                guard let outgoing = outgoing(family, from: cluster, to: peer) else { continue }
                builder.accept(outgoing, because: because)
                builder.leaveUntranslated(outgoing, of: cluster, because: because)
            }
        }
        builder.noteLiterals(of: cluster, because: because)
        warn(own, &builder)
    }

    /// The segment in the namespace.
    private func segmentPart(_ own: VXLANSegment.Peer, position: Int, on host: LocatedHost) -> SegmentPart {
        var part = SegmentPart(link: link(own, on: host), address: address(own), because: because)
        for (peer, way) in zip(segment.peers, segment.ways) where peer.underlay != own.underlay {
            part.neighbours += way.neighbours.map(\.value)
            part.entries.append(way.entry.value)
            if peer.member != own.member { part.routes += way.routes.map(\.value) }
        }
        for (member, cluster) in segment.members.enumerated() where member != own.member {
            part.routes += serviceRoutes(to: cluster, member: member, position: position)
            // Addresses that no node has would go back to the host.
            part.routes += path.visiblePrefixes(of: cluster).filter { prefix in
                !part.routes.contains { $0.destination == prefix }
            }.map {
                Route(destination: $0, kind: .blackhole, metric: MappedCluster.lastMetric, nextHops: [])
            }
        }
        return part
    }

    /// Pods and the node itself can use outer addresses of their own cluster.
    private func turnAround(
        _ mapped: MappedCluster, _ family: AddressFamily, in builder: inout PlanBuilder
    ) {
        let cluster = mapped.cluster
        let own = IPPrefix(only: mapped.ownAddress(family))
        guard let inside = PathTraffic(family, sources: cluster.pods, to: cluster, targets: path.targets),
            let masked = PathTraffic(family, sources: [own], to: cluster, targets: path.targets)
        else { return }
        let hosts = builder.host.host.addresses
        builder.namespace(of: mapped, family, because: because) { namespace in
            namespace.pass(
                inside, inner: inside.destinations, own: hosts, sources: .masked, because: because)
        }
        builder.leadInto(mapped, path.seen(inside.destinations, of: cluster), because: because)
        builder.translate(masked, .masquerade(isFullyRandom: true), because: because)
        builder.accept(masked, because: because)
    }
}
