import IPAddressing

/// A next hop as a router takes it.
struct RouterHop: CustomStringConvertible {
    /// An address, or an interface.
    let description: String

    /// The number of the router's own check of it; nil if it has none: routes through it have no other hop.
    let check: Int?

    /// True for an address of IPv6.
    var isIPv6: Bool { description.contains(":") }
}

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

    /// The lines that have the router check a hop which shares routes with others, and those that end it.
    var check: @Sendable (RouterHop) -> [String] = { _ in [] }
    var uncheck: @Sendable (RouterHop) -> [String] = { _ in [] }

    /// The lines that make a route; the next hops are addresses, or an interface if the route leads through a
    /// tunnel.
    let make: @Sendable (RouteAdvice, [RouterHop]) -> [String]

    /// The lines that remove it.
    let remove: @Sendable (RouteAdvice, [RouterHop]) -> [String]

    /// The number of the first check.
    private static let firstCheck = 781

    /// The routes, and as comments what removes them.
    func text(_ routes: [RouteAdvice], of name: String) -> String {
        // Where every route needs a name that its reader must put in, nothing may be entered as it is.
        let isReady = routes.contains { !$0.isThroughTunnel }
        let checks = checks(routes)
        let checked = checks.sorted { $0.value < $1.value }.map { RouterHop(description: $0, check: $1) }
        var lines = ["\(comment) \(name)"] + (isReady ? begin : begin.map(commented))
        lines += checked.flatMap(check)
        for route in routes {
            let made = make(route, hops(route, checks))
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
        let removals = routes.flatMap { remove($0, hops($0, checks)) } + checked.flatMap(uncheck)
        lines += (isScript ? removals : begin + removals + end).map(commented)
        return lines.map { $0 + "\n" }.joined()
    }

    /// The line as a comment.
    private func commented(_ line: String) -> String { line.hasPrefix(comment) ? line : "\(comment) \(line)" }

    /// A number for each next hop of routes that have several: the router must notice that one is dead.
    private func checks(_ routes: [RouteAdvice]) -> [String: Int] {
        var checks: [String: Int] = [:]
        for hop in routes.filter({ $0.nextHops.count > 1 && !$0.isThroughTunnel }).flatMap(\.nextHops)
        where checks[hop.address.description] == nil {
            checks[hop.address.description] = Self.firstCheck + checks.count
        }
        return checks
    }

    /// The next hops of a route as the router takes them.
    private func hops(_ route: RouteAdvice, _ checks: [String: Int]) -> [RouterHop] {
        guard !route.isThroughTunnel else { return [RouterHop(description: "TUNNEL", check: nil)] }
        return route.nextHops.map { hop in
            let text = hop.address.description
            return RouterHop(description: text, check: route.nextHops.count > 1 ? checks[text] : nil)
        }
    }
}
