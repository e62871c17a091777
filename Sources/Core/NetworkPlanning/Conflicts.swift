import IPAddressing
import NetworkModel

extension DifferenceCalculation {
    /// Foreign objects that do the same as ours, or that hide them; each named once.
    func conflicts() -> [Conflict] {
        handMadeTranslations() + foreignRoutes()
    }

    /// Rules of iptables for the same pairs, as entered by hand.
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
            let because = same.comment ?? "ours"
            guard ours.contains(where: { $0.covers(source, destination) }) else {
                return Conflict(
                    "\"\(text)\" is for more than \"\(because)\"; ours decides first, and this one stays"
                        + " with --adopt, too, since other traffic may need it",
                    isHarmless: true)
            }
            return Conflict(
                "\"\(text)\" does the same as \"\(because)\"; ours decides first",
                isHarmless: true,
                adoption: [Step(.remove(.iptablesRule(rule)), because: because)])
        }
    }

    /// Foreign routes for exactly our prefixes.
    private func foreignRoutes() -> [Conflict] {
        var ours: [IPPrefix: Desired<Route>] = [:]
        for desired in plan.routes
        where desired.value.isAsked {
            ours[desired.value.destination] = desired
        }
        // The halves stand for the prefix. A foreign route of one alone is as any other inside of it:
        // `RouteChecks` tells where it leads.
        for prefix in plan.halvedPrefixes {
            guard let halves = prefix.halves else { continue }
            ours[prefix] = ours.removeValue(forKey: halves.low)
            ours[halves.high] = nil
        }
        guard !ours.isEmpty else { return [] }
        return observed.routes.compactMap { route in
            guard !route.isOurs, route.table == Route.mainTable, let desired = ours[route.destination] else {
                return nil
            }
            let isSame = route.leads(as: desired.value)
            let isHalved = plan.halvedPrefixes.contains(route.destination)
            let hides = route.metric < desired.value.metric && !isSame && !isHalved
            let isByHand = Route.protocolsOfHands.contains(route.routeProtocol)
            // A route that a daemon maintains does no harm, and would come back.
            if isSame, !hides, !isByHand { return nil }
            let effect =
                if hides { "hides ours, whose metric is \(desired.value.metric)" } else if isSame {
                    "does the same as ours"
                } else if isHalved {
                    route.destination.halves == nil
                        ? "leads elsewhere; ours, in table \(Route.hiddenAddresses), takes precedence"
                        : "leads elsewhere; ours, the halves of the prefix, take precedence"
                } else { "leads elsewhere; ours takes precedence" }
            return Conflict(
                "\"ip route add \(route)\" \(effect) (\(desired.because))",
                isHarmless: !hides,
                adoption: isByHand && (isSame || hides)
                    ? [Step(.remove(.route(route)), because: desired.because)] : [])
        }
    }
}

extension Route {
    /// The protocols of routes that no daemon maintains: `ip route add` and `ip route add proto
    /// static` (linux/rtnetlink.h).
    fileprivate static let protocolsOfHands: Set<Int> = [3, 4]
}

extension FilterAction {
    /// True if the rule translates source addresses.
    fileprivate var isTranslation: Bool {
        switch self {
        case .masquerade, .sourceTranslation: true
        default: false
        }
    }
}

extension FilterRule {
    /// True if the rule decides on every packet from `source` to `destination`.
    fileprivate func covers(_ source: IPPrefix, _ destination: IPPrefix) -> Bool {
        var isFrom = false
        var isTo = false
        for match in matches {
            switch match {
            case .source(let set): isFrom = set.contains(PrefixSet([source]))
            case .destination(let set), .originalDestination(let set):
                isTo = set.contains(PrefixSet([destination]))
            default: return false
            }
        }
        return isFrom && isTo
    }

    /// True if the rule decides on some packets from `source` to `destination`.
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
