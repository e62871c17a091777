import IPAddressing
import NetworkModel

extension ResolvedPlan {
    /// Makes our routes coexist with foreign ones of the same prefix: ours win, and the foreign ones can
    /// still be added, replaced and deleted as if ours did not exist.
    ///
    /// The effect of `ip route` on Linux 6.18 on a foreign route (metric 0) while ours exists:
    ///
    /// | ours                        | who wins | foreign add  | foreign replace, del |
    /// |-----------------------------|----------|--------------|----------------------|
    /// | metric 0, prepended         | ours     | File exists  | hits ours            |
    /// | metric 0, appended          | theirs   | File exists  | hits theirs          |
    /// | a larger metric             | theirs   | is made      | hits theirs          |
    /// | halves with a larger metric | ours     | is made      | hits theirs          |
    ///
    /// So ours have their own metric, and are the two halves of the prefix while a foreign route that
    /// leads elsewhere would win. A single address has no halves: its route is in a table of ours then,
    /// which a policy rule of ours asks before the main table. So do routes to what this host announces: FRR
    /// announces a prefix from the table of announcements only if the main table has no route to it from
    /// elsewhere (zebra 8.4), and copies it there as a blackhole of metric 20, before which the halves win.
    /// A foreign route of one half is for less than the prefix: it leads, as beside the whole route, and the
    /// half's metric is larger. The blackhole behind a route, for the time
    /// when its device is gone, goes with it: in its old place the foreign route would win.
    mutating func besideForeignRoutes(of observed: HostState) {
        let wanted = Dictionary(
            routes.filter(\.value.isAsked).map { ($0.value.destination, $0.value) }
        ) { first, _ in first }
        // The networks of our own devices come and go with these.
        let own = Set(observed.links.filter(\.isOurs).map(\.name))
        let foreign = observed.routes.filter { route in
            !route.isOurs && !route.nextHops.contains { $0.device.map(own.contains) == true }
        }
        for route in foreign where route.table == Route.mainTable {
            guard let ours = wanted[route.destination], route.metric <= ours.metric, !route.leads(as: ours)
            else { continue }
            halvedPrefixes.insert(ours.destination)
        }
        halvedPrefixes.formUnion(plan.announcedPrefixes.filter { $0.family == .v4 && wanted[$0] != nil })
        guard !halvedPrefixes.isEmpty else { return }
        leadSingleAddresses()
        routes = routes.flatMap { desired -> [Desired<Route>] in
            guard isHidden(desired.value), let halves = desired.value.destination.halves
            else { return [desired] }
            return [halves.low, halves.high].map { half in
                var route = desired
                route.value.destination = half
                route.value.metric = Self.metric(of: route.value, behind: foreign)
                return route
            }
        }
    }

    /// The metric of a half: behind those of foreign routes to it that lead elsewhere.
    private static func metric(of half: Route, behind foreign: [Route]) -> Int {
        let others = foreign.filter {
            $0.table == half.table && $0.destination == half.destination && !$0.leads(as: half)
        }
        guard let last = others.map(\.metric).max(), last < UInt32.max - 1 else { return half.metric }
        return max(half.metric, last + (half.isFallback ? 2 : 1))
    }
}

extension ResolvedPlan {
    /// True for a route, or the blackhole behind it, that a foreign route hides.
    private func isHidden(_ route: Route) -> Bool {
        (route.isAsked || route.isFallback) && halvedPrefixes.contains(route.destination)
    }

    /// Moves the routes of hidden single addresses into our table.
    private mutating func leadSingleAddresses() {
        for index in routes.indices {
            let route = routes[index].value
            guard isHidden(route), route.destination.halves == nil else { continue }
            routes[index].value.table = Route.hiddenAddresses
            guard route.isAsked else { continue }
            let rule = PolicyRule(
                family: route.destination.family, priority: PolicyRule.hiddenAddresses,
                destination: route.destination, action: .lookup(table: Route.hiddenAddresses))
            rules.append(Desired(rule, because: routes[index].because))
        }
    }
}

extension PolicyRule {
    /// The priority of the rules that ask `Route.hiddenAddresses`: after those of mapped clusters.
    static let hiddenAddresses = 790
}

extension Route {
    /// Our table with the routes of single addresses that foreign routes hide in the main table.
    static let hiddenAddresses = 790_000

    /// True for a blackhole that takes packets while the route to the same prefix is gone with its device.
    var isFallback: Bool {
        kind == .blackhole && table == Route.mainTable && metric == MappedCluster.lastMetric
    }

    /// True if packets of this observed route take the way of the desired route `other`.
    func leads(as other: Route) -> Bool {
        kind == other.kind && nextHops.count == other.nextHops.count
            && zip(nextHops, other.nextHops).allSatisfy { $0.satisfies($1) }
    }
}
