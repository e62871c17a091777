import IPAddressing
package import NetworkModel
import PacketPath

/// The packets of a plan whose route is looked up in the kernel, and the meaning of the answers.
struct RouteChecks {
    private let plan: ResolvedPlan
    /// The host as observed.
    private let observed: HostState
    /// Chooses addresses.
    private let sampling: FlowSampling
    /// Follows packets through rules.
    private let walk: PacketWalk

    /// The ends of the plan's connections, both ways: from where to where. No packet has a service's address
    /// as its source: answers come from pods until the translation is reversed.
    private let ends: [(from: IPPrefix, to: IPPrefix)]

    /// The most routes of a plan that are looked up; a large mesh has more of the same kind.
    private static let mostRoutes = 128

    /// The most foreign routes inside of one of ours that are looked up.
    private static let mostParts = 8

    /// A lookup and the planned route of its packet.
    struct Check {
        /// The lookup.
        let question: RouteQuestion

        /// One of ours, or for answers the one of the main table.
        let route: Desired<Route>

        /// The prefix of the plan that the packet represents.
        let destination: IPPrefix
    }

    /// - Parameters:
    ///   - plan: For `observed`.
    ///   - rules: Those of `observed`.
    init(_ plan: ResolvedPlan, on observed: HostState, rules: PacketRules) {
        self.plan = plan
        self.observed = observed
        sampling = FlowSampling(plan, on: observed, rules: rules)
        walk = PacketWalk(rules, routes: sampling.routes)
        ends = Self.ends(plan.accepts.map(\.value.match))
    }

    private static func ends(_ matches: [ForwardAccept.Match]) -> [(from: IPPrefix, to: IPPrefix)] {
        var ends: [(from: IPPrefix, to: IPPrefix)] = []
        var services: Set<IPPrefix> = []
        for match in matches {
            switch match {
            case .originalPair(let near, let far):
                services.insert(far)
                ends += [(near, far), (far, near)]
            case .pair(let near, let far): ends += [(near, far), (far, near)]
            case .answers: continue
            }
        }
        return services.isEmpty ? ends : ends.filter { !services.contains($0.from) }
    }

    /// Missing routes are reported as such, and not looked up.
    func checks() -> [Check] {
        let present = Set(observed.routes.filter(\.isOurs).map(\.destination))
        let ours = plan.routes.filter { $0.value.isAsked && present.contains($0.value.destination) }
        var seen: Set<RouteQuestion> = []
        var arrivals: [IPPrefix: [RouteQuestion.Arrival]] = [:]
        let foreign = foreignDestinations
        let forward = ours.sample(Self.mostRoutes).flatMap { desired in
            destinations(in: desired.value.destination, foreign).flatMap { destination -> [Check] in
                guard let route = sampling.plannedRoute(to: destination) else { return [] }
                return questions(to: destination, in: desired.value.destination, &arrivals)
                    .filter { seen.insert($0).inserted }.map {
                        Check(question: $0, route: route, destination: route.value.destination)
                    }
            }
        }
        return forward + answers().filter { seen.insert($0.question).inserted }
    }

    /// Answers to clients that no route of ours leads to: they must follow the main table.
    private func answers() -> [Check] {
        plan.accepts.sample(Self.mostAnswers).compactMap { accept -> Check? in
            let (near, far): (IPPrefix, IPPrefix)
            switch accept.value.match {
            case .answers: return nil
            case .pair(let source, let destination): (near, far) = (source, destination)
            case .originalPair(let source, let services):
                guard !sampling.isServed(services) else { return nil }
                (near, far) = (source, services)
            }
            guard let client = sampling.addresses(in: near).first,
                let server = sampling.addresses(in: far).first,
                sampling.plannedRoute(to: client) == nil, !sampling.routes.isOwn(client),
                !plan.leadsAside(client),
                let main = sampling.routes.mainRoute(to: client),
                let device = sampling.device(toward: server), observed.link(device) != nil,
                forwards(device, client.family), device != main.nextHops.first?.device
            else { return nil }
            let flow = Flow(Packet(from: server, to: client), inDevice: device, outDevice: nil)
            let question = RouteQuestion(
                destination: client,
                arrival: RouteQuestion.Arrival(source: server, device: device),
                mark: walk.trace(flow).routingMark ?? 0)
            guard main.destination.length > 0 || takesAll(question) else { return nil }
            return Check(question: question, route: Desired(main, because: accept.because), destination: near)
        }
    }

    /// The most answers to clients that are looked up.
    private static let mostAnswers = 16

    /// True if a policy rule for all packets decides, like that of a VPN. Clouds have rules for single
    /// sources and marks, which intentionally bypass the main table's default route.
    private func takesAll(_ question: RouteQuestion) -> Bool {
        guard let rule = decision(on: question)?.rule else { return false }
        return rule.source == nil && rule.inDevice == nil && (rule.mark == nil || rule.isInverted)
    }

    /// The destinations of foreign routes that packets may take.
    private var foreignDestinations: [IPPrefix] {
        let kinds: Set<RouteKind> = [.unicast, .blackhole, .unreachable, .prohibit, .throw]
        return observed.routes.filter { !$0.isOurs && kinds.contains($0.kind) }.map(\.destination)
    }

    /// An address of the route itself, and one of each foreign route inside of it.
    private func destinations(in prefix: IPPrefix, _ foreign: [IPPrefix]) -> [IPAddress] {
        let inside = foreign.filter { prefix.contains($0) }.prefix(Self.mostParts).map(\.sampleAddress)
        return [prefix.sampleAddress] + inside.filter { !sampling.routes.isOwn($0) }
    }

    /// One packet from each kind of source that the plan has for the destination; one from the host itself if
    /// there is none.
    ///
    /// - Parameter arrivals: How packets of each source arrive: a mesh has a few sources for all of its
    ///   routes.
    private func questions(
        to destination: IPAddress, in prefix: IPPrefix, _ arrivals: inout [IPPrefix: [RouteQuestion.Arrival]]
    ) -> [RouteQuestion] {
        let found = sources(to: prefix).flatMap { source in
            if let known = arrivals[source] { return known }
            let new = self.arrivals(from: source)
            arrivals[source] = new
            return new
        }.map { arrival in
            let packet = Packet(from: arrival.source, to: destination, ports: (47_001, 18_443))
            let flow = Flow(packet, inDevice: arrival.device, outDevice: nil)
            let mark = walk.trace(flow).routingMark ?? 0
            return RouteQuestion(destination: destination, arrival: arrival, mark: mark)
        }
        return found.isEmpty ? [RouteQuestion(destination: destination)] : found
    }

    /// How packets from `source` arrive that this host forwards.
    private func arrivals(from source: IPPrefix) -> [RouteQuestion.Arrival] {
        addresses(in: source).filter { !sampling.routes.isOwn($0) }.compactMap { address in
            guard let device = sampling.device(toward: address), observed.link(device) != nil,
                forwards(device, address.family)
            else { return nil }
            return RouteQuestion.Arrival(source: address, device: device)
        }
    }

    /// False if the kernel forwards nothing that arrives at the device: then no path uses it.
    private func forwards(_ device: String, _ family: AddressFamily) -> Bool {
        let names: [(String, KernelSetting.Name)] = [
            (device, .forwarding), (device, .forceForwarding), ("all", .forwarding),
        ]
        let values = names.dropLast(family == .v4 ? 2 : 0).compactMap { device, name in
            observed.settings[KernelSetting(family: family, device: device, name: name)]
        }
        return values.isEmpty || values.contains(1)
    }

    /// The sources of packets to `destination`.
    private func sources(to destination: IPPrefix) -> [IPPrefix] {
        var found: [IPPrefix] = []
        for (from, to) in ends where to.overlaps(destination) && !found.contains(from) {
            found.append(from)
            if found.count >= 4 { break }
        }
        return found
    }

    /// An address of the prefix, and one of each part that a policy rule names.
    private func addresses(in prefix: IPPrefix) -> [IPAddress] {
        let parts = observed.policyRules.compactMap(\.source).filter { $0 != prefix && prefix.contains($0) }
        return Array(sampling.addresses(in: prefix).prefix(1)) + parts.prefix(4).map(\.sampleAddress)
    }

    // MARK: - Answers

    /// Rules and routes that divert packets from our routes, each named once.
    func conflicts() -> [Conflict] {
        guard !observed.routeAnswers.isEmpty else { return [] }
        var seen: Set<String> = []
        return checks().compactMap { check in
            guard let answer = observed.routeAnswers[check.question],
                let conflict = conflict(check, answer), seen.insert(conflict.key).inserted
            else { return nil }
            return conflict.value
        }
    }

    /// The conflict that an answer shows; nil if there is none.
    private func conflict(_ check: Check, _ answer: RouteAnswer) -> (key: String, value: Conflict)? {
        let ours = check.route.value
        let effect: String
        var culprit = culprit(of: check.question)
        switch answer {
        case .forwarded(let hop, let route):
            let isOurs = ours.nextHops.contains { wanted in
                hop.gateway == wanted.gateway && (wanted.device == nil || wanted.device == hop.device)
            }
            guard !isOurs, !isAside(culprit) else { return nil }
            effect =
                "leads packets to \(check.destination) " + (hop.gateway.map { "via \($0) " } ?? "")
                + "out of \(hop.device ?? "?")"
            if culprit.route?.destination != route.destination || culprit.route?.table != route.table {
                culprit.route = route
            }
        case .delivered: effect = "gives packets to \(check.destination) to this host itself"
        case .refused(let words): effect = "lets no packet to \(check.destination) through (\(words))"
        }
        let name = culprit.description ?? "the kernel"
        let conflict = Conflict(
            "\(name) \(effect), instead of \(ours) (asked: ip \(check.question); \(check.route.because))",
            remedy: culprit.remedy(for: check))
        return (name + effect, conflict)
    }

    /// True if the plan itself has a rule for these packets, into the namespace of a cluster.
    private func isAside(_ culprit: Culprit) -> Bool {
        guard let rule = culprit.rule else { return false }
        return plan.rules.contains { $0.value == rule }
    }

    /// The deciding rule and route, according to the observation.
    private func culprit(of question: RouteQuestion) -> Culprit {
        let decision = decision(on: question)
        return Culprit(rule: decision?.rule, route: decision?.route)
    }

    /// The deciding rule and route; nil if they are unknown.
    private func decision(on question: RouteQuestion) -> RouteLookup.Decision? {
        let query = RouteLookup.Query(
            question.destination, source: question.arrival?.source, inDevice: question.arrival?.device,
            mark: question.mark)
        return sampling.routes.decide(query)
    }

    /// A policy rule, a route, or both.
    private struct Culprit {
        /// The policy rule.
        var rule: PolicyRule?
        /// The route.
        var route: Route?

        /// Nil if neither is known.
        var description: String? {
            let parts = [
                rule.flatMap { isOrdinary($0) ? nil : "the policy rule \"\($0)\"" },
                route.map { "the route \"\($0)\"" },
            ].compactMap(\.self)
            return parts.isEmpty ? nil : parts.joined(separator: " with ")
        }

        /// True for the default rules of every host.
        private func isOrdinary(_ rule: PolicyRule) -> Bool {
            guard case .lookup(let table) = rule.action else { return false }
            return [Route.localTable, Route.mainTable, 253].contains(table)
        }

        /// A policy rule can be put before another; a route with a longer prefix can only be deleted.
        func remedy(for check: Check) -> [String] {
            let destination = check.destination
            if let rule, !isOrdinary(rule), rule.priority > 0 {
                let family = destination.family == .v4 ? "ip" : "ip -6"
                return ["\(family) rule add to \(destination) lookup main priority \(rule.priority - 1)"]
            }
            guard let route, !route.isOurs, destination.contains(route.destination) else { return [] }
            return ["ip route del \(route)"]
        }
    }
}

extension ResolvedPlan {
    /// True if a rule of the plan leads answers to `client` elsewhere than the main table does.
    fileprivate func leadsAside(_ client: IPAddress) -> Bool {
        rules.contains { $0.value.destination?.contains(client) == true }
    }
}

extension HostPlan {
    /// The lookups that show whether packets take the plan's routes.
    package func routeQuestions(on observed: HostState) -> [RouteQuestion] {
        let rules = PacketRules(observed)
        return RouteChecks(resolved(on: observed), on: observed, rules: rules).checks().map(\.question)
    }
}
