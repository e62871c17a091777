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
    /// leads elsewhere would win. A single address has no halves: there the foreign route wins, which is
    /// a conflict.
    mutating func besideForeignRoutes(of observed: HostState) {
        let wanted = Dictionary(
            routes.filter(\.value.isAsked).map { ($0.value.destination, $0.value) }
        ) { first, _ in first }
        for route in observed.routes where !route.isOurs && route.table == Route.mainTable {
            guard let ours = wanted[route.destination], route.metric <= ours.metric, !route.leads(as: ours),
                ours.destination.halves != nil
            else { continue }
            halvedPrefixes.insert(ours.destination)
        }
        guard !halvedPrefixes.isEmpty else { return }
        routes = routes.flatMap { desired -> [Desired<Route>] in
            guard desired.value.isAsked, halvedPrefixes.contains(desired.value.destination),
                let halves = desired.value.destination.halves
            else { return [desired] }
            return [halves.low, halves.high].map { half in
                var route = desired
                route.value.destination = half
                return route
            }
        }
    }
}

extension Route {
    /// True if packets of this observed route take the way of the desired route `other`.
    func leads(as other: Route) -> Bool {
        kind == other.kind && nextHops.count == other.nextHops.count
            && zip(nextHops, other.nextHops).allSatisfy { $0.satisfies($1) }
    }
}
