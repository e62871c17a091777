import IPAddressing

/// The language of a router's configuration: what enters routes, what keeps them, and what removes them.
struct RouterLanguage: Sendable {
    /// What begins a line that is a comment.
    let comment: String

    /// The lines before the routes, as into the mode of configuration.
    let begin: [String]

    /// True if `begin` defines what `make` calls.
    var isScript = false

    /// The lines behind the routes: out of that mode, and what keeps the routes at the next start.
    let end: [String]

    /// The lines that make a route; the next hops are addresses, or an interface if the route leads through a
    /// tunnel.
    let make: @Sendable (RouteAdvice, [String]) -> [String]

    /// The lines that remove it.
    let remove: @Sendable (RouteAdvice, [String]) -> [String]

    /// The routes, and as comments what removes them.
    func text(_ routes: [RouteAdvice], of name: String) -> String {
        // Where every route needs a name that its reader must put in, nothing may be entered as it is.
        let isReady = routes.contains { !$0.isThroughTunnel }
        var lines = ["\(comment) \(name)"] + (isReady ? begin : begin.map(commented))
        for route in routes {
            let made = make(route, hops(route))
            if route.isThroughTunnel {
                let ends = route.nextHops.map { "\($0.name) (\($0.address))" }.joined(separator: ", ")
                lines.append(
                    commented(
                        "\(route.destination) through the tunnel to \(ends): put its interface for TUNNEL"))
                lines += made.map(commented)
            } else {
                lines += made
            }
        }
        lines += isReady ? end : end.map(commented)
        lines.append(commented("To remove them:"))
        let removals = routes.flatMap { remove($0, hops($0)) }
        lines += (isScript ? removals : begin + removals + end).map(commented)
        return lines.map { $0 + "\n" }.joined()
    }

    /// The line as a comment.
    private func commented(_ line: String) -> String { line.hasPrefix(comment) ? line : "\(comment) \(line)" }

    /// The next hops of a route as the router takes them.
    private func hops(_ route: RouteAdvice) -> [String] {
        route.isThroughTunnel ? ["TUNNEL"] : route.nextHops.map(\.address.description)
    }
}
