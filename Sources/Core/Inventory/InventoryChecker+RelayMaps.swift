import IPAddressing

/// The maps of relays: `failover: dns`.
extension InventoryChecker {
    /// A relay with a map of its own.
    struct RelayWithMap {
        /// The key of the cluster that it leads to.
        let cluster: String
        /// Its host, as in `prod/relay1`.
        let host: String
        /// The outer addresses.
        let map: PrefixMap
        /// Where it stands in the file.
        let path: InventoryPath
    }

    /// Each relay once that has a map of its own.
    var relaysWithMap: [RelayWithMap] {
        var known: Set<String> = []
        return allRelaysWithMap.filter { known.insert("\($0.cluster) \($0.host)").inserted }
    }

    /// The same, once for each path that it is a relay of.
    private var allRelaysWithMap: [RelayWithMap] {
        inventory.paths.enumerated().flatMap { index, path -> [RelayWithMap] in
            guard case .relay(let settings) = path.carrier, settings.failover == .dns,
                case .oneWay(let from, let to) = path.ends
            else { return [] }
            let here = InventoryPath("paths")[index] + "relays"
            return settings.relays.enumerated().map { position, relay in
                let host = inventory.host(relay.host, in: [to, from])
                return RelayWithMap(
                    cluster: to, host: host.map { "\($0.place)/\($0.host.name)" } ?? relay.host,
                    map: relay.addressMap, path: here[position])
            }
        }
    }

    /// The maps of relays cover the same addresses, and are of one cluster without a map.
    mutating func checkRelayMaps() {
        var maps: [String: RelayWithMap] = [:]
        for entry in allRelaysWithMap where !entry.map.isEmpty {
            let key = "\(entry.cluster) \(entry.host)"
            if let other = maps[key], other.map != entry.map {
                error(
                    at: entry.path + "map", and: other.path,
                    "found another map than on the other path, expected the same: a relay translates each"
                        + " cluster in one way")
            }
            maps[key] = maps[key] ?? entry
        }
        for entry in relaysWithMap where !entry.map.isEmpty {
            guard let cluster = clusters[entry.cluster] else { continue }
            let place = InventoryPath("clusters") + entry.cluster
            if !cluster.isMappedByRelays, cluster.isMapped {
                error(
                    at: entry.path + "map", and: place + "map",
                    "found a map of the relay and one of \(entry.cluster), expected one of them: with"
                        + " \"failover: dns\" each relay has its own range")
            }
            checkInnerRanges(
                entry.map, at: entry.path,
                of: MappedPlace(cluster, leftOut: "are not reached through \(entry.host)"))
        }
    }

    /// Each relay of `failover: dns` has a map, with the same inner addresses; other relays have none.
    mutating func checkMaps(of relay: RelaySettings, _ path: Path, at here: InventoryPath) {
        guard relay.failover == .dns else {
            for (index, entry) in relay.relays.enumerated() where !entry.addressMap.isEmpty {
                error(
                    at: (here + "relays")[index] + "map", and: here,
                    "found a map of a relay, which goes only with \"failover: dns\"; expected the map in the"
                        + " cluster")
            }
            return
        }
        if !path.isMapped {
            error(
                at: here + "map", and: here + "failover",
                "found \"map: false\", with which no addresses are left to choose by; expected another"
                    + " \"failover\"")
        }
        switch relay.source {
        case .snat: break
        case .keep, .map:
            error(
                at: here + "source", and: here + "failover",
                "found a kept source with \"failover: dns\", expected \"snat\": answers would all come back"
                    + " through one relay")
        }
        let model = relay.relays.firstIndex { !$0.addressMap.isEmpty } ?? 0
        let inner = Set(relay.relays.isEmpty ? [] : relay.relays[model].addressMap.pairs.map(\.inner))
        for (index, entry) in relay.relays.enumerated() {
            let place = (here + "relays")[index]
            if entry.addressMap.isEmpty {
                error(
                    at: place, and: here + "failover",
                    "found no \"map\" of \(entry.host), expected { host: \(entry.host), map: { inner prefix:"
                        + " outer prefix } }: with \"failover: dns\" each relay has its own range")
            } else if Set(entry.addressMap.pairs.map(\.inner)) != inner {
                error(
                    at: place + "map", and: (here + "relays")[model],
                    "found other inner prefixes than at \(relay.relays[model].host), expected the same: each"
                        + " relay must reach what the others reach")
            }
        }
    }
}
