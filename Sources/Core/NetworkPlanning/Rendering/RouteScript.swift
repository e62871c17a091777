import IPAddressing
import NetworkModel

/// Our routes in scripts, which coexist with foreign ones as in `ResolvedPlan.besideForeignRoutes`.
enum RouteScript {
    /// Makes a route, or replaces it.
    static let function = """
        # set_route PREFIX HALVES WAY...: makes packets to PREFIX go that way. It may be run again.
        # - No other route to exactly PREFIX: one route is added.
        # - Another program has one (a VPN, DHCP): that stays as it is. Two routes to the HALVES of PREFIX are
        #   added, which the kernel prefers, since they are longer.
        # - The same for a single address, which has no halves: a route in table \(Route.hiddenAddresses), and a rule for it.
        # All of it has "proto \(Ownership.routeProtocol)": "ip route show proto \(Ownership.routeProtocol)" shows it.
        set_route() {
            prefix=$1 halves=$2; shift 2
            case $prefix in *:*) f=-6 metric=\(Route.ourMetric(.v6)) ;; *) f=-4 metric=\(Route.ourMetric(.v4)) ;; esac
            # What an earlier run has added.
            for p in $prefix $halves; do
                while ip $f route del $p proto \(Ownership.routeProtocol) 2>/dev/null; do :; done
            done
            ip $f rule del to $prefix lookup \(Route.hiddenAddresses) 2>/dev/null || :
            ip $f route del $prefix table \(Route.hiddenAddresses) 2>/dev/null || :
            if [ -z "$(ip $f route show exact $prefix)" ]; then halves=$prefix
            elif [ "$halves" = "$prefix" ]; then
                ip $f route replace $prefix table \(Route.hiddenAddresses) proto \(Ownership.routeProtocol) "$@" || return
                ip $f rule add to $prefix lookup \(Route.hiddenAddresses) priority \(PolicyRule.hiddenAddresses) protocol \(Ownership.routeProtocol)
                return
            fi
            for p in $halves; do ip $f route add $p proto \(Ownership.routeProtocol) metric $metric "$@" || return; done
        }

        """

    /// The call of the function that makes `route`.
    static func line(_ route: Route) -> String {
        let prefix = route.destination
        let halves = prefix.halves.map { "\($0.low) \($0.high)" } ?? "\(prefix)"
        var way = route
        way.metric = 0
        var words = Array(way.arguments.dropFirst())
        if let start = words.firstIndex(of: "proto") {
            words.removeSubrange(start..<min(start + 2, words.count))
        }
        var writer = LineWriter()
        for word in words { writer.add(word) }
        return "set_route \(prefix) \"\(halves)\"" + writer.text
    }
}
