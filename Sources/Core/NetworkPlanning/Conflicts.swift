import IPAddressing
import NetworkModel

extension DifferenceCalculation {
    /// Foreign objects that do the same as ours, or that hide them; each named once.
    func conflicts() -> [Conflict] {
        handMadeTranslations() + foreignRoutes() + foreignSegments() + foreignFirewalls()
    }

    /// Rules of iptables for the same pairs, as people type them.
    private func handMadeTranslations() -> [Conflict] {
        let ours = plan.table.chains.flatMap(\.rules).filter(\.action.isTranslation)
        guard !ours.isEmpty else { return [] }
        return observed.iptables.flatMap(\.rules).compactMap { rule in
            guard rule.table == "nat", rule.chain == "POSTROUTING",
                ["MASQUERADE", "SNAT"].contains(rule.target),
                let source = rule.source, let destination = rule.destination,
                let same = ours.first(where: { $0.isAbout(source, destination) })
            else { return nil }
            let text = "\(rule.program) -t nat -A \(rule)"
            let isSame = same.matches.contains(.source(PrefixSet([source])))
            let reason = isSame ? "does the same as" : "is for some of the traffic of"
            return Conflict(
                "\"\(text)\" \(reason) \"\(same.comment ?? "ours")\"; ours decides first",
                adoption: [Step(.remove(.iptablesRule(rule)), because: same.comment ?? "adopted")])
        }
    }

    /// Routes of others for exactly our prefixes.
    private func foreignRoutes() -> [Conflict] {
        var ours: [IPPrefix: Desired<Route>] = [:]
        for desired in plan.routes { ours[desired.value.destination] = desired }
        guard !ours.isEmpty else { return [] }
        return observed.routes.compactMap { route in
            guard !route.isOurs, route.table == Route.mainTable, let desired = ours[route.destination] else {
                return nil
            }
            let isSame =
                route.nextHops.count == desired.value.nextHops.count
                && zip(route.nextHops, desired.value.nextHops).allSatisfy { $0.satisfies($1) }
            let hides = route.metric < desired.value.metric
            let effect =
                if hides { "hides ours, whose metric is \(desired.value.metric)" } else if isSame {
                    "does the same as ours"
                } else { "leads elsewhere; ours goes before it" }
            return Conflict(
                "\"ip route add \(route)\" \(effect) (\(desired.because))",
                adoption: isSame || hides ? [Step(.remove(.route(route)), because: desired.because)] : [])
        }
    }

    /// Two devices of one host cannot have the same number and port.
    private func foreignSegments() -> [Conflict] {
        plan.links.flatMap { desired -> [Conflict] in
            guard case .vxlan(let mesh) = desired.value.kind else { return [] }
            return observed.links.compactMap { link in
                guard !link.isOurs, case .vxlan(let other) = link.kind, other.id == mesh.id,
                    other.port == mesh.port,
                    link.name != desired.value.name
                else { return nil }
                return Conflict(
                    "the device \(link.name) has VXLAN \(other.id) on port \(other.port) already, so that"
                        + " ours"
                        + " cannot be made (\(desired.because)): choose another vxlan.id, or delete it")
            }
        }
    }

    /// Chains of nft that drop what is forwarded, where no rule of ours may be put.
    private func foreignFirewalls() -> [Conflict] {
        guard !plan.accepts.isEmpty else { return [] }
        return observed.tables.filter { !$0.isOurs && !$0.isOfIPTables }.flatMap { table in
            table.chains.filter { chain in
                guard let hook = chain.hook, hook.point == .forward, hook.type == .filter else {
                    return false
                }
                return !hook.acceptsByDefault || chain.endsWithRejection
            }.map { chain in
                Conflict(
                    "the chain \(chain.name) of nft table \(table.family.rawValue) \(table.name) drops what"
                        + " it does"
                        + " not know: let its owner accept the traffic of the paths there (with firewalld: a"
                        + " policy"
                        + " from the zone of the clients to that of the cluster)")
            }
        }
    }
}

extension FilterTable {
    /// True for the tables that iptables-nft keeps, which `IPTablesState` describes.
    fileprivate var isOfIPTables: Bool {
        [.ip, .ip6].contains(family) && ["filter", "nat", "mangle", "raw", "security"].contains(name)
    }
}

extension FilterChain {
    fileprivate var endsWithRejection: Bool {
        guard let last = rules.last, last.matches.isEmpty else { return false }
        switch last.action {
        case .drop, .reject: return true
        default: return false
        }
    }
}

extension FilterAction {
    fileprivate var isTranslation: Bool {
        switch self {
        case .masquerade, .sourceTranslation: true
        default: false
        }
    }
}

extension FilterRule {
    /// True where the rule decides on some packets from `source` to `destination`.
    fileprivate func isAbout(_ source: IPPrefix, _ destination: IPPrefix) -> Bool {
        var isFrom = false
        var isTo = false
        for match in matches {
            switch match {
            case .source(let set): isFrom = set.overlaps(PrefixSet([source]))
            case .destination(let set), .originalDestination(let set):
                isTo = set.overlaps(PrefixSet([destination]))
            default: break
            }
        }
        return isFrom && isTo
    }
}
