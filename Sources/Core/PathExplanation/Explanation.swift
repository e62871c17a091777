import IPAddressing
package import Inventory
package import NetworkModel
package import NetworkPlanning
package import PacketPath

/// Why packets between two ends arrive, or do not.
package struct Explanation: Sendable {
    /// What was asked.
    package let question: ExplainedQuestion
    /// The answer.
    package private(set) var verdict: Verdict
    /// The reason; nil for packets that arrive as they are.
    package private(set) var code: PathCode?
    /// The object that decides; nil if nothing is in the way.
    package private(set) var decision: Decision?
    /// What makes the packets arrive; empty if they do.
    package private(set) var fix = ""
    /// Further remarks.
    package private(set) var notes: [String] = []
    /// The ways of the packets, by kind of destination.
    package private(set) var groups: [Group] = []
    /// Packets that were sent for real; empty if none were.
    package var probes: [ProbedPacket] = []
    /// True if the path hides its clients behind a relay.
    private var isSourceHidden = false
    /// The hosts of which only a part was read.
    private(set) var partlyRead: Set<String> = []

    /// The answer to a question.
    package enum Verdict: String, Hashable, Sendable {
        case reachable, unreachable, depends, unknown
    }

    /// The object that decides.
    package struct Decision: Hashable, Sendable {
        /// The machine.
        package var host: String
        /// What the machine is.
        package var role: String
        /// The object.
        package var rule: String
        /// How it is known.
        package var evidence: PacketTrace.Evidence
    }

    /// The ways to one kind of destination.
    package struct Group: Sendable {
        /// As in `pods`; empty for an address.
        package var title: String
        /// The ways.
        package var exchanges: [PathExchange]
    }

    /// Explains what becomes of packets.
    ///
    /// - Parameters:
    ///   - observed: The states of hosts by place and name, as in `prod/relay1`.
    ///   - isApplied: True if hosts that were not observed count as their plans make them.
    ///   - choices: Which relays carry, as an agent has chosen.
    package init(
        _ question: ExplainedQuestion, in inventory: Inventory, observed: [String: HostState] = [:],
        isApplied: Bool = true, choices: RelayChoices = RelayChoices()
    ) {
        var builder = NetworkBuilder(
            inventory, observed: observed, isApplied: isApplied,
            condensedTo: question.from.named + question.to.named, choices: choices)
        self.init(question, by: &builder)
    }

    /// Explains by a builder, whose network has the addresses that the question names.
    init(_ question: ExplainedQuestion, by builder: inout NetworkBuilder) {
        let map = builder.network(with: question.from.named + question.to.named)
        self.init(question, in: builder.inventory, map: map)
    }

    /// Explains by a network that several explanations share.
    ///
    /// - Parameter advises: False if the fix and the remarks are left out.
    init(
        _ question: ExplainedQuestion, in inventory: Inventory, map: NetworkMap, advises: Bool = true
    ) {
        self.question = question
        verdict = .unknown
        let choice = PacketChoice(
            inventory: inventory, map: map, from: question.from, to: question.to,
            transport: question.transport, port: question.port)
        if let overlap = OverlapCheck(inventory, choice).finding {
            verdict = .unreachable
            code = .overlap
            decision = Decision(host: question.from.text, role: "", rule: overlap.rule, evidence: .planned)
            fix = overlap.fix
            return
        }
        partlyRead = Set(map.machines.filter { !$0.knowledge.unread.isEmpty }.map(\.name))
        let walk = NetworkWalk(map, toward: question.to.place, size: question.size)
        groups = choice.groups().map { group in
            Group(
                title: group.title,
                exchanges: group.packets.flatMap { walk.exchanges(of: $0.packet, from: $0.origin) })
        }
        if case .relay(let settings)? = choice.path?.carrier, case .snat = settings.source {
            isSourceHidden = true
        }
        judge()
        guard advises else { return }
        let remedy = Remedy(
            question: question, inventory: inventory, path: choice.path, translator: translator)
        fix = code.map { remedy.fix(for: $0, failure: failure, decision: decision) } ?? ""
        notes = [question.to.remark].compactMap(\.self) + remedy.notes(on: self)
    }

    /// Every way.
    package var exchanges: [PathExchange] { groups.flatMap(\.exchanges) }

    /// The first way that fails; nil if none does.
    package var failure: PathTrace? { failedExchange?.failed }

    /// The packets that fail first; nil if none do.
    private var failedExchange: PathExchange? {
        let failed = exchanges.filter { $0.failed != nil }
        return failed.first { $0.failed?.disposition != .unknown } ?? failed.first
    }

    /// The verdict of some ways together; there is at least one.
    static func verdict(of ways: [PathExchange]) -> Verdict {
        let complete = ways.count(where: \.isComplete)
        let unknown = ways.count { $0.failed?.disposition == .unknown }
        if complete == ways.count { return .reachable }
        return complete + unknown == ways.count ? .unknown : complete > 0 ? .depends : .unreachable
    }

    /// The code of packets that arrive, whatever their size; nil if they arrive as they are.
    var codeOfSmallPackets: PathCode? {
        exchanges.lazy.flatMap(\.request.steps).compactMap(\.code).first { $0 != .mtu }
    }

    /// The verdict of all ways together.
    private mutating func judge() {
        let all = exchanges
        guard !all.isEmpty else {
            code = .notObserved
            let sender = question.from
            decision = Decision(
                host: "the file", role: "",
                rule: sender.place.isEmpty
                    ? "it does not tell where \(sender.text) is" : "it has no address for this packet",
                evidence: .planned)
            return
        }
        verdict = Self.verdict(of: all)
        guard let failure else {
            let isTooLarge = all.contains { $0.request.steps.contains { $0.code == .mtu } }
            code = isTooLarge ? .mtu : codeOfSmallPackets
            return
        }
        guard let (hop, step) = failure.culprit else { return }
        code = step.code
        decision = Decision(host: hop.host, role: hop.role, rule: step.rule, evidence: step.evidence)
        if let (diverter, route) = failure.diversion {
            code = .routeElsewhere
            decision = Decision(
                host: diverter.host, role: diverter.role, rule: route.text, evidence: route.evidence)
            return
        }
        if [.replyBypassesRelay, .noReturnRoute].contains(step.code), let idle = idleRelay {
            code = .noMasquerade
            decision = idle
            return
        }
        // A machine that sees no answers drops what follows the request: the answer's first route decides.
        let turn = failure.isReply ? bypass ?? failure.turn : failedExchange?.reply?.firstRoute
        guard step.code == .replyBypassesRelay, let (router, route) = turn else { return }
        decision = Decision(host: router.host, role: router.role, rule: route.text, evidence: route.evidence)
    }
}

extension Explanation {
    /// The last machine that changes the destination of the packets that fail; nil if none does.
    private var translator: PathHop? {
        failedExchange?.request.hops.last { hop in
            hop.steps.contains { $0.before.destination != $0.after.destination }
        }
    }

    /// The route by which an answer passes the machine that has translated its request: the last one before a
    /// machine that the request came through earlier. Nil if none has, or if the answer goes another way.
    private var bypass: (hop: PathHop, step: PathStep)? {
        guard let exchange = failedExchange, let reply = exchange.reply, let translator,
            let place = exchange.request.hops.firstIndex(of: translator)
        else { return nil }
        let before = Set(exchange.request.hops[..<place].map(\.host))
        var found: (PathHop, PathStep)?
        for hop in reply.hops {
            if before.contains(hop.host) { return found }
            for step in hop.steps where step.stage == .route { found = (hop, step) }
        }
        return nil
    }

    /// A relay that was observed, has to hide the source by the file, and does not; nil if there is none.
    private var idleRelay: Decision? {
        guard isSourceHidden, let failed = exchanges.first(where: { $0.failed?.isReply == true }) else {
            return nil
        }
        let relays = failed.request.hops.filter { $0.role == "relay" }
        guard !failed.request.steps.contains(where: { $0.code == .sourceBecomes }),
            let relay = relays.first(where: { hop in hop.steps.contains { $0.evidence == .read } })
        else { return nil }
        return Decision(
            host: relay.host, role: relay.role, rule: "no rule translates \(failed.request.last.source)",
            evidence: .read)
    }
}

/// What a user asks.
package struct ExplainedQuestion: Hashable, Sendable {
    /// The sender.
    package var from: ExplainedEnd
    /// The destination.
    package var to: ExplainedEnd
    /// As nft calls it.
    package var transport: String
    /// The destination's port; nil: one that suits the destination.
    package var port: Int?
    /// In octets, with the header of IP.
    package var size: Int

    package init(
        from: ExplainedEnd, to: ExplainedEnd, transport: String = "tcp", port: Int? = nil, size: Int = 60
    ) {
        self.from = from
        self.to = to
        self.transport = transport
        self.port = port
        self.size = size
    }
}

extension PathStep {
    /// The deciding object, with the name of the next machine.
    var text: String {
        guard let next else { return rule }
        return rule.hasSuffix(" by BGP") ? "\(rule) from \(next)" : "\(rule) (\(next))"
    }
}

extension PathTrace {
    /// The first route of the way; nil if there is none.
    fileprivate var firstRoute: (hop: PathHop, step: PathStep)? {
        for hop in hops {
            if let step = hop.steps.first(where: { $0.stage == .route }) { return (hop, step) }
        }
        return nil
    }

    /// The last route that takes the packet from a route of ours; nil if none does.
    fileprivate var diversion: (hop: PathHop, step: PathStep)? {
        for hop in hops.reversed() {
            if let step = hop.steps.last(where: \.isDiverted) { return (hop, step) }
        }
        return nil
    }

    /// Where an answer leaves the way of its request: the last route before the machine that drops it.
    fileprivate var turn: (hop: PathHop, step: PathStep)? {
        var found: (PathHop, PathStep)?
        for hop in hops {
            if hop.steps.contains(where: { $0.code?.isInformation == false }) { return found }
            for step in hop.steps where step.stage == .route { found = (hop, step) }
        }
        return found
    }
}
