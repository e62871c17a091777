package import Inventory

extension NetworkPlanner {
    /// The routes that routers of a near end learn by BGP, from the relays that are preferred while all work.
    ///
    /// - Parameters:
    ///   - place: The key of the near end.
    ///   - host: Nil for a device that is not ours.
    package func learnedRoutes(in place: String, on host: LocatedHost? = nil) -> [RouteAdvice] {
        inventory.paths.flatMap { path -> [RouteAdvice] in
            guard case .relay(let settings) = path.carrier, settings.failover == .bgp,
                let planning = RelayPlanning(planner: self, path: path, settings: settings),
                planning.from == place, host.map({ planning.isLed($0) }) ?? true
            else { return [] }
            return planning.learnedRoutes
        }
    }

    /// The host that has the virtual address of a path while all relays work; nil if the path has none.
    ///
    /// - Parameter isPossible: False for a host that certainly does not have it.
    package func virtualHolder(of path: Path, among isPossible: (LocatedHost) -> Bool) -> LocatedHost? {
        guard case .relay(let settings) = path.carrier, settings.vrrp != nil else { return nil }
        return RelayPlanning(planner: self, path: path, settings: settings)?.preferred(among: isPossible)
            .first
    }
}

extension RelayPlanning {
    /// The relays of the highest priority, in the order of the file.
    fileprivate func preferred(among isPossible: (LocatedHost) -> Bool = { _ in true }) -> [LocatedHost] {
        let possible = relays.filter(isPossible)
        let highest = possible.map(priority(of:)).max()
        return possible.filter { priority(of: $0) == highest }
    }

    /// As the file says, or by default.
    private func priority(of host: LocatedHost) -> Int { relay(host)?.priority ?? 100 }

    /// What the preferred relays announce.
    fileprivate var learnedRoutes: [RouteAdvice] {
        nearTraffic.flatMap { traffic -> [RouteAdvice] in
            let hops = preferred().named(traffic.family)
            guard !hops.isEmpty else { return [] }
            return traffic.destinations.map {
                RouteAdvice(destination: $0, nextHops: hops, because: path.label)
            }
        }
    }
}
