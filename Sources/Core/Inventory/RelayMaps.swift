package import IPAddressing

/// Ranges of outer addresses that each lead through one relay: `failover: dns`.
///
/// A path with such ranges is as many paths as it has relays, each with one relay and a map of its own; names
/// are answered with addresses of one of them.
extension Path {
    /// True if each relay has a range of its own.
    package var hasRangePerRelay: Bool {
        if case .relay(let relay) = carrier { relay.failover == .dns } else { false }
    }

    /// One path for each relay if each has a range of its own, else this one.
    package var throughEachRelay: [Path] {
        guard case .relay(let settings) = carrier, settings.failover == .dns else { return [self] }
        return settings.relays.map { relay in
            var alone = settings
            alone.relays = [relay]
            var path = self
            path.carrier = .relay(alone)
            return path
        }
    }

    /// The maps by which the near end sees `cluster`, its far end: one, or one for each relay.
    package func addressMaps(of cluster: Cluster) -> [PrefixMap] {
        guard case .relay(let settings) = carrier, settings.failover == .dns else {
            return [cluster.addressMap]
        }
        return settings.relays.map(\.addressMap)
    }
}

extension Inventory {
    /// Gives each cluster the maps of its relays, and, without one of its own, the first of them.
    ///
    /// To be called once all paths are known.
    package mutating func takeRelayMaps() {
        for path in paths {
            guard case .relay(let settings) = path.carrier, settings.failover == .dns,
                case .oneWay(_, let to) = path.ends,
                let index = clusters.firstIndex(where: { $0.key == to })
            else { continue }
            for map in settings.relays.map(\.addressMap)
            where !map.isEmpty && !clusters[index].relayMaps.contains(map) {
                clusters[index].relayMaps.append(map)
            }
        }
        for index in clusters.indices where clusters[index].addressMap.isEmpty {
            guard let first = clusters[index].relayMaps.first else { continue }
            clusters[index].addressMap = first
            clusters[index].isMappedByRelays = true
        }
    }
}
