import IPAddressing
import NetworkModel

/// Our routes in scripts, which coexist with foreign ones as in `ResolvedPlan.besideForeignRoutes`.
enum RouteScript {
    /// Makes a route, or replaces it.
    static let function = """
        # ours PREFIX HALVES WAY...: where another route to the prefix is there, our routes are to its
        # halves, which take precedence. Its owner can change it as if ours were not there.
        ours() {
            prefix=$1 halves=$2; shift 2
            case $prefix in *:*) f=-6 metric=\(Route.ourMetric(.v6)) ;; *) f=-4 metric=\(Route.ourMetric(.v4)) ;; esac
            for p in $prefix $halves; do
                while ip $f route del $p proto \(Ownership.routeProtocol) 2>/dev/null; do :; done
            done
            [ -n "$(ip $f route show exact $prefix)" ] || halves=$prefix
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
        return "ours \(prefix) \"\(halves)\"" + writer.text
    }
}
