import IPAddressing
import NetworkModel
import PacketPath

/// The effect of a host's foreign rules on the traffic of a plan, and the permitted remedies.
struct FirewallJudgement {
    /// The rules of iptables that accept the plan's traffic if a foreign chain would drop it.
    private(set) var acceptRules: [Desired<IPTablesRule>] = []

    /// Those of them that exist already, but after a rule that drops.
    private(set) var misplaced: Set<IPTablesRule> = []

    /// Rules that still drop traffic, or are not understood.
    private(set) var conflicts: [Conflict] = []

    private let plan: ResolvedPlan
    /// The host as observed.
    private let observed: HostState
    /// The rules of the host.
    private let rules: PacketRules
    /// Chooses the packets.
    private let sampling: FlowSampling
    /// The packets that represent the plan's traffic.
    private let flows: [PlannedFlow]

    /// - Parameters:
    ///   - plan: For `observed`.
    ///   - rules: Those of `observed`.
    init(_ plan: ResolvedPlan, on observed: HostState, rules: PacketRules) {
        self.plan = plan
        self.observed = observed
        self.rules = rules
        let sampling = FlowSampling(plan, on: observed, rules: rules)
        self.sampling = sampling
        let requests = plan.accepts.isEmpty || rules.isEmpty ? [] : sampling.requests()
        flows = requests.flatMap { planned in
            let flows = [planned.flow, planned.flow.established] + sampling.replies(to: planned.flow)
            return flows.map { PlannedFlow(flow: $0, accept: planned.accept) }
        }
        guard !flows.isEmpty else { return }
        var walked = rules
        for state in observed.iptables {
            acceptRules += accepts(in: state)
            let missing = acceptRules.map(\.value).filter { $0.family == state.family && !isPresent($0) }
            walked = walked.inserting(missing, program: state.program)
        }
        let walk = PacketWalk(walked, routes: sampling.routes)
        let blocked = blocked(by: walk)
        conflicts = Self.conflicts(blocked, plan: plan)
        conflicts += UnknownConnections(plan, requests).conflicts(walk, besides: Set(blocked.map(\.place)))
    }

    /// True if the host has the rule.
    private func isPresent(_ rule: IPTablesRule) -> Bool {
        observed.iptables.contains { state in
            state.family == rule.family
                && state.chain(rule.chain, of: rule.table)?.rules.contains(rule) == true
        }
    }

    // MARK: - What we may add

    /// The accepts of one family: first in the chain that decides on what is forwarded, and where IPVS
    /// delivers services, in that of what is for the host itself.
    private mutating func accepts(in state: IPTablesState) -> [Desired<IPTablesRule>] {
        let without = blocked(by: PacketWalk(rules, routes: sampling.routes, ignoresOurs: true))
        var found: [Desired<IPTablesRule>] = []
        for (chain, point) in [("FORWARD", FilterHook.HookPoint.forward), ("INPUT", .input)] {
            let drops = without.contains { $0.place.isOf(state, table: "filter", hook: point) }
            guard let present = state.chain(chain, of: "filter") else { continue }
            let isOurs =
                present.rules.contains(where: \.isOurs)
                || chain == "FORWARD"
                    && state.chain("DOCKER-USER", of: "filter")?.rules.contains(where: \.isOurs) == true
            guard drops || isOurs else { continue }
            found += rules(for: point, in: placement(chain, at: point, state), state)
        }
        noteMisplaced(found.map(\.value), state)
        return found
    }

    /// The accept rules for packets that a chain of `point` drops.
    private func rules(
        for point: FilterHook.HookPoint, in chain: String, _ state: IPTablesState
    ) -> [Desired<IPTablesRule>] {
        plan.accepts.filter { accept in
            guard accept.value.family == state.family else { return false }
            guard point == .input, case .originalPair = accept.value.match else { return point == .forward }
            return flows.contains { $0.flow.course == .balanced && $0.accept == accept }
        }.map { Desired($0.value.rule(in: chain, because: $0.because), because: $0.because) }
    }

    /// The chain that our rules are put first in: their present one, if they are effective there;
    /// `DOCKER-USER`, which Docker reserves for other programs, if packets traverse it before any rule
    /// drops them.
    private func placement(
        _ base: String, at point: FilterHook.HookPoint, _ state: IPTablesState
    ) -> String {
        guard point == .forward, state.chain("DOCKER-USER", of: "filter") != nil else { return base }
        let isThere = state.chain(base, of: "filter")?.rules.contains(where: \.isOurs) == true
        let candidates = isThere ? [base, "DOCKER-USER"] : ["DOCKER-USER", base]
        return candidates.first { passes(rules(for: point, in: $0, state).map(\.value), point, state: state) }
            ?? base
    }

    /// True if no iptables chain of the hook drops once these rules are first.
    private func passes(
        _ added: [IPTablesRule], _ point: FilterHook.HookPoint, state: IPTablesState
    ) -> Bool {
        let walk = PacketWalk(
            rules.inserting(added, program: state.program, areOurs: false), routes: sampling.routes,
            ignoresOurs: true)
        return !blocked(by: walk).contains { $0.place.isOf(state, table: "filter", hook: point) }
    }

    /// Our rules stay in their place as long as packets traverse them.
    private mutating func noteMisplaced(_ wanted: [IPTablesRule], _ state: IPTablesState) {
        let present = wanted.filter(isPresent)
        guard !present.isEmpty, present.count == wanted.count else { return }
        let now = blocked(by: PacketWalk(rules, routes: sampling.routes))
        guard now.contains(where: { $0.place.isOf(state, table: "filter") }) else { return }
        let points: [FilterHook.HookPoint] = [.forward, .input]
        let isCurable = points.allSatisfy { passes(wanted, $0, state: state) }
        if isCurable { misplaced.formUnion(present) }
    }

    // MARK: - Obstacles

    /// A flow and the rules that drop it.
    private struct Blocked {
        /// The packet.
        let planned: PlannedFlow
        /// The rule that drops it.
        let place: RulePlace
        /// False if the rule is not understood.
        let isCertain: Bool
    }

    /// The packets that `walk` finds dropped.
    private func blocked(by walk: PacketWalk) -> [Blocked] {
        flows.flatMap { planned in
            walk.trace(planned.flow).steps.filter { $0.action != .accept }.map { step in
                Blocked(planned: planned, place: step.rule, isCertain: step.action == .drop)
            }
        }
    }

    /// One for each rule, in the order of the plan.
    private static func conflicts(_ blocked: [Blocked], plan: ResolvedPlan) -> [Conflict] {
        var order: [RulePlace] = []
        var groups: [RulePlace: [Blocked]] = [:]
        for item in blocked {
            if groups[item.place] == nil { order.append(item.place) }
            groups[item.place, default: []].append(item)
        }
        return order.compactMap { place in
            guard let items = groups[place], let first = items.first(where: \.isCertain) ?? items.first else {
                return nil
            }
            let example = "\(first.planned.flow.packet), \(first.planned.flow.ways)"
            guard first.isCertain else {
                return Conflict(
                    "\(place): not understood: whether packets of the paths pass is unknown (\(example))",
                    isUnknown: true)
            }
            let shut = items.filter(\.isCertain)
            return Conflict(
                "\(place): drops packets of the paths (\(example)): enter these, and in what makes it",
                remedy: FirewallRemedy(place).lines(shut.map(\.planned)))
        }
    }
}

extension RulePlace {
    /// True for a rule that the chains of `state` lead to.
    fileprivate func isOf(
        _ state: IPTablesState, table: String, hook: FilterHook.HookPoint? = nil
    ) -> Bool {
        owner == .iptables(program: state.program) && family == (state.family == .v4 ? .ip : .ip6)
            && self.table == table && (hook == nil || self.hook == hook)
    }
}

extension Flow {
    /// As in `from eth0 to eth1`.
    fileprivate var ways: String {
        (isReply ? "an answer, " : state == .new ? "" : "established, ")
            + "\(inDevice ?? "any device") to \(outDevice ?? "any device")"
    }
}
