package import IPAddressing
package import NetworkModel

/// Finds the route of a packet in an observed host as the kernel does: policy rules by priority, in each
/// table the longest prefix, then the lowest metric.
package struct RouteLookup: Sendable {
    /// In the order in which they apply.
    private let rules: [PolicyRule]
    /// The routes of each table, in the order in which they match.
    private let tables: [Int: [Route]]
    /// The host's own addresses.
    private let ownAddresses: Set<IPAddress>

    /// The packet whose route is looked up.
    package struct Query: Hashable, Sendable {
        /// The destination.
        package var destination: IPAddress
        /// The source; nil if the kernel chooses it.
        package var source: IPAddress?

        /// Nil for packets of the host itself.
        package var inDevice: String?

        /// Only routes through this device count; nil if all count.
        package var outDevice: String?

        /// Nil if it is unknown.
        package var mark: UInt32?

        /// Creates a query.
        package init(
            _ destination: IPAddress, source: IPAddress? = nil, inDevice: String? = nil,
            outDevice: String? = nil, mark: UInt32? = 0
        ) {
            self.destination = destination
            self.source = source
            self.inDevice = inDevice
            self.outDevice = outDevice
            self.mark = mark
        }
    }

    /// The result: a rule alone (`blackhole` and the like), or a rule and the route of its table.
    package struct Decision: Hashable, Sendable {
        /// The policy rule that decided.
        package var rule: PolicyRule
        /// The route; nil for a rule that decides alone.
        package var route: Route?
    }

    /// Creates a route lookup.
    package init(_ state: HostState) {
        var tables: [Int: [Route]] = [:]
        for route in state.routes { tables[route.table, default: []].append(route) }
        self.tables = tables.mapValues { Self.sorted($0) }
        ownAddresses = Set(state.addresses.map(\.address))
        let observed = state.policyRules.sorted { $0.priority < $1.priority }
        let isWhole = observed.contains { $0.action == .lookup(table: Route.mainTable) }
        rules = isWhole ? observed : (observed + Self.initial).sorted { $0.priority < $1.priority }
    }

    /// The rules of a host without added ones (ip-rule(8)).
    private static let initial = AddressFamily.allCases.flatMap { family in
        [(0, Route.localTable), (32_766, Route.mainTable), (32_767, 253)].map { priority, table in
            PolicyRule(family: family, priority: priority, action: .lookup(table: table), ruleProtocol: 2)
        }
    }

    /// Longer prefixes first, then lower metrics; else in the kernel's order.
    private static func sorted(_ routes: [Route]) -> [Route] {
        let ranked = routes.enumerated().sorted { left, right in
            let (first, second) = (left.element, right.element)
            if first.destination.length != second.destination.length {
                return first.destination.length > second.destination.length
            }
            return first.metric == second.metric ? left.offset < right.offset : first.metric < second.metric
        }
        return ranked.map(\.element)
    }

    /// Nil if no route leads to the destination.
    package func decide(_ query: Query) -> Decision? {
        for rule in rules where Self.holds(rule, for: query) {
            guard case .lookup(let table) = rule.action else {
                if case .other(let words) = rule.action, words == "nop" || words.hasPrefix("goto") {
                    continue
                }
                return Decision(rule: rule)
            }
            guard let route = route(in: table, query), route.kind != .throw else { continue }
            if let suppressed = rule.suppressedPrefixLength, route.destination.length <= suppressed {
                continue
            }
            return Decision(rule: rule, route: route)
        }
        return nil
    }

    /// The route of the main table, regardless of policy rules; nil if it has none.
    package func mainRoute(to destination: IPAddress) -> Route? {
        route(in: Route.mainTable, Query(destination)).flatMap { $0.nextHops.isEmpty ? nil : $0 }
    }

    /// The route of one table.
    private func route(in table: Int, _ query: Query) -> Route? {
        tables[table]?.first { route in
            route.destination.contains(query.destination)
                && (query.outDevice == nil || route.nextHops.contains { $0.device == query.outDevice })
        }
    }

    /// True if packets to `address` are for the host itself.
    package func isOwn(_ address: IPAddress) -> Bool {
        address.isLoopback || ownAddresses.contains(address)
            || (tables[Route.localTable] ?? []).contains {
                $0.kind == .local && $0.destination.contains(address)
            }
    }

    /// The kernel's type of the address, as in `fib daddr type`.
    func type(of address: IPAddress) -> String {
        if isOwn(address) { return "local" }
        let bits = address.bits
        if address.family == .v4 ? bits >> 28 == 0xE : bits >> 120 == 0xFF { return "multicast" }
        return decide(Query(address, mark: 0))?.route?.kind.rawValue ?? "unreachable"
    }

    /// True if a policy rule applies to the packet.
    private static func holds(_ rule: PolicyRule, for query: Query) -> Bool {
        guard rule.family == query.destination.family else { return false }
        var holds = rule.destination?.contains(query.destination) ?? true
        if let source = rule.source {
            holds = holds && (source.length == 0 || query.source.map { source.contains($0) } ?? false)
        }
        if let device = rule.inDevice { holds = holds && (query.inDevice ?? "lo") == device }
        if let device = rule.outDevice { holds = holds && query.outDevice == device }
        if let mark = rule.mark { holds = holds && query.mark.map { $0 & mark.mask == mark.value } ?? false }
        return holds != rule.isInverted
    }
}

extension RouteLookup {
    /// The answer of `ip route get` on this host.
    package func answer(to question: RouteQuestion) -> RouteAnswer {
        let query = Query(
            question.destination, source: question.arrival?.source, inDevice: question.arrival?.device,
            mark: question.mark)
        guard let decision = decide(query) else { return .refused("Network is unreachable") }
        guard let route = decision.route else { return .refused("Invalid argument") }
        switch route.kind {
        case .local, .broadcast: return .delivered
        case .unicast, .multicast, .anycast, .nat:
            return route.nextHops.first.map { .forwarded($0, route: route) } ?? .refused("No route to host")
        case .blackhole: return .refused("Invalid argument")
        case .unreachable: return .refused("No route to host")
        case .prohibit: return .refused("Permission denied")
        case .throw: return .refused("Network is unreachable")
        }
    }
}
