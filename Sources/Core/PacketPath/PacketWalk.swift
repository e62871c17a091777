package import IPAddressing
import JSON
package import NetworkModel

/// The rules of a host, of both back ends, ready to be walked.
package struct PacketRules: Sendable {
    /// The tables of both back ends, the oldest first: by the kernel's numbers those of nft, then those of
    /// iptables, since managers of networks make theirs later than the host's own firewall.
    private(set) var tables: [RuleTable]

    /// True if a rule tells packets of one connection from each other.
    let areOfConnections: Bool

    /// - Parameter withOurs: True if our own table counts as well.
    package init(_ observed: HostState, withOurs: Bool = false) {
        let others = observed.tables.filter { withOurs || !$0.isOurs }.flatMap(\.json)
        tables = NFTReader(others + observed.foreignItems).tables.sorted {
            ($0.handle ?? 0) < ($1.handle ?? 0)
        }
        for state in observed.legacyTables + observed.iptables {
            tables += IPTablesReader.tables(of: state)
        }
        areOfConnections = tables.contains { table in
            table.chains.values.contains { chain in
                chain.rules.contains { $0.statements.contains(where: \.isOfConnection) }
            }
        }
    }

    /// True if there is no rule.
    package var isEmpty: Bool { tables.isEmpty }

    /// The rules with `rules` first in their chains.
    ///
    /// - Parameter areOurs: False if a walk that skips our rules must see them.
    package func inserting(
        _ rules: [IPTablesRule], program: String, areOurs: Bool = true
    ) -> PacketRules {
        var result = self
        for rule in rules.reversed() {
            let family: FilterFamily = rule.family == .v4 ? .ip : .ip6
            let index = tables.firstIndex {
                $0.owner == .iptables(program: program) && $0.family == family && $0.name == rule.table
            }
            guard let index else { continue }
            var added = PacketRule(rule, number: 0)
            added.isOurs = areOurs
            result.tables[index].chains[rule.chain]?.rules.insert(added, at: 0)
        }
        return result
    }

    /// The prefixes of more than one address in conditions: addresses inside and outside of them may have
    /// different outcomes.
    package var namedPrefixes: Set<IPPrefix> {
        var found: Set<IPPrefix> = []
        for rule in tables.lazy.flatMap(\.chains.values).flatMap(\.rules) {
            for case .condition(let condition) in rule.statements {
                guard case .elements(let elements) = condition.set else { continue }
                for case .prefix(let prefix) in elements.lazy.flatMap(\.patterns)
                where prefix.length < prefix.family.bitWidth {
                    found.insert(prefix)
                }
            }
        }
        return found
    }
}

/// Follows packets through the rules of a host, in the order in which the kernel runs the chains.
package struct PacketWalk: Sendable {
    /// The rules.
    let rules: PacketRules
    /// The routes.
    let routes: RouteLookup

    /// True if our rules in foreign chains are skipped, to see the outcome without them.
    let ignoresOurs: Bool

    /// The base chains of each hook, in the kernel's order.
    let baseChains: [FilterHook.HookPoint: [BaseChain]]

    /// A chain that the kernel calls.
    struct BaseChain: Sendable {
        /// Index of the table.
        let table: Int
        /// The chain.
        let chain: RuleChain
        /// Its hook.
        let hook: RuleHook
    }

    /// Creates a packet walk.
    package init(_ rules: PacketRules, routes: RouteLookup, ignoresOurs: Bool = false) {
        self.rules = rules
        self.routes = routes
        self.ignoresOurs = ignoresOurs
        var found: [FilterHook.HookPoint: [BaseChain]] = [:]
        for (index, table) in rules.tables.enumerated() where table.isAwake {
            for chain in table.chains.values {
                guard let hook = chain.hook else { continue }
                found[hook.point, default: []].append(BaseChain(table: index, chain: chain, hook: hook))
            }
        }
        baseChains = found.mapValues { chains in
            chains.sorted {
                // Of chains with one priority the kernel runs the newest first (nf_hook_entries_grow).
                ($0.hook.order, $0.hook.priority, -$0.table, -$0.chain.position)
                    < ($1.hook.order, $1.hook.priority, -$1.table, -$1.chain.position)
            }
        }
    }

    /// The outcome for `flow`. After a rule that drops it the walk continues as if it had not, so that the
    /// steps have every obstacle.
    package func trace(_ flow: Flow) -> PacketTrace {
        var trace = PacketTrace(verdict: .accepted)
        var state = PacketState(flow, at: .ingress)
        for hook in flow.course.hooks {
            state.hook = hook
            if hook == .output { state.packet = flow.inside }
            pass(hook, &state, trace: &trace)
            if hook == .prerouting { trace.routingMark = state.mark.masked(.max) }
        }
        return trace
    }

    /// Runs the chains of one hook; translations happen between them.
    private func pass(_ hook: FilterHook.HookPoint, _ state: inout PacketState, trace: inout PacketTrace) {
        let flow = state.flow
        for base in baseChains[hook] ?? [] {
            let table = rules.tables[base.table]
            guard table.family.carries(flow.packet.family), base.hook.concerns(state) else { continue }
            if hook == .prerouting, base.hook.priority > -100, !base.hook.isNAT {
                state.packet = flow.entered
            }
            if hook == .postrouting, base.hook.priority > 100, !base.hook.isNAT {
                state.packet = flow.leaving
            }
            var run = ChainRun(walk: self, table: table, base: base.chain, hook: base.hook)
            let end = run.wholeChain(state)
            decide(end, packet: state.packet, &trace)
            state = end.passing ?? state
        }
        if hook == .prerouting { state.packet = flow.entered }
    }

    /// Notes what a base chain has decided.
    private func decide(_ end: ChainRun.End, packet: Packet, _ trace: inout PacketTrace) {
        guard let culprit = end.drop else { return }
        let isCertain = end.passing == nil
        let place = isCertain ? culprit : end.doubt ?? culprit
        trace.steps.append(
            PacketTrace.Step(
                rule: place, action: isCertain ? .drop : .unknown, packet: packet, evidence: .read))
        switch trace.verdict {
        case .accepted: trace.verdict = isCertain ? .dropped(by: place) : .unknown(at: place)
        case .unknown: if isCertain { trace.verdict = .dropped(by: place) }
        case .dropped: break
        }
    }
}

extension Flow {
    /// The packet after the translation of its destination.
    fileprivate var entered: Packet { course == .balanced ? packet : inside }
}

extension Flow.Course {
    /// In the kernel's order.
    fileprivate var hooks: [FilterHook.HookPoint] {
        switch self {
        case .forwarded: [.ingress, .prerouting, .forward, .postrouting, .egress]
        case .delivered: [.ingress, .prerouting, .input]
        case .balanced: [.ingress, .prerouting, .input, .output, .postrouting, .egress]
        }
    }
}

extension FilterFamily {
    /// True if tables of this family apply to routed packets of `family`.
    func carries(_ family: AddressFamily) -> Bool {
        switch self {
        case .inet, .netdev: true
        case .ip: family == .v4
        case .ip6: family == .v6
        case .arp, .bridge: false
        }
    }
}

extension RuleHook {
    /// The priority at which the kernel runs the chain: all chains of NAT run together.
    var order: Int {
        guard isNAT else { return priority }
        return point == .prerouting || point == .output ? -100 : 100
    }

    /// NAT chains apply only to the first packet of a connection, and chains of a device to its packets.
    func concerns(_ state: PacketState) -> Bool {
        if isNAT { return state.flow.state == .new && state.isTracked }
        guard let devices else { return true }
        let device = point == .egress ? state.flow.outDevice : state.flow.inDevice
        return device.map { name in devices.contains(name) } ?? false
    }
}
